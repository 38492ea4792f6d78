"""Named measures with a size each, and the values that come of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.table import number


@dataclass(frozen=True, slots=True)
class Measure:
    """size: as it is meant; quick: so that it only shows that it works; of_what: what the size counts."""

    name: str
    size: int
    quick: int
    of_what: str


@dataclass(frozen=True, slots=True)
class Value:
    """One measured value."""

    what: str
    value: float
    unit: str

    def __str__(self) -> str:
        return f"{self.what:<50}{number(self.value):>12} {self.unit}".rstrip()


def parse(words: Sequence[str], known: Mapping[str, Measure], *, quick: bool = False) -> dict[str, int] | str:
    """Sizes by name, from words such as `load` and `load=8000`, in their order; or what is wrong with them."""
    chosen: dict[str, int] = {}
    for word in words:
        name, given, size = word.partition("=")
        if name not in known:
            return f"there is no measure {name!r}; there are {', '.join(known)}"
        if given and not (size.isascii() and size.isdigit() and int(size)):
            return f"{word}: a size is a whole number above 0"
        chosen[name] = int(size) if given else (known[name].quick if quick else known[name].size)
    return chosen


def show(measures: Iterable[Measure]) -> str:
    """Help, a line for each."""
    return "measures:\n" + "\n".join(f"  {one.name}={one.size:<{26 - len(one.name)}}{one.of_what}" for one in measures)
