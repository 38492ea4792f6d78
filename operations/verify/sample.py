"""Which customers and representatives to check: all, or some, chosen by a hash of the log key, the same each time."""

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

from shared.errors import Malformed

_ALL = 2**32
Wants = Callable[[str], bool]
"""Whether a key is in the sample."""


@dataclass(frozen=True, slots=True)
class Sample:
    """`customers` or `percent` of them, or the one customer or representative of a `key`; None for all."""

    customers: int | None = None
    percent: float | None = None
    key: str | None = None

    def below(self, known_customers: int) -> int:
        """The hashes below this number are in the sample; about as many customers as asked for, of so many known."""
        if self.percent is not None:
            return round(_ALL * self.percent / 100)
        if self.customers is None or known_customers <= self.customers:
            return _ALL
        return round(_ALL * self.customers / known_customers)

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return self.customers is None and self.percent is None and self.key is None


def parse_sample(text: str | None) -> Sample:
    """`200` customers or `5%` of them; None and `all` take all. Raises Malformed."""
    if text is None or text == "all":
        return Sample()
    try:
        if text.endswith("%"):
            percent = float(text[:-1])
            if not 0 < percent <= 100:
                raise ValueError
            return Sample(percent=percent)
        customers = int(text)
        if customers < 1:
            raise ValueError
        return Sample(customers=customers)
    except ValueError:
        raise Malformed(
            f"{text!r} is not a sample: use a number of customers such as 200, or a share such as 5%"
        ) from None


def wanted(below: int, part: int = 0, parts: int = 1) -> Wants:
    """The keys of a sample, and of these one part of several."""
    if below >= _ALL and parts == 1:
        return lambda _: True
    if parts == 1:
        return lambda key: crc32(key.encode()) < below

    def wants(key: str) -> bool:
        hashed = crc32(key.encode())
        return hashed < below and hashed % parts == part

    return wants
