"""Words, numbers and days in the reader's language (babel). A text without a translation stands in English."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_compact_decimal, format_decimal, format_percent
from babel.support import Translations

from services.query.console.said import translated

_CODE = re.compile(r"[a-z][a-z_.]*(_[0-9]+d)?")
LANGUAGES = ("en", "zh")
FORMATTED = 4_096
"""Days and amounts whose text is kept: babel works a fifth of a millisecond for one, and a list shows fifty."""
LEAST_SHARE = 0.01
"""Shown as a number of its own; what is less is said to be less."""
_LOCALES = {"en": "en_GB", "zh": "zh_Hans_CN"}


@dataclass(frozen=True, slots=True)
class Words:
    """A language."""

    language: str
    translations: NullTranslations
    zone: ZoneInfo

    def globals(self) -> Mapping[str, Any]:
        """For templates."""
        return {}

    def filters(self) -> Mapping[str, Callable[..., str]]:
        """For templates: `{{ row.due_on|day }}`."""
        return {
            "day": self.day,
            "moment": self.moment,
            "clock": self.clock,
            "number": self.number,
            "money": self.money,
            "percent": self.percent,
            "word": self.word,
            "said": self.said,
        }

    def day(self, value: Any) -> str:
        """A day, short; of an instant the business day."""
        found = _date(value, self.zone)
        return "–" if found is None else _day(found, _LOCALES[self.language])

    def moment(self, value: Any) -> str:
        """An instant, in the business time zone."""
        if value is None:
            return "–"
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
        return format_datetime(at, "medium", self.zone, _LOCALES[self.language])

    def clock(self, value: Any) -> str:
        """An instant of today, without its day."""
        if value is None:
            return "–"
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
        return format_time(at, "medium", self.zone, _LOCALES[self.language])

    def number(self, value: Any, places: int = 0) -> str:
        """A number."""
        if value is None:
            return "–"
        pattern = "#,##0" + ("." + "0" * places if places else "")
        return format_decimal(round(Decimal(str(value)), places), pattern, _LOCALES[self.language])

    def money(self, value: Any) -> str:
        """An amount, in short: 万 and 亿 in Chinese."""
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            return "–"
        return _money(amount, _LOCALES[self.language])

    def percent(self, value: Any) -> str:
        """A share. A small one is never none, nor does a large one become all."""
        if value is None:
            return "–"
        locale, share = _LOCALES[self.language], float(value)
        if 0 < share < LEAST_SHARE:
            return "<" + format_percent(LEAST_SHARE, locale=locale)
        if 1 - LEAST_SHARE < share < 1:
            return ">" + format_percent(1 - LEAST_SHARE, locale=locale)
        return format_percent(value, locale=locale)

    def word(self, value: Any) -> str:
        """A code of the system, such as due_soon, in words."""
        if value is None:
            return "–"
        text = str(value)
        if _CODE.fullmatch(text) is None:
            return text  # an amount, a day, somebody's text
        return self.translations.gettext(text.replace("_", " ").replace(".", " "))

    def said(self, text: str) -> str:
        """A sentence of a door, or a text of the console's own."""
        found = self.translations.gettext(text)
        return translated(text, self.language) if found == text else found


@lru_cache(maxsize=FORMATTED)
def _day(value: date, locale: str) -> str:
    return format_date(value, "medium", locale)


@lru_cache(maxsize=FORMATTED)
def _money(amount: Decimal, locale: str) -> str:
    if abs(amount) < 10_000:
        return format_decimal(amount, "#,##0", locale)
    return format_compact_decimal(amount, locale=locale, fraction_digits=1)


def _date(value: Any, zone: ZoneInfo) -> date | None:
    if not isinstance(value, str):
        return None if value is None else date.fromisoformat(str(value))
    if "T" in value:
        return datetime.fromisoformat(value).astimezone(zone).date()
    return date.fromisoformat(value) if value else None


def words(language: str, zone: ZoneInfo) -> Words:
    """A language's."""
    return Words(language, _translations(language), zone)


@cache
def _translations(language: str) -> NullTranslations:
    """The catalogue beside this file; English needs none, as it is what the others translate."""
    path = Path(__file__).with_name(f"{language}.po")
    if not path.exists():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled)


def language_of(accept: str, chosen: str | None) -> str:
    """The one chosen, else the first of Accept-Language that we have."""
    if chosen in LANGUAGES:
        return str(chosen)
    for part in accept.lower().split(",")[:20]:
        name = part.partition(";")[0].strip().partition("-")[0]
        if name in LANGUAGES:
            return name
    return LANGUAGES[0]
