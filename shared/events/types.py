"""The scalar types of events: ids, texts, days, rates, each with its limit."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

MAX_ID_CHARS = 128
MAX_NAME_CHARS = 200
MAX_TEXT_CHARS = 4000
MAX_AMOUNT_DIGITS = 18
"""Of an amount, before the point."""

Id = Annotated[
    str,
    StringConstraints(
        strict=True,
        min_length=1,
        max_length=MAX_ID_CHARS,
        pattern=r"^[^\p{C}\p{Z}](?:[^\p{C}\p{Zl}\p{Zp}]*[^\p{C}\p{Z}])?$",
    ),
]
"""Opaque and case-sensitive; printable characters, no leading or trailing white space; leading zeros are kept."""


def _of_an_id(key: str) -> str:
    """Not by the pattern: up to 128 of a class of Unicode would take 8 MB in each process."""
    if len(key.partition(":")[2]) > MAX_ID_CHARS:
        raise ValueError(f"an id has at most {MAX_ID_CHARS} characters")
    return key


PersonsKey = Annotated[
    str,
    StringConstraints(
        strict=True,
        max_length=len("representative:") + MAX_ID_CHARS,
        pattern=r"^(?:customer|representative):[^\p{C}\p{Z}](?:[^\p{C}\p{Zl}\p{Zp}]*[^\p{C}\p{Z}])?$",
    ),
    AfterValidator(_of_an_id),
]
"""The log's key of a customer or a representative: of whom there are persons."""

Name = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=MAX_NAME_CHARS, pattern=r"^\P{Cc}+$")]
"""One line of text, such as a name or a department."""

Text = Annotated[
    str,
    StringConstraints(strict=True, max_length=MAX_TEXT_CHARS, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"),
]
"""Free text of several lines; may be empty."""


class TextRef(BaseModel):
    """Stands on the log for a free text, which is in the erasable `texts`. chars: NFKC code points of it, trimmed, so
    that no fold needs the text.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)
    text_id: str
    chars: Annotated[int, Field(ge=0)]


Written = TextRef | Text
"""Free text in a fact: the doors take the text (`shared.events.texts.as_sent`), the log has the reference. Only logs
from before texts left the log have the text itself; `guanxi relog` moves it out. A field of this type is all that a
new fact needs."""
WrittenLine = TextRef | Name
"""The same of one line."""


def _iso_day(value: object) -> object:
    if type(value) is date:
        return value
    if not isinstance(value, str) or len(value) != len("2026-01-31"):
        raise ValueError('expected a day such as "2026-01-31"')
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError('expected a calendar day such as "2026-01-31"') from None


Day = Annotated[date, BeforeValidator(_iso_day, json_schema_input_type=date)]
"""A business day, written YYYY-MM-DD; no time, no zone."""


def whole(value: object) -> object:
    """9.0 as 9: JSON Schema's `integer` is any number without a fraction (domain.md, Identity). Others as they are."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() <= MAX_AMOUNT_DIGITS:
        number = int(value)
        return number if number == value else value
    return value


WHOLE = BeforeValidator(whole)
"""Goes with a strict int."""


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError("expected a number")  # noqa: TRY004 - pydantic reports ValueError only
    return value


# The function stands last: before a number's limits it would make pydantic check them in Python.
Points = Annotated[
    Decimal,
    Field(ge=0, le=10, decimal_places=2, description="points from 0 to 10, up to 2 decimals"),
    BeforeValidator(_number, json_schema_input_type=float | str),
]
MarginRate = Annotated[
    Decimal,
    Field(ge=-10, le=1, decimal_places=6, description="a fraction: 0.22 is 22 %; below zero is a loss"),
    BeforeValidator(_number, json_schema_input_type=float | str),
]
Fte = Annotated[
    Decimal,
    Field(gt=0, le=1, decimal_places=2, description="full-time equivalent, above 0 up to 1"),
    BeforeValidator(_number, json_schema_input_type=float | str),
]
Part = Annotated[
    Decimal,
    BeforeValidator(_number, json_schema_input_type=float | str),
    Field(gt=0, le=1, decimal_places=2, description="a part of a day, above 0 up to 1: 0.5 is half a day"),
]
Measure = Annotated[
    Decimal,
    Field(ge=-(10**13), le=10**13, decimal_places=2, description="a value of a goal's metric"),
    BeforeValidator(_number, json_schema_input_type=float | str),
]
Amount = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[0-9]{1,18}(?:\.[0-9]{1,4})?$"),
    Field(description='above zero, with no more decimals than the currency has, such as "1234.50"'),
]
CurrencyCode = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Z]{3}$"), Field(description="ISO 4217")]

Tier = Literal["potential", "general", "priority", "partner", "strategic"]
TIERS: tuple[Tier, ...] = ("potential", "general", "priority", "partner", "strategic")
"""Lowest first; the position is the rank."""

Grade = Literal["confidential", "secret", "top_secret"]
GRADES: tuple[Grade, ...] = ("confidential", "secret", "top_secret")
"""Lowest first; the position is the rank."""
ProfileKind = Literal["cp", "vp"]
Section = Literal["macro", "industry", "competition", "strategy", "pain"]
SECTIONS: tuple[Section, ...] = ("macro", "industry", "competition", "strategy", "pain")
