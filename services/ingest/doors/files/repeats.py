"""Rows that would become one record because the mapping drops what distinguishes them: found before anything is sent.

To the doors, three lines of an invoice with the invoice number as their id are one purchase and two duplicates; the
money of two lines would be lost.
"""

import hashlib
from typing import NamedTuple

from services.ingest.admit import Candidate
from services.ingest.doors.files.drafts import Origin
from services.ingest.doors.files.formats.cells import Cell, text_of
from services.ingest.doors.files.sorting import Sorter, grouped
from shared.errors import Malformed

MAX_RECORDS = 100_000
"""Most records that several rows would become; with more, the mapping is wrong."""
MAX_EXAMPLE_LINES = 5
_MOST = 1000


class _Seen(NamedTuple):
    identity: bytes
    content: bytes
    row: bytes
    file: int
    line: int


class Collision(NamedTuple):
    """Rows that would become one record. rows: how many; lines: of the first ones; alike: whether they would be
    duplicates (else all but the first would be refused).
    """

    rows: int
    lines: tuple[int, ...]
    alike: bool


class Repeats:
    """Collects the events from mappings, then finds collisions. Memory stays flat: it sorts on disk."""

    def __init__(self) -> None:
        self._sorter: Sorter[_Seen] = Sorter(tuple)
        self.collisions: dict[bytes, Collision] = {}

    def add(self, origin: Origin, candidate: Candidate) -> None:
        """Add an event from a mapping."""
        row = hashlib.blake2b(digest_size=8)
        for one in (origin, *origin.more):
            row.update(_text_of(one.row).encode())
        content = candidate.content + (candidate.said or b"")
        self._sorter.add(_Seen(key_of(candidate), content, row.digest(), origin.file, origin.line))

    def find(self) -> None:
        """Fill `collisions`. Raises Malformed when there are too many. Identical rows are not collisions: they are true
        repeats and count once.
        """
        for group in grouped(iter(self._sorter), lambda seen: seen.identity, _MOST):
            if len(group) > 1 and len({(seen.content, seen.row) for seen in group}) > 1:
                alike = len({seen.content for seen in group}) == 1
                lines = tuple(seen.line for seen in sorted(group, key=lambda seen: (seen.file, seen.line)))
                self.collisions[group[0].identity] = Collision(len(group), lines[:MAX_EXAMPLE_LINES], alike)
            if len(self.collisions) > MAX_RECORDS:
                first = next(iter(self.collisions.values()))
                raise Malformed(
                    f"more than {MAX_RECORDS} records would be made from several rows each: {advice(first)}"
                )

    def close(self) -> None:
        """Drop all events."""
        self._sorter.close()


def _text_of(row: list[Cell] | str) -> str:
    return row if isinstance(row, str) else "\x1f".join([text_of(cell) for cell in row])


def key_of(candidate: Candidate) -> bytes:
    """The part that two events of one record and revision share."""
    return candidate.identity + candidate.revision.to_bytes(8, "big", signed=True)


def advice(found: Collision) -> str:
    """What is wrong with rows that would become one record, and what to do."""
    lines = ", ".join(map(str, found.lines)) + (", ..." if found.rows > len(found.lines) else "")
    return (
        f"{found.rows} rows, 1 record (lines {lines}): set group_by if they are parts of one record, add a line "
        "number to the id if they are separate records, or set `repeats: first` if they repeat each other"
    )
