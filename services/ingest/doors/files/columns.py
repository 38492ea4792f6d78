"""The columns of one file as its mapping reads them; compiled once per file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from services.ingest.doors.files.formats.cells import Cell, text_of
from services.ingest.doors.files.forms import ColumnForm, Ids
from services.ingest.doors.files.ids import compile_id
from services.ingest.doors.files.numbers import ReadNumber, compile_number, number_as_text
from services.ingest.doors.files.times import Moment, ReadMoment, compile_moment

Cells = Sequence[Cell]
_AS_IT_IS = ColumnForm()


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its index, and how to read its cells.

    number, moment: None unless the mapping sets a format. text: for templates, as the doors expect it; id_text: the
    same, refused if it looks damaged. All raise ValueError.
    """

    name: str
    at: int
    number: ReadNumber | None
    moment: ReadMoment | None
    text: Callable[[Cell], str]
    id_text: Callable[[Cell], str]


def compile_columns(index: Mapping[str, int], forms: Mapping[str, ColumnForm], ids: Ids) -> dict[str, Column]:
    """The columns that a mapping names; `index` finds them."""
    return {name: _column(name, at, forms.get(name, _AS_IT_IS), ids) for name, at in index.items()}


def _column(name: str, at: int, form: ColumnForm, ids: Ids) -> Column:
    if form.number is not None:
        number = compile_number(form.number)

        def text_of_number(cell: Cell) -> str:
            return number_as_text(number(cell))

        return Column(name, at, number, None, text_of_number, text_of_number)
    if form.date is not None:
        moment = compile_moment(form.date, form.century_from)

        def text_of_moment(cell: Cell) -> str:
            return iso(moment(cell))

        return Column(name, at, None, moment, text_of_moment, text_of_moment)
    return Column(name, at, None, None, text_of, compile_id(form.ids or ids))


def iso(moment: Moment) -> str:
    """A moment as ISO 8601; a day without a time of day."""
    return moment.at.isoformat() if moment.clock else moment.at.date().isoformat()
