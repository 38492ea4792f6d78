"""What an import needs of Kafka and MongoDB."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
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


class Standing(NamedTuple):
    """What is known of a customer. live: whether it has events that did not come as history; clock: how far its clock
    has come, None before its first event.
    """

    live: bool
    clock: datetime | None


class KnownCustomers(Protocol):
    """Which customers are known, and how far they have come."""

    async def standing(self, customers: Collection[str]) -> Mapping[str, Standing]:
        """Of those of the given ids that are known. Raises Transient."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """All of it; `generation` is the inbox's, stall_seconds how long admission may stand still before waiting ends,
    backfill_token what admission knows history by.
    """

    inbox: Inbox
    claims: SeenClaims
    admitted: Admitted
    known: KnownCustomers
    generation: int
    stall_seconds: float = STALL_SECONDS
    backfill_token: bytes = b"1"
