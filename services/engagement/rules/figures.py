"""How exact figures are shown: half-even to 2 places (domain.md, Engagement)."""

from decimal import Decimal
from fractions import Fraction


def text(value: Fraction) -> str:
    """Such as "0.36"."""
    return str(Decimal(_hundredths(value)).scaleb(-2))


def number(value: Fraction | None) -> float | None:
    """As a number; None stays."""
    return None if value is None else _hundredths(value) / 100


def _hundredths(value: Fraction) -> int:
    """`round(value * 100)` without a fraction in between, which is most of what a figure costs."""
    of, by = value.as_integer_ratio()
    whole, rest = divmod(100 * of, by)
    return whole + (2 * rest > by or (2 * rest == by and whole % 2))
