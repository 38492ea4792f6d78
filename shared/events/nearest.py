"""What a name that nobody knows was probably meant to be. Pure."""

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache

MAX_CHARS = 100
"""Longest name to compare: the cost is the product of the lengths, and our longest name is half as long."""
MAX_KEPT = 2000
CLOSE = 0.7
"""How similar two names must be, from 0 to 1: `amont` and `amount` are 0.9, `colour` and `source` 0.5."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one, None where none is much like it. Case, `_`, `-` and dots count for
    nothing: purchaseId is purchase_id.
    """
    return _nearest(name, tuple(known)) if 0 < len(name) <= MAX_CHARS else None


@lru_cache(MAX_KEPT)
def _nearest(name: str, known: tuple[str, ...]) -> str | None:
    plain: dict[str, str] = {}
    for one in known:
        plain.setdefault(_plain(one), one)
    close = get_close_matches(_plain(name), plain, n=1, cutoff=CLOSE)
    return plain[close[0]] if close else None


def _plain(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())
