"""What an import needs of Kafka and MongoDB."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from services.ingest.inbox import InboxRecord, SeenClaims

STALL_SECONDS = 60.0
"""Without any progress of admission, waiting for it makes no sense."""


class Place(NamedTuple):
    """Where a record stands on the inbox."""

    partition: int
    offset: int


class Inbox(Protocol):
    """Appends to the inbox."""

    async def append(self, records: Sequence[InboxRecord]) -> Sequence[Place]:
        """Append in order, each partition's records without a gap, and wait for all acknowledgements. Raises
        Transient: then some may be there.
        """
        ...


class Admitted(Protocol):
    """How far admission has come."""

    async def positions(self, partitions: Collection[int]) -> Mapping[int, int]:
        """The next offset to admit of each partition. Raises Transient."""
        ...


class LiveCustomers(Protocol):
    """Which customers have events that did not come as history."""

    async def live(self, customers: Collection[str]) -> set[str]:
        """Those of the given ids. Raises Transient."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """All of it; `generation` is the inbox's, stall_seconds how long admission may stand still before waiting ends,
    backfill_token what admission knows history by.
    """

    inbox: Inbox
    claims: SeenClaims
    admitted: Admitted
    live: LiveCustomers
    generation: int
    stall_seconds: float = STALL_SECONDS
    backfill_token: bytes = b"1"
