"""How values are shown to people."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from shared.events.types import TIERS

HIGHEST_FIRST = tuple(reversed(TIERS))
FACTOR_WORDS = {
    "strategic_fit": "strategic fit",
    "purchase_volume": "volume",
    "market_standing": "market standing",
    "growth": "growth",
    "margin": "margin",
    "payment": "payment",
    "share_of_wallet": "share of wallet",
}
_RATIOS = frozenset({"growth", "margin"})


def money(amount: str, currency: str = "") -> str:
    """Thousands separated: 279,489.02 GBP."""
    return f"{Decimal(amount):,f} {currency}".rstrip()


def factor_value(name: str, value: Any, currency: str) -> str:
    """A factor's value as measured, or "unknown"."""
    if value is None:
        return "unknown"
    if name == "purchase_volume":
        return money(str(value), currency)
    return f"{100 * Decimal(str(value)):+.1f} %" if name in _RATIOS else str(value)


def factor_adds(factor: dict[str, Any]) -> Decimal:
    """What a factor adds to the score."""
    return Decimal(str(factor["points"])) * Decimal(factor["weight"]) / 10


def day(value: Any) -> str:
    """A day or an instant's day, "-" for none."""
    if value is None:
        return "-"
    return value.date().isoformat() if isinstance(value, datetime) else str(value)


def instant(value: datetime | None) -> str:
    """An instant in UTC to the second."""
    return "-" if value is None else f"{value:%Y-%m-%d %H:%M:%S} UTC"


def days_between(first: str | None, last: date) -> int | None:
    """Days from an ISO day to a day."""
    return None if first is None else (last - date.fromisoformat(first)).days


def percent(share: float | str | None) -> str:
    """A share as a percentage, "-" for none."""
    return "-" if share is None else f"{100 * Decimal(str(share)):.0f} %"


def listed(words: Iterable[str]) -> str:
    """a, b and c."""
    found = list(words)
    return found[0] if len(found) == 1 else ", ".join(found[:-1]) + " and " + found[-1] if found else ""


def rank(tier: str) -> int:
    """0 for potential, 4 for strategic."""
    return TIERS.index(tier)
