"""What the cells of a column look like: numbers, days, ids, words. Pure; reports what it can't tell."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from services.ingest.doors.files.formats.cells import Cell, text_of
from services.ingest.doors.files.forms import SERIAL, NumberForm
from services.ingest.doors.files.ids import spoilt
from services.ingest.doors.files.numbers import compile_number
from services.ingest.doors.files.times import compile_moment

CENTURY_FROM = 1950
LAYOUTS = (
    "%Y-%m-%d 00:00:00", "%Y/%m/%d", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y年%m月%d日", "%Y年%m月%d日 %H:%M",
    "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y",
    "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y, %I:%M %p", "%d-%m-%Y", "%m-%d-%Y", "%d-%m-%Y %H:%M", "%d/%m/%y", "%m/%d/%y", "%d-%b-%Y", "%d %b %Y",
    "%b %d, %Y", "%B %d, %Y", "%d %B %Y", "%Y-%m-%dT%H:%M:%S.%fZ",
)  # fmt: skip
_SERIALS = Decimal(20_000), Decimal(60_000)
_SIGNS = re.compile(r"[^\d.,'’\s\u00a0\u202f()+\-\u2212]+")
_DIGITS = re.compile(r"[\d.,'’\u00a0\u202f ]*\d[\d.,'’\u00a0\u202f ]*")


@dataclass(frozen=True, slots=True)
class Guess:
    """value: the proposal, None if nothing needs to be set; why: in words; unsure: what a person must check; other:
    what also fits.
    """

    value: object
    why: str
    unsure: str = ""
    other: object = None


def dates(cells: Sequence[Cell]) -> Guess | None:
    """The formats of a column of times; None if it is not one. value: a format, or None if none is needed."""
    filled = [cell for cell in cells if cell != ""]
    if not filled:
        return None
    if all(isinstance(cell, date | datetime) for cell in filled):
        return Guess(None, "the workbook's own dates")
    if all(isinstance(cell, int | float) or _is_number(cell) for cell in filled):
        numbers = [Decimal(text_of(cell)) for cell in filled]
        if all(_SERIALS[0] <= number <= _SERIALS[1] for number in numbers):
            return Guess(SERIAL, "Excel's day numbers")
    texts = [text_of(cell) for cell in filled]
    fitting = [layout for layout in LAYOUTS if _all_read(layout, texts)]
    if fitting[:1] == [LAYOUTS[0]]:
        return Guess(LAYOUTS[0], "days: every clock time is midnight")
    if _all_read(None, texts):
        return Guess(None, "ISO 8601")
    if not fitting:
        return None
    others = [layout for layout in fitting[1:] if _day_differs(fitting[0], layout, texts)]
    unsure = f"{others[0]} also fits every cell" if others else ""
    return Guess(fitting[0], f"such as {texts[0]}", unsure, next(iter(others), None))


def numbers(cells: Sequence[Cell]) -> Guess | None:
    """The form of a column of numbers; None if it is not one. value: a NumberForm, or None if none is needed."""
    filled = [cell for cell in cells if cell != ""]
    if not filled:
        return None
    if all(isinstance(cell, int | float) for cell in filled):
        return Guess(None, "the workbook's own numbers")
    texts = [text_of(cell) for cell in filled]
    if not all(_DIGITS.search(text) and len(text) <= 40 for text in texts):
        return None
    signs = {sign.strip() for text in texts for sign in _SIGNS.findall(text) if sign.strip()}
    percent = "%" in signs
    currency = tuple(sorted(signs - {"%"}))
    if len(currency) > 3 or any(len(sign) > 4 for sign in currency):
        return None
    decimal, thousands, why, unsure = _separators(texts)
    minus = tuple(
        kind
        for kind, found in (
            ("front", any(re.match(r"\s*[^\d(]*[-\u2212]", text) for text in texts)),
            ("behind", any(re.search(r"\d\s*[-\u2212]\s*$", text) for text in texts)),
            ("brackets", any(re.match(r"\s*\(.*\)\s*$", text) for text in texts)),
        )
        if found
    )
    plain = decimal == "." and thousands is None and not currency and not percent and minus in {(), ("front",)}
    plain = plain and not any("\u2212" in text for text in texts)
    if plain or unsure:
        return Guess(None, why, unsure)
    said = {"decimal": decimal, "thousands": thousands, "minus": minus or ("front",)}
    form = NumberForm.model_validate({**said, "currency": currency, "percent": percent})
    read = compile_number(form)
    try:
        for text in texts:
            read(text)
    except ValueError:
        return None
    return Guess(form, why)


def _separators(texts: Sequence[str]) -> tuple[str, str | None, str, str]:
    """Decimal sign, thousands sign, why, and what is unsure: only a cell with a single reading is evidence."""
    decimals: Counter[str] = Counter()
    thousands: Counter[str] = Counter()
    doubtful = ""
    for text in texts:
        match = _DIGITS.search(text)
        digits = match[0].strip() if match else ""
        marks = re.findall(r"[.,'’\u00a0\u202f ]", digits)
        if not marks:
            continue
        last, tail = marks[-1], re.split(r"[.,'’\u00a0\u202f ]", digits)[-1]
        others = {mark for mark in marks if mark != last}
        for mark in others or ({last} if marks.count(last) > 1 or last not in ".," else set()):
            thousands[mark] += 1
        if last in ".," and marks.count(last) == 1:
            if others or len(tail) != 3 or len(digits.partition(last)[0]) > 3:
                decimals[last] += 1
            else:
                doubtful = text
    if len(decimals) > 1 or set(decimals) & set(thousands):
        return ".", None, "", f"some cells have a decimal point and some a comma, such as {texts[0]!r}"
    decimal = next(iter(decimals), "")
    sign = next(iter(thousands), None)
    sign = {"’": "'", "\u00a0": " ", "\u202f": " "}.get(sign or "", sign)
    if doubtful and not decimal and not sign:
        return ".", None, "", f"{doubtful!r} may mean thousands or three decimals; set `number:` for this column"
    if doubtful and sign is None:
        mark = "," if "," in doubtful else "."
        sign = mark if mark != decimal else None
    if not decimal:
        decimal = "," if sign == "." else "."
    example = next((text for text in texts if decimal in text), texts[0])
    return decimal, sign, f"such as {example}", ""


def ids(cells: Sequence[Cell]) -> str:
    """What is wrong with a column of ids, "" if nothing."""
    found = [why for cell in cells if cell != "" and (why := spoilt(cell)) is not None]
    return f"{len(found)} look damaged: {found[0]}" if found else ""


def words(cells: Sequence[Cell], most: int = 12) -> list[str]:
    """The different words of a column by frequency; none if there are too many to be words."""
    counts = Counter(text_of(cell) for cell in cells if cell != "")
    return [word for word, _ in counts.most_common()] if len(counts) <= most else []


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, str) and re.fullmatch(r"\d{1,7}(\.\d+)?", cell, re.ASCII) is not None


def _all_read(layout: str | None, texts: Sequence[str]) -> bool:
    read = compile_moment([layout] if layout else None, CENTURY_FROM)
    try:
        for text in texts:
            read(text)
    except ValueError:
        return False
    return True


def _day_differs(one: str, other: str, texts: Sequence[str]) -> bool:
    first, second = compile_moment([one], CENTURY_FROM), compile_moment([other], CENTURY_FROM)
    return any(first(text).at != second(text).at for text in texts)
