"""What the doors need: a writer to the inbox and a reader of the claims. Both have an in-memory twin in tests."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from services.ingest.admit import Claim


class InboxRecord(NamedTuple):
    """A record for the inbox: the log key, the event as sent, headers. `beside`: a key whose partition it goes to
    instead of its own, so that admission reads the two in order.
    """

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    beside: bytes | None = None


class Appended(NamedTuple):
    """A record's position on the inbox; `timestamp_ms` is the broker's append time, -1 if unknown."""

    partition: int
    offset: int
    timestamp_ms: int


class InboxWriter(Protocol):
    """Appends to the inbox; shared by concurrent requests."""

    async def write(self, records: Sequence[InboxRecord]) -> Sequence[Appended]:
        """Append all and wait for all acknowledgements (acks=all). Raises Transient if any is missing; then some may be
        on the inbox, and all can be written again.
        """
        ...


class SeenClaims(Protocol):
    """Reads what admission has claimed."""

    async def find(self, identities: Sequence[bytes]) -> Mapping[bytes, Claim]:
        """The claims that exist, by identity. Raises Transient."""
        ...
