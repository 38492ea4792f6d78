"""Rows that are one record: grouped across all files of a mapping, wherever they are."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from services.ingest.doors.files.convert import Converter
from services.ingest.doors.files.drafts import Draft, Origin, RefusedRow, RowPiece, draft_of
from services.ingest.doors.files.shift import Shift
from services.ingest.doors.files.sorting import Sorter
from shared.events.refusal import Reason, Refused

MAX_RECORD_ROWS = 10_000
"""Most rows of one record, which are in memory together. An event of so many rows would be too large anyway, and a
sum hardly has that many."""


class Groups:
    """Groups pieces of records in any order. Memory stays flat: it sorts on disk."""

    def __init__(self) -> None:
        self._sorter: Sorter[RowPiece] = Sorter(_place)

    def add(self, piece: RowPiece) -> None:
        """Add a row's piece. Raises Malformed when there are too many rows to sort."""
        self._sorter.add(piece)

    def records(self, converters: Mapping[int, Converter], shift: Shift | None) -> Iterator[Draft | RefusedRow]:
        """The records; `converters`: those of the files, by index."""
        for _, group in itertools.groupby(self._sorter, lambda row: (row.piece.recipe, row.piece.key)):
            rows = iter(group)
            held = list(itertools.islice(rows, MAX_RECORD_ROWS))
            left = [row.origin for row in rows]
            first, more = held[0], tuple(row.origin for row in held[1:])
            origin = first.origin._replace(more=more)
            if left:
                hint = f"group_by puts more than {MAX_RECORD_ROWS} rows into one record; add a column to it"
                yield RefusedRow(origin._replace(more=(*more, *left)), Refused(Reason.TOO_MANY, "", hint))
            else:
                made = [row.piece.made for row in held]
                yield draft_of(converters[origin.file], origin, first.piece.recipe, made, shift)

    def close(self) -> None:
        """Drop all pieces."""
        self._sorter.close()


def rows_of(origin: Origin) -> int:
    """How many rows an event was made from."""
    return 1 + len(origin.more)


def _place(row: RowPiece) -> tuple[Any, ...]:
    return row.piece.recipe, row.piece.key, row.origin.file, row.origin.line
