"""The true outcome of each event sent: admission's verdict, read from the claims."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from services.ingest.admit import Accepted, Candidate, Claim, Duplicate, admit, judge
from services.ingest.doors.files.drafts import Origin
from services.ingest.doors.files.ports import Admitted, Place, Ports
from services.ingest.doors.kafka.wire import from_kafka
from services.ingest.inbox import InboxRecord
from shared.errors import Transient
from shared.events.event import Position
from shared.events.refusal import Reason, Refused

FIRST_PAUSE_SECONDS = 0.02
MAX_PAUSE_SECONDS = 0.5


class Prepared(NamedTuple):
    """An event ready to send."""

    origin: Origin
    value: bytes
    candidate: Candidate


Outcome = Accepted | Duplicate | Refused


class Underway(Protocol):
    """Events that were sent, and whose outcome can be asked for. stored: how many of them the inbox has."""

    @property
    def events(self) -> Sequence[Prepared]: ...

    @property
    def stored(self) -> int: ...

    async def outcomes(self, *, now: datetime, zone: ZoneInfo) -> Sequence[Outcome]:
        """Of each event, in order, once admission has passed it. Raises Transient."""
        ...


class Way(Protocol):
    """How events go to the inbox."""

    async def send(self, events: Sequence[Prepared]) -> Underway:
        """Send in order, and wait until all are stored. Raises Transient; then some may be."""
        ...


@dataclass(frozen=True, slots=True)
class Sent:
    """Events on the inbox, each with its position."""

    events: Sequence[Prepared]
    places: Sequence[Place]


@dataclass(frozen=True, slots=True)
class OntoInbox:
    """Writes the inbox itself. headers: of each record."""

    ports: Ports
    headers: list[tuple[str, bytes]]

    async def send(self, events: Sequence[Prepared]) -> Underway:
        """Append them."""
        records = [InboxRecord(one.candidate.key.encode(), one.value, self.headers) for one in events]
        return _OnInbox(self.ports, Sent(events, await self.ports.inbox.append(records)))


@dataclass(frozen=True, slots=True)
class _OnInbox:
    ports: Ports
    sent: Sent

    @property
    def events(self) -> Sequence[Prepared]:
        return self.sent.events

    @property
    def stored(self) -> int:
        return len(self.sent.places)

    async def outcomes(self, *, now: datetime, zone: ZoneInfo) -> Sequence[Outcome]:
        await wait_for_admission(self.ports, self.sent.places)
        return await outcomes(self.ports, self.sent, now=now, zone=zone)


async def wait_for_admission(ports: Ports, places: Sequence[Place]) -> None:
    """Returns when admission has passed all these positions. Raises Transient when it stops moving."""
    wanted: dict[int, int] = {}
    for partition, offset in places:
        wanted[partition] = max(wanted.get(partition, 0), offset + 1)
    await wait_for(ports.admitted, wanted, ports.stall_seconds)


async def wait_for(admitted: Admitted, wanted: Mapping[int, int], stall_seconds: float) -> None:
    """Returns when admission has come to these offsets, by partition. Raises Transient when it stops moving."""
    loop = asyncio.get_running_loop()
    best, moved_at, pause = -1, loop.time(), FIRST_PAUSE_SECONDS
    while True:
        positions = await admitted.positions(list(wanted))
        if all(positions[partition] >= offset for partition, offset in wanted.items()):
            return
        sum_now = sum(positions.values())
        if sum_now > best:
            best, moved_at = sum_now, loop.time()
        elif loop.time() - moved_at > stall_seconds:
            raise Transient(
                f"admission has not moved for {stall_seconds:.0f} s: is the ingest service running? The events "
                "sent are safe on the inbox; import the same files again later to see their outcome"
            )
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, MAX_PAUSE_SECONDS)


async def outcomes(ports: Ports, sent: Sent, *, now: datetime, zone: ZoneInfo) -> list[Outcome]:
    """The outcomes of events that admission has passed, in order. Raises Transient."""
    wanted = {one.candidate.identity: None for one in sent.events if one.candidate.claimed}
    claims = await ports.claims.find(list(wanted))
    return [
        _outcome(one, claims.get(one.candidate.identity), Position(ports.generation, *place), now, zone)
        for one, place in zip(sent.events, sent.places, strict=True)
    ]


def _outcome(one: Prepared, claim: Claim | None, position: Position, now: datetime, zone: ZoneInfo) -> Outcome:
    verdict = judge(claim, one.candidate, position)
    if not isinstance(verdict, Accepted) or verdict.claim is None:
        return verdict
    # Nothing was claimed from this position, so admission refused the event by itself: by its age, as the clock went
    # on meanwhile. By the same rules a moment later it is refused again.
    document = from_kafka(one.value, ())
    again = admit(document, now=now, zone=zone, backfill=one.candidate.backfill)
    if isinstance(again, Refused):
        return again
    where = f"{position.generation}/{position.partition}/{position.offset}"
    return Refused(Reason.INVALID_FIELD, "", f"refused by admission; see `guanxi rejected show {where}`")
