"""Named measures with a size each, the values that come of them, and the command that runs them."""

import argparse
import json
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guanxi.running import Interrupted, run
from local.stack.errors import StackError
from tests.bench.table import number

INTERRUPTED = 130


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


Chosen = dict[str, int]
"""Sizes by the measures' names."""


def parse(words: Sequence[str], known: Mapping[str, Measure], *, quick: bool = False) -> Chosen | str:
    """Sizes by name, from words such as `load` and `load=8000`, in their order; or what is wrong with them."""
    chosen: Chosen = {}
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


def parser_of(prog: str, doc: str | None, known: Mapping[str, Measure]) -> argparse.ArgumentParser:
    """A command's parser: the measures, with their sizes in its help."""
    parser = argparse.ArgumentParser(
        prog=f"python -m tests.bench.{prog}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=show(known.values()),
    )
    parser.add_argument("measures", nargs="*", metavar="MEASURE[=SIZE]", help=f"[{next(iter(known))}]")
    parser.add_argument("--quick", action="store_true", help="small sizes: it shows that it works, and no more")
    return parser


def chosen_of(parser: argparse.ArgumentParser, options: argparse.Namespace, known: Mapping[str, Measure]) -> Chosen:
    """What was asked for; ends the program with words where that makes no sense."""
    chosen = parse(options.measures or [next(iter(known))], known, quick=options.quick)
    if isinstance(chosen, str):
        parser.error(chosen)
    return chosen


def command(
    parser: argparse.ArgumentParser,
    known: Mapping[str, Measure],
    work: Callable[[argparse.Namespace, str, int], Awaitable[list[Value]]],
) -> int:
    """Runs the measures that the command line asks for, prints their values, gives the exit code."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the values for a program to read")
    options = parser.parse_args()
    chosen = chosen_of(parser, options, known)
    values: list[Value] = []

    async def all_of_them() -> None:
        for name, size in chosen.items():
            say(f"{name}={size}")
            values.extend(await work(options, name, size))

    code = ended(all_of_them())
    if code:
        return code
    if options.json:
        options.json.write_text(json.dumps([[one.what, one.value, one.unit] for one in values]), encoding="utf-8")
    for one in values:
        print(one)
    return 0


def ended(work: Coroutine[Any, Any, None]) -> int:
    """Runs it to its end, by whatever; gives the exit code. Whatever it started has ended by then, after Ctrl-C too."""
    try:
        run(work)
    except Interrupted:
        return INTERRUPTED
    except StackError as error:
        say(f"bench: {error}")
        return 1
    return 0


def say(text: str) -> None:
    """How it goes; the values alone go to standard output."""
    print(text, file=sys.stderr, flush=True)
