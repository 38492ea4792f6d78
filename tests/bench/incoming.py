"""Events that come in at a rate, beside what is measured.

    async with arena(say, prepare=fill) as ground:
        async with coming_in(ground, 500) as sent:
            ...
        print(sent.line())

The events are those of the benchmarks' mix (load.py), of customers of their own: documents that a benchmark has put in
itself hold no state that a service could fold on from.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

from tests.bench import load
from tests.bench.arena import Arena
from tests.bench.door import Door

CUSTOMERS = 10_000
"""To whom the events come."""
EVENTS_PER_REQUEST = 10
MOST_REQUESTS = 64
"""On their way at once: where the door is slower than the rate, that is said and not hidden by waiting."""
WARM_UP_SECONDS = 3.0
SEED = 1


@dataclass(slots=True)
class Sent:
    """What has come in. late: requests that were due while too many were on their way, and were left out."""

    events: int = 0
    failed: int = 0
    late: int = 0
    began: float = 0.0
    seconds: float = 0.0

    def line(self) -> str:
        """In a sentence."""
        rate = self.events / max(self.seconds, 0.001)
        left = f"; {self.failed:,} not taken, {self.late * EVENTS_PER_REQUEST:,} not sent in time"
        return f"{rate:,.0f} events/s came in for {self.seconds:.0f} s{left if self.failed or self.late else ''}"


@asynccontextmanager
async def coming_in(ground: Arena, events_per_second: float) -> AsyncIterator[Sent]:
    """Events come through the door for as long as the block lasts, the first ones before it begins."""
    sent = Sent()
    for _, value in load.representatives(datetime.now(UTC)):
        assert await ground.door.send([json.loads(value)]), "a representative"
    sending = asyncio.create_task(_send(ground.door, events_per_second, sent))
    try:
        await asyncio.sleep(WARM_UP_SECONDS)
        sent.events, sent.began = 0, time.perf_counter()
        yield sent
        if sending.done():
            sending.result()  # raises why it ended
    finally:
        sent.seconds = time.perf_counter() - sent.began
        sending.cancel()
        await asyncio.wait([sending])


async def _send(door: Door, events_per_second: float, sent: Sent) -> None:
    """Requests when they are due, whatever became of those before."""
    events, every = _events(), EVENTS_PER_REQUEST / events_per_second
    began, underway = time.perf_counter(), set[asyncio.Task[None]]()
    async with asyncio.TaskGroup() as group:
        for number in count():
            await asyncio.sleep(max(0.0, began + number * every - time.perf_counter()))
            if len(underway) >= MOST_REQUESTS:
                sent.late += 1
                continue
            request = group.create_task(_one(door, [next(events) for _ in range(EVENTS_PER_REQUEST)], sent))
            underway.add(request)
            request.add_done_callback(underway.discard)


async def _one(door: Door, events: list[dict[str, object]], sent: Sent) -> None:
    try:
        taken = await door.send(events)
    except (OSError, TimeoutError, EOFError):
        taken = False
    if taken:
        sent.events += len(events)
    else:
        sent.failed += len(events)


def _events() -> Iterator[dict[str, object]]:
    """Without an end."""
    for run in count():
        for one in load.mixed(100_000, CUSTOMERS, SEED + run, datetime.now(UTC), f"in-{run}"):
            yield one.event
