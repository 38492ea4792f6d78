"""Exact money: decimal strings outside, whole minor units inside (domain.md, Tiering)."""

import re
from decimal import Decimal
from functools import cache

from iso4217 import Currency

from shared.events.refusal import Reason, Refused
from shared.events.types import MAX_AMOUNT_DIGITS

_MAX_AMOUNT_CHARS = 40
_AMBIGUOUS = re.compile(r"[0-9]{1,3}\.[0-9]{3}", re.ASCII)
"""12.000 may mean twelve thousand, where a point separates thousands."""


@cache
def exponents() -> dict[str, int]:
    """ISO 4217 codes in use with their number of decimals; codes without any (gold, test codes) are left out."""
    return {str(c.value): c.exponent for c in Currency if c.exponent is not None}


def parse_amount(value: object, currency: str) -> int | Refused:
    """Minor units of a positive amount: a decimal string, an int, or a Decimal (a JSON number as it was written)."""
    exponent = exponents().get(currency)
    if exponent is None:
        hint = f"{currency!r} is not an ISO 4217 code of a currency in circulation, such as CNY"
        return Refused(Reason.UNKNOWN_CURRENCY, "data.currency", hint)
    amount = _decimal(value)
    if amount is None:
        return _invalid('expected a decimal string such as "1234.50"')
    if not amount.is_finite():
        return _invalid("it must be finite")
    if amount <= 0:
        return _invalid("it must be above zero; send PurchaseRefunded for refunded money")
    if amount.adjusted() >= MAX_AMOUNT_DIGITS:
        return _invalid(f"more than {MAX_AMOUNT_DIGITS} digits before the point")
    if exponent != 3 and _AMBIGUOUS.fullmatch(str(value)):
        hint = f"{value} may mean {amount} or {str(value).replace('.', '')}; write it with {exponent} decimals"
        return Refused(Reason.AMBIGUOUS_AMOUNT, "data.amount", hint)
    scaled = amount.scaleb(exponent)
    minor = int(scaled)
    if minor != scaled:
        hint = f"{currency} has {exponent} decimals; {value} can't be represented exactly"
        return Refused(Reason.INEXACT_AMOUNT, "data.amount", hint)
    return minor


def format_minor(minor: int, currency: str) -> str:
    """The canonical decimal string of an amount in minor units: `format_minor(123450, "CNY")` is "1234.50"."""
    exponent = exponents()[currency]
    if exponent == 0:
        return str(minor)
    sign, digits = ("-" if minor < 0 else ""), str(abs(minor)).rjust(exponent + 1, "0")
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}"


def canonical_minor(amount: str, currency: str) -> int:
    """Minor units of an amount that admission has made canonical, at the cost of one integer conversion."""
    return int(amount.replace(".", "", 1)) if exponents()[currency] else int(amount)


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    if isinstance(value, str):
        digits = value.removeprefix("-").replace(".", "", 1)
        if len(value) > _MAX_AMOUNT_CHARS or not (value.isascii() and digits.isdigit()) or "." in (value[0], value[-1]):
            return None
    return Decimal(value)


def _invalid(why: str) -> Refused:
    return Refused(Reason.INVALID_AMOUNT, "data.amount", f"amount: {why}")
