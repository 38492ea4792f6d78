"""Rows that are one record: brought together over all files of a mapping, wherever they stand in them."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from guanxi.importer.convert import Converter
from guanxi.importer.drafts import Draft, Origin, RefusedRow, RowPiece, draft_of
from guanxi.importer.shift import Shift
from guanxi.importer.sorting import Sorter
from shared.events.refusal import Reason, Refused

MAX_RECORD_ROWS = 10_000
"""Rows of one record, which are held at once. An event of so many would be too large in any case, a sum hardly is of
one."""


class Groups:
    """Takes pieces of records in any order. Memory stays flat: it sorts on disk."""

    def __init__(self) -> None:
        self._sorter: Sorter[RowPiece] = Sorter(_place)

    def add(self, piece: RowPiece) -> None:
        """Take what a row gives. Raises Malformed when there are too many rows to sort."""
        self._sorter.add(piece)

    def records(self, converters: Mapping[int, Converter], shift: Shift | None) -> Iterator[Draft | RefusedRow]:
        """The records; `converters` are those of the files by their index."""
        for _, group in itertools.groupby(self._sorter, lambda row: (row.piece.recipe, row.piece.key)):
            rows = iter(group)
            held = list(itertools.islice(rows, MAX_RECORD_ROWS))
            left = [row.origin for row in rows]
            first, more = held[0], tuple(row.origin for row in held[1:])
            origin = first.origin._replace(more=more)
            if left:
                hint = f"more than {MAX_RECORD_ROWS} rows are one record by group_by; add a column to it"
                yield RefusedRow(origin._replace(more=(*more, *left)), Refused(Reason.TOO_MANY, "", hint))
            else:
                made = [row.piece.made for row in held]
                yield draft_of(converters[origin.file], origin, first.piece.recipe, made, shift)

    def close(self) -> None:
        """Forget what was taken."""
        self._sorter.close()


def rows_of(origin: Origin) -> int:
    """How many rows an event was made of."""
    return 1 + len(origin.more)


def _place(row: RowPiece) -> tuple[Any, ...]:
    return row.piece.recipe, row.piece.key, row.origin.file, row.origin.line
