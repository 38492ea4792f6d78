"""Door to view: how long after its request was due an event shows in the collection behind a view.

The views' documents are watched by a change stream, which tells of a write once a majority has it: the moment from
which a reader sees it. Requests are due at fixed times, and a late one counts from when it was due: a door that
stalls cannot hide the wait of those behind it.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from local.demo.changes import Changes
from local.demo.cloudevents import CloudEvent
from services.ingest.limits import MAX_IN_FLIGHT_PER_KEY
from shared.mongo import Database

SETTLE_SECONDS = 15.0
"""How long after the last request an event may take to show before it is reported as missing."""
MAX_REQUESTS = MAX_IN_FLIGHT_PER_KEY
"""Requests under way at a time: with more, the door would refuse them."""


@dataclass(frozen=True, slots=True)
class Probe:
    """An event, and the collection in which its subject's document must change. One probe per subject and collection:
    that is how a change is known to be this event's.
    """

    event: CloudEvent
    collection: str


@dataclass(slots=True)
class Latencies:
    """What came of a run, in milliseconds and no order: until each event showed, until each request was answered.
    And how many events were refused or never showed.
    """

    milliseconds: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    refused: int = 0
    missing: int = 0
    seconds: float = 0.0

    def percentile(self, share: float) -> float:
        """Milliseconds within which that share (0.99) of the events showed; NaN when none did."""
        return percentile(self.milliseconds, share)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least that share of the values does not exceed; NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


Send = Callable[[Sequence[Probe]], Awaitable[bool]]
"""Sends the events of some probes; says whether all were taken."""


class Shown(Protocol):
    """Where it is seen that something shows: a collection and the id of a document, as of a probe."""

    async def begin(self) -> None:
        """What comes from here on is seen."""

    def batches(self) -> AsyncIterator[Sequence[tuple[str, str]]]:
        """What came so far, forever."""

    async def end(self) -> None:
        """No more is wanted."""


async def door_to_view(
    send: Send,
    database: Database,
    probes: Sequence[Probe],
    *,
    events_per_second: float,
    events_per_request: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Latencies:
    """Sends the probes at a steady rate and waits until each one shows. `progress` gets the number of events sent."""
    return await door_to(
        Changes(database, sorted({probe.collection for probe in probes})),
        send,
        probes,
        events_per_second=events_per_second,
        events_per_request=events_per_request,
        progress=progress,
    )


async def door_to(
    changes: Shown,
    send: Send,
    probes: Sequence[Probe],
    *,
    events_per_second: float,
    events_per_request: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Latencies:
    """As `door_to_view`, to wherever it is seen."""
    waiting = {(probe.collection, str(probe.event["subject"])): 0.0 for probe in probes}
    if len(waiting) != len(probes):
        raise ValueError("two probes have the same subject and collection")
    found = Latencies()
    await changes.begin()

    async def watch() -> None:
        async for batch in changes.batches():
            now = time.perf_counter()
            for change in batch:
                due = waiting.get(change)
                if due:  # neither another writer's document nor a probe that is not sent yet
                    del waiting[change]
                    found.milliseconds.append(1000 * (now - due))
            if not waiting:
                return

    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    places = asyncio.Semaphore(MAX_REQUESTS)
    async with asyncio.TaskGroup() as requests:
        for start in range(0, len(probes), events_per_request):
            due = began + start / events_per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            some = probes[start : start + events_per_request]
            for probe in some:
                waiting[probe.collection, str(probe.event["subject"])] = due
            await places.acquire()
            sending = requests.create_task(_send(send, some, due, waiting, found))
            sending.add_done_callback(lambda _: places.release())
            progress(start + len(some))
    found.seconds = time.perf_counter() - began
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(watching, SETTLE_SECONDS)
    await changes.end()
    found.missing = len(waiting)
    return found


class Door(Protocol):
    """A client of the HTTP door."""

    async def send(self, events: Sequence[CloudEvent]) -> bool:
        """Send a batch; True if all of it was accepted."""
        ...


def over_http(door: Door) -> Send:
    """Through the HTTP door."""

    async def send(probes: Sequence[Probe]) -> bool:
        return await door.send([probe.event for probe in probes])

    return send


async def _send(
    send: Send,
    probes: Sequence[Probe],
    due: float,
    waiting: dict[tuple[str, str], float],
    found: Latencies,
) -> None:
    taken = await send(probes)
    found.answers.append(1000 * (time.perf_counter() - due))
    if taken:
        return
    for probe in probes:  # a probe is meant to be taken: one that is not makes its whole request a failure
        if waiting.pop((probe.collection, str(probe.event["subject"])), None) is not None:
            found.refused += 1
