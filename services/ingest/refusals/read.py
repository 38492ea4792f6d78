"""Reads `guanxi.rejected`: what admission refused, and the original inbox record."""

import unicodedata
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from services.ingest.refusals import publish as wire
from shared.errors import Malformed
from shared.events.event import Position
from shared.kafka.batches import Outgoing
from shared.kafka.connection import Record
from shared.kafka.scan import bounds, scan
from shared.settings import Settings
from shared.topics import REJECTED

MAX_RECORDS = 100_000
"""Most records read, newest first: the list is for people, so it may be truncated; 30 days of refusals rarely reach
it."""
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Rejection:
    """One refused record. `position` is its position on the inbox; key, value and headers are the original's, in full
    if `complete`; appended_at is RFC 3339.
    """

    reason: str
    field: str
    hint: str
    position: Position
    appended_at: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    complete: bool

    @property
    def place(self) -> str:
        """The position as shown to people."""
        return format_position(self.position)

    def original(self) -> Outgoing:
        """The record to replay, on its original partition."""
        return Outgoing(self.position.partition, self.key, self.value, self.headers)


def format_position(position: Position) -> str:
    """generation/partition/offset."""
    return f"{position.generation}/{position.partition}/{position.offset}"


def parse_position(text: str) -> Position:
    """A position as `guanxi rejected list` shows it. Raises Malformed."""
    try:
        generation, partition, offset = (int(part) for part in text.split("/"))
    except ValueError:
        raise Malformed(f"{text!r} is not a position such as 1/3/42 (see `guanxi rejected list`)") from None
    return Position(generation, partition, offset)


def parse(record: Record) -> Rejection:
    """A record of the topic. Raises Malformed for one that admission did not write."""
    ours = {name: value for name, value in record.headers if name.startswith(wire.PREFIX)}
    try:
        position = parse_position(ours[wire.POSITION].decode())
        whole = int(ours[wire.VALUE_BYTES]) == len(record.value or b"") if wire.VALUE_BYTES in ours else True
        return Rejection(
            reason=ours[wire.REASON].decode(),
            field=ours[wire.FIELD].decode(),
            hint=ours[wire.HINT].decode(),
            position=position,
            appended_at=ours[wire.APPENDED_AT].decode(),
            key=record.key,
            value=record.value,
            headers=[(name, value) for name, value in record.headers if not name.startswith(wire.PREFIX)],
            complete=whole and wire.HEADERS_DROPPED not in ours and wire.KEY_DROPPED not in ours,
        )
    except (KeyError, ValueError, AttributeError, TypeError):
        raise Malformed(
            f"record {record.partition}/{record.offset} of {REJECTED.name} was not written by admission"
        ) from None


@dataclass(frozen=True, slots=True)
class Window:
    """What to read of the topic: start and end offset of each partition; without the `left_out` older records, and the
    `expired` ones that are gone (the topic keeps 30 days).
    """

    begins: dict[int, int]
    ends: dict[int, int]
    left_out: int
    expired: int


async def newest(
    settings: Settings, *, partitions: Collection[int] | None = None, max_records: int = MAX_RECORDS
) -> Window:
    """The newest records as of now, at most `max_records` in all the given partitions. Raises Transient."""
    held = await bounds(settings, REJECTED.full_name(settings))
    ends = {p: end for p, end in held.ends.items() if partitions is None or p in partitions}
    each = max_records // max(1, len(ends))
    begins = {p: max(held.begins[p], end - each) for p, end in ends.items()}
    expired = sum(held.begins[p] for p in ends)  # each offset held a record: nobody writes here in transactions
    return Window(begins, ends, sum(begin - held.begins[p] for p, begin in begins.items()), expired)


async def read_rejections(settings: Settings, window: Window) -> AsyncIterator[Rejection]:
    """The records of a window, each position once. Raises Transient."""
    seen: set[Position] = set()
    async for batches in scan(settings, REJECTED.full_name(settings), window.begins, window.ends):
        for records in batches.values():
            for record in records:
                try:
                    rejection = parse(record)
                except Malformed:
                    continue  # somebody else's record; nothing can be said of it
                if rejection.position not in seen:
                    seen.add(rejection.position)
                    yield rejection


def one_line(text: str) -> str:
    """A text as one line that is safe on a terminal."""
    return safe_text(text.encode(errors="backslashreplace")).replace("\n", " ")


def safe_text(raw: bytes | None, *, max_chars: int | None = None) -> str:
    """Bytes as text that is safe on a terminal: escapes everything that is not UTF-8 or not printable, except line
    ends.
    """
    if raw is None:
        return "(none)"
    text = raw.decode("utf-8", "backslashreplace")
    if max_chars is not None and len(text) > max_chars:
        text = text[:max_chars] + "…"
    return "".join(
        char if char == "\n" or unicodedata.category(char) not in _UNSAFE else char.encode("unicode_escape").decode()
        for char in text
    )
