"""The records of `guanxi.rejected`: what was refused, why, and enough of the original to replay it. Value, key and
headers are the original's; our own headers are added and start with `guanxi-`.
"""

from datetime import datetime
from typing import Any

from services.ingest.doors.kafka.wire import MAX_EVENT_BYTES, Headers
from shared.events.codec import format_instant
from shared.events.event import Position
from shared.events.refusal import Refused
from shared.kafka.batches import Outgoing

PREFIX = "guanxi-"
REASON = "guanxi-reason"
"""A `Reason`, such as too_old."""
FIELD = "guanxi-field"
"""Dotted path of the wrong field, empty for the event as a whole."""
HINT = "guanxi-hint"
"""One sentence for people, UTF-8."""
POSITION = "guanxi-position"
"""Its position on the inbox: generation/partition/offset. The same position may appear here twice."""
APPENDED_AT = "guanxi-appended-at"
"""When it was appended to the inbox: the `now` for judging it, RFC 3339."""
VALUE_BYTES = "guanxi-value-bytes"
"""Length of the original's value; longer than this record's value if that is truncated. Absent for a null value."""
HEADERS_DROPPED = "guanxi-headers-dropped"
"""How many of the original's headers did not fit; absent if none."""
KEY_DROPPED = "guanxi-key-bytes"
"""Length of the original's key if it was too long to keep."""

MAX_VALUE_BYTES = MAX_EVENT_BYTES
"""Longer values are refused for their size, so nothing that could be replayed is ever truncated."""
MAX_HEADERS_BYTES = 32 * 1024
MAX_KEY_BYTES = 1024


def rejected(
    refused: Refused,
    position: Position,
    appended_at: datetime,
    key: bytes | None,
    value: bytes | None,
    headers: Headers,
) -> Outgoing:
    """The record for `guanxi.rejected`, on the same partition as on the inbox."""
    added = [
        (REASON, refused.reason.encode()),
        (FIELD, refused.field.encode(errors="backslashreplace")),
        (HINT, refused.hint.encode(errors="backslashreplace")),
        (POSITION, f"{position.generation}/{position.partition}/{position.offset}".encode()),
        (APPENDED_AT, format_instant(appended_at).encode()),
    ]
    if value is not None:
        added.append((VALUE_BYTES, str(len(value)).encode()))
        value = value[:MAX_VALUE_BYTES]
    if key is not None and len(key) > MAX_KEY_BYTES:
        added.append((KEY_DROPPED, str(len(key)).encode()))
        key = None
    kept: list[tuple[str, Any]] = []  # a header without a value stays so, though the producer's types know none
    size = 0
    for name, text in headers:
        size += len(name) * 4 + len(text or b"")
        if size > MAX_HEADERS_BYTES:
            break
        if not name.startswith(PREFIX):
            kept.append((name, text))
    dropped = sum(not name.startswith(PREFIX) for name, _ in headers) - len(kept)
    if dropped:
        added.append((HEADERS_DROPPED, str(dropped).encode()))
    return Outgoing(position.partition, key, value, [*kept, *added])
