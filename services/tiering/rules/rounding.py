"""Half-even rounding of exact ratios, and decimal strings of scaled integers."""

from decimal import Decimal


def half_even(numerator: int, denominator: int) -> int:
    """The integer nearest to a ratio; the even one when two are as near. `denominator` is above zero."""
    quotient, rest = divmod(numerator, denominator)
    double = rest + rest
    if double > denominator or (double == denominator and quotient & 1):
        return quotient + 1
    return quotient


def hundredths(value: Decimal) -> int:
    """Points with up to two decimals as an integer."""
    return int(value * 100)


def points_text(points: int) -> str:
    """Hundredths as a decimal string: 725 is "7.25"."""
    return f"{points // 100}.{points % 100:02d}"


def score_text(score: int) -> str:
    """Tenths as a decimal string: 337 is "33.7"."""
    return f"{score // 10}.{score % 10}"


def ratio_text(numerator: int, denominator: int, places: int) -> str:
    """A ratio rounded half-even for show, as a decimal string with that many places."""
    scaled = half_even(numerator * 10**places, denominator)
    digits = str(abs(scaled)).rjust(places + 1, "0")
    return f"{'-' if scaled < 0 else ''}{digits[:-places]}.{digits[-places:]}"
