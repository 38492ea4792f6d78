"""Ids that a spreadsheet or an export has damaged. Pure."""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from services.ingest.doors.files.formats.cells import EXACT_BELOW, Cell, text_of
from services.ingest.doors.files.forms import Ids

_OWNERS = frozenset({"id", "subject", "account_manager", "product_manager", "manager"})
_SPOILT = re.compile(
    r"""(?P<scientific>[+-]?\d(?:[.,]\d+)?E[+-]?\d{1,3})
    |(?P<point>\d+\.0)
    |(?P<mark>="[^"]*"|'.*)
    |(?P<dated>\d{1,2}-(?-i:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?:-\d\d)?)
    |(?P<error>\#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!|SPILL!|NV|WERT!|BEZUG!|ZAHL!|WENNNV|\#+))
    |(?P<nothing>\(?null\)?|none|nan|nat|undefined|n/a|\\n|\[object\ object\])
    |(?P<lost>.*\ufffd.*)""",
    re.ASCII | re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_AS_TEXT = "format the column as text and export again"
_KEEP = "set `ids: as_is` in the mapping if it is correct"


def is_id(path: str) -> bool:
    """Whether a field of an event, by its dotted path, contains an id."""
    last = path.rpartition(".")[2]
    return last in _OWNERS or last.endswith("_id")


_WHY = {
    "scientific": f"is a number that a spreadsheet truncated; {_AS_TEXT}; {_KEEP}",
    "point": f"is a number with a point added by the export; {_AS_TEXT}; {_KEEP}",
    "mark": f"has a spreadsheet's text mark; set `ids: unwrapped` to remove it; {_KEEP}",
    "dated": f"is a date that a spreadsheet made from the id; {_AS_TEXT}; {_KEEP}",
    "error": "is a spreadsheet error, not an id",
    "nothing": f"means none; export it as an empty cell, or add it to `empty`; {_KEEP}",
    "lost": "lost characters through a wrong encoding; export it again",
}


def spoilt(cell: Cell) -> str | None:
    """What seems to have happened to an id, and what to do; None if it looks fine."""
    if isinstance(cell, date | datetime | time | timedelta):
        why = _WHY["dated"]
    elif isinstance(cell, float) and abs(cell) >= EXACT_BELOW:
        why = _WHY["scientific"]
    else:
        match = _SPOILT.fullmatch(text_of(cell))
        if match is None:
            return None
        why = _WHY[match.lastgroup or ""]
    return f"{text_of(cell)[:60]!r} {why}"


def compile_id(ids: Ids) -> Callable[[Cell], str]:
    """How to read an id's text from a cell. Raises ValueError for one that looks damaged."""
    if ids == "as_is":
        return text_of

    def checked(cell: Cell) -> str:
        text = cell if isinstance(cell, str) else text_of(cell)
        if ids == "unwrapped":
            text = text[2:-1] if text[:2] == '="' and text[-1:] == '"' else text.removeprefix("'")
        why = spoilt(text if isinstance(cell, str) else cell)
        if why is not None:
            raise ValueError(why)
        return text

    return checked
