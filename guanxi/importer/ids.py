"""Ids that a spreadsheet or an export has spoilt. Pure."""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from guanxi.importer.files.cells import EXACT_BELOW, Cell, text_of
from guanxi.importer.forms import Ids

_OWNERS = frozenset({"id", "subject", "account_manager", "product_manager", "manager"})
_SCIENTIFIC = re.compile(r"[+-]?\d(?:[.,]\d+)?E[+-]?\d{1,3}", re.ASCII | re.IGNORECASE)
_POINT_ZERO = re.compile(r"\d+\.0", re.ASCII)
_AS_FORMULA = re.compile(r'="([^"]*)"')
_DATED = re.compile(r"\d{1,2}-(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?:-\d\d)?")
_ERRORS = frozenset(
    "#N/A #REF! #VALUE! #NAME? #DIV/0! #NULL! #NUM! #SPILL! #NV #WERT! #BEZUG! #ZAHL! #WENNNV ########".split()
)
_NOTHING = frozenset({"null", "(null)", "none", "nan", "nat", "undefined", "n/a", "\\n", "[object object]"})
_KEEP = "say `ids: as_is` in the mapping if it is one"


def is_id(path: str) -> bool:
    """Whether a field of an event, by its dotted path, holds an id."""
    last = path.rpartition(".")[2]
    return last in _OWNERS or last.endswith("_id")


def spoilt(cell: Cell) -> str | None:
    """What seems to have happened to an id, and what to do; None for a sound one."""
    text = text_of(cell)
    shown = repr(text[:60])
    if isinstance(cell, date | datetime | time | timedelta) or _DATED.fullmatch(text):
        return f"{shown} is a date that a spreadsheet made of the id; format the column as text and export again"
    if _SCIENTIFIC.fullmatch(text) or (isinstance(cell, float) and abs(cell) >= EXACT_BELOW):
        return f"{shown} is a number that a spreadsheet cut short; format the column as text and export again; {_KEEP}"
    if text.upper() in _ERRORS or text.startswith("###"):
        return f"{shown} is a spreadsheet's error, no id"
    if text.lower() in _NOTHING:
        return f"{shown} says that there is none; export it as an empty cell, or list it under `empty`; {_KEEP}"
    if _AS_FORMULA.fullmatch(text) or text[:1] == "'":
        return f"{shown} has a spreadsheet's mark of text; say `ids: unwrapped` to take it off; {_KEEP}"
    if _POINT_ZERO.fullmatch(text):
        return f"{shown} is a number with a point that the export put there; export the column as text; {_KEEP}"
    if "\ufffd" in text:
        return f"{shown} has lost characters to a wrong encoding; export again"
    return None


def compile_id(ids: Ids) -> Callable[[Cell], str]:
    """How the text of an id is taken from a cell. Raises ValueError for one that looks spoilt."""
    if ids == "as_is":
        return text_of

    def checked(cell: Cell) -> str:
        text = cell if isinstance(cell, str) else text_of(cell)
        if ids == "unwrapped":
            match = _AS_FORMULA.fullmatch(text)
            text = match[1] if match else text.lstrip("'")
        why = spoilt(text if isinstance(cell, str) else cell)
        if why is not None:
            raise ValueError(why)
        return text

    return checked
