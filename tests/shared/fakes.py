"""What tests of shared/ stand on: virtual time, an in-memory MongoDB, records, a domain."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, TypeVar
from unittest import mock

import shared.kafka.reader
from shared.events.codec import encode
from shared.events.event import Event, Position
from shared.events.facts import CustomerReviewed, PurchaseRecorded
from shared.kafka.batches import Outgoing
from shared.mongo import Database
from tests.events.log import event_of
from tests.sim.chance import Chance
from tests.sim.loop import SimLoop
from tests.sim.mongo import SimDatabase, as_database
from tests.sim.mongo_server import MongoServer
from tests.sim.net import Net, Weather
from tests.sim.toy import Policy, Toy

T = TypeVar("T")
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = b"customer:c0"
TOY = Toy([Policy(1, date(2026, 1, 1), (5_000, 12_000, 25_000))])
MAX_STEPS = 100_000


def virtually(main: Callable[[SimLoop], Coroutine[Any, Any, T]]) -> T:
    """Run something in virtual time: its sleeps take none."""
    loop = SimLoop()  # type: ignore[abstract]  # what it leaves out is never asked for
    with mock.patch.object(shared.kafka.reader, "time", SimpleNamespace(monotonic=loop.time)):
        task = loop.create_task(main(loop))
        loop.run(task, MAX_STEPS)
        loop.dispose()
    result: T = task.result()
    return result


def memory_database() -> Database:
    """An in-memory MongoDB on the running loop; nothing fails."""
    loop: Any = asyncio.get_running_loop()
    net = Net(loop, Chance("plain", {}), Weather((0.0,), 0.0, 0.0))
    return as_database(SimDatabase(MongoServer(loop.time), net))


@dataclass(frozen=True)
class LogRecord:
    """A record as it is read from the log."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def event(data: Any, *, name: str = "e1", subject: str = "c0", days_later: float = 0) -> Event:
    """A fact that was told when it happened."""
    return event_of(data, AT + timedelta(days=days_later), name=name, subject=subject)


def purchase(amount: str, *, name: str = "p1", subject: str = "c0", days_later: float = 0, **data: Any) -> Event:
    """Something bought and told at once."""
    fact = PurchaseRecorded(purchase_id=name, amount=amount, currency="CNY", **data)
    return event(fact, name=name, subject=subject, days_later=days_later)


def review(*, days_later: float, name: str = "review") -> Event:
    """A review."""
    return event(CustomerReviewed(), name=name, days_later=days_later)


def on_log(event: Event, offset: int, *, from_inbox: int | None = None, partition: int = 0) -> LogRecord:
    """An event as it stands on the log; facts come from the inbox offset given, or the same as on the log."""
    is_fact = event.type not in TOY.decides
    position = Position(1, 0, offset if from_inbox is None else from_inbox) if is_fact else None
    value, headers = encode(event, position)
    timestamp = int(event.recorded_at.timestamp() * 1000)
    return LogRecord(partition, offset, timestamp, f"customer:{event.subject}".encode(), value, headers)


class Appended:
    """An appender that keeps what it is given. `fail` makes the next appends fail."""

    def __init__(self) -> None:
        self.records: list[Outgoing] = []
        self.fail: list[Exception] = []

    async def append(self, topic: str, records: Any) -> list[tuple[int, int]]:
        """Keep them in one list, whatever the topic."""
        await asyncio.sleep(0)
        if self.fail:
            raise self.fail.pop()
        self.records += records
        return []
