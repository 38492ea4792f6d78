"""What an import needs of Kafka and MongoDB."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from services.ingest.inbox import InboxRecord, SeenClaims

STALL_SECONDS = 60.0
"""If admission makes no progress for this long, stop waiting."""


class Place(NamedTuple):
    """The position of a record on the inbox."""

    partition: int
    offset: int


class Inbox(Protocol):
    """Appends to the inbox."""

    async def append(self, records: Sequence[InboxRecord]) -> Sequence[Place]:
        """Append in order, each partition without a gap, and wait for all acknowledgements. Raises Transient; then some
        records may be stored.
        """
        ...


class Admitted(Protocol):
    """How far admission is."""

    async def positions(self, partitions: Collection[int]) -> Mapping[int, int]:
        """The next offset to admit of each partition. Raises Transient."""
        ...


class Standing(NamedTuple):
    """A known customer. live: whether it has events beside history; clock: its clock, None before its first event."""

    live: bool
    clock: datetime | None


class KnownCustomers(Protocol):
    """Which customers are known, and their clocks."""

    async def standing(self, customers: Collection[str]) -> Mapping[str, Standing]:
        """The known ones among the given ids. Raises Transient."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """All ports. generation: of the inbox; stall_seconds: how long admission may make no progress before waiting ends;
    backfill_token: by which admission recognises history.
    """

    inbox: Inbox
    claims: SeenClaims
    admitted: Admitted
    known: KnownCustomers
    generation: int
    stall_seconds: float = STALL_SECONDS
    backfill_token: bytes = b"1"
