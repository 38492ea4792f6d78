"""How exact figures are shown: half-even to 2 places (domain.md, Engagement)."""

from decimal import Decimal
from fractions import Fraction


def text(value: Fraction) -> str:
    """Such as "0.36"."""
    return str(Decimal(round(value * 100)).scaleb(-2))  # Python rounds fractions half to even


def number(value: Fraction | None) -> float | None:
    """As a number; None stays."""
    return None if value is None else round(value * 100) / 100
