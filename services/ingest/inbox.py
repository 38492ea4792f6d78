"""What the doors need of the rest: a way onto the inbox, and a look at the claims. Both have an in-memory
twin in tests.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from services.ingest.domain import Claim


class InboxRecord(NamedTuple):
    """A record for the inbox: the log's key, the event as it was sent, headers. `beside`: a key to whose partition it
    goes instead of its own, so that admission meets the two in their order.
    """

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    beside: bytes | None = None


class Appended(NamedTuple):
    """Where a record stands on the inbox; `timestamp_ms` is the broker's append time, -1 when it did not
    say.
    """

    partition: int
    offset: int
    timestamp_ms: int


class InboxWriter(Protocol):
    """Appends to the inbox; shared by concurrent requests."""

    async def write(self, records: Sequence[InboxRecord]) -> Sequence[Appended]:
        """Append all and wait for all acknowledgements (acks=all). Raises Transient when any is missing: then
        some may stand on the inbox, and all may be written again.
        """
        ...


class SeenClaims(Protocol):
    """A look at what admission has claimed."""

    async def find(self, identities: Sequence[bytes]) -> Mapping[bytes, Claim]:
        """The claims that exist, by identity. Raises Transient."""
        ...
