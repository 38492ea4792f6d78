"""The header of a table: which row it is, and which column a mapping's name refers to. Pure."""

from collections.abc import Collection, Sequence

from services.ingest.doors.files.formats.cells import text_of
from services.ingest.doors.files.formats.row import Row

BY_NUMBER = "#"
"""`#3` is the third column, regardless of its name."""


def names_of(row: Row) -> list[str]:
    """The column names in a header row; line ends and repeated blanks are ignored."""
    return [plain(text_of(cell)) for cell in row.cells]


def plain(name: str) -> str:
    """A column's name in the form used for comparison."""
    return " ".join(name.split())


def find_header(rows: Sequence[Row], wanted: Collection[str]) -> Row | None:
    """The first row with all wanted names, else the first with most of them."""
    names = {plain(name) for name in wanted if not _number(name)}
    best, most = None, -1
    for row in rows:
        found = len(names.intersection(names_of(row)))
        if found > most:
            best, most = row, found
            if found == len(names):
                break
    return best


def has_all(names: Sequence[str], wanted: Collection[str]) -> bool:
    """Whether every wanted column is present."""
    return all(isinstance(place_of(name, names), int) for name in wanted)


def place_of(wanted: str, names: Sequence[str]) -> int | str:
    """The index of a column, or what is wrong with its name."""
    name = plain(wanted)
    count = names.count(name)
    if count == 1:
        return names.index(name)
    if count > 1:
        places = [place for place, found in enumerate(names, start=1) if found == name]
        shown = " and ".join(f"#{place}" for place in places)
        return f"the column {name!r} appears {_times(count)}; use its number: {shown}"
    number = _number(wanted)
    if number is not None and number <= len(names):
        return number - 1
    return f"no column {name!r}"


def _number(name: str) -> int | None:
    digits = name.removeprefix(BY_NUMBER)
    return int(digits) if digits != name and digits.isdecimal() and 0 < len(digits) < 5 and int(digits) else None


def _times(count: int) -> str:
    return "twice" if count == 2 else f"{count} times"
