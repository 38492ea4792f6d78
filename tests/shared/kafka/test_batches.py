"""Appending in order: one unacknowledged batch per partition, and nothing kept after a failure (invariant 4)."""

from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError

import shared.kafka.batches
from shared.errors import Malformed, Transient
from shared.kafka.batches import Appender, Outgoing
from shared.settings import Settings
from tests.shared.fakes import virtually
from tests.sim.kafka import SimBatch
from tests.sim.loop import SimLoop

BATCH_BYTES = 100


class Producer:
    """Keeps what it is asked to send; answers when told, in the order of sending."""

    made: list["Producer"] = []  # noqa: RUF012 - one list for a test

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop
        self.sent: list[tuple[int, list[bytes | None]]] = []
        self.unacknowledged: dict[int, int] = {}
        self.most_unacknowledged = 0
        self.fail: list[Exception | None] = []
        self.stopped = False
        self.offsets: dict[int, int] = {}

    async def start(self) -> None:
        Producer.made.append(self)

    def create_batch(self) -> SimBatch:
        return SimBatch(BATCH_BYTES)

    async def send_batch(self, batch: SimBatch, topic: str, *, partition: int) -> Any:
        self.sent.append((partition, [item.value for item in batch.items]))
        self.unacknowledged[partition] = self.unacknowledged.get(partition, 0) + 1
        self.most_unacknowledged = max(self.most_unacknowledged, self.unacknowledged[partition])
        future = self._loop.create_future()
        error = self.fail.pop(0) if self.fail else None
        self._loop.call_later(0.1, self._answer, future, partition, len(batch.items), error)
        return future

    def _answer(self, future: Any, partition: int, count: int, error: Exception | None) -> None:
        self.unacknowledged[partition] -= 1
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
            return
        base = self.offsets.get(partition, 0)
        self.offsets[partition] = base + count
        future.set_result(type("Metadata", (), {"offset": base}))

    async def stop(self) -> None:
        self.stopped = True


def record(value: str, partition: int = 0) -> Outgoing:
    return Outgoing(partition, None, value.encode(), [])


@pytest.fixture
def producers(monkeypatch: pytest.MonkeyPatch) -> list[Producer]:
    def make(*_: Any, **__: Any) -> Producer:
        loop: Any = shared.kafka.batches.asyncio.get_running_loop()  # type: ignore[attr-defined]
        return Producer(loop)

    monkeypatch.setattr(shared.kafka.batches, "make_producer", make)
    monkeypatch.setattr(Producer, "made", [])
    return Producer.made


def test_each_partition_s_records_stay_in_order_and_their_places_are_told(producers: list[Producer]) -> None:
    async def scene(_: SimLoop) -> list[tuple[int, int]]:
        appender = Appender(Settings())
        return await appender.append("topic", [record("a"), record("x", 1), record("b"), record("y", 1)])

    assert virtually(scene) == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert producers[0].sent == [(0, [b"a", b"b"]), (1, [b"x", b"y"])]


def test_a_partition_never_has_two_batches_under_way(producers: list[Producer]) -> None:
    async def scene(_: SimLoop) -> list[tuple[int, int]]:
        values = [record("v" * 30 + str(n)) for n in range(7)]
        return await Appender(Settings()).append("topic", values)

    assert virtually(scene) == [(0, n) for n in range(7)]
    assert len(producers[0].sent) == 7
    assert producers[0].most_unacknowledged == 1


def test_after_a_failure_nothing_more_is_sent_and_the_producer_is_thrown_away(producers: list[Producer]) -> None:
    async def scene(_: SimLoop) -> None:
        appender = Appender(Settings())
        await appender.append("topic", [record("first")])
        producers[0].fail = [KafkaTimeoutError()]
        with pytest.raises(Transient, match="topic"):
            await appender.append("topic", [record("v" * 60), record("w" * 60)])
        assert producers[0].stopped
        assert [values for _, values in producers[0].sent] == [[b"first"], [b"v" * 60]]
        await appender.append("topic", [record("v" * 60), record("w" * 60)])

    virtually(scene)
    assert [values for _, values in producers[1].sent] == [[b"v" * 60], [b"w" * 60]]


def test_an_acknowledgement_that_does_not_come_is_a_failure(producers: list[Producer]) -> None:
    async def scene(loop: SimLoop) -> float:
        appender = Appender(Settings())
        await appender.append("topic", [record("a")])
        producers[0]._answer = lambda *_: None  # type: ignore[method-assign]
        before = loop.time()
        with pytest.raises(Transient):
            await appender.append("topic", [record("b")])
        return loop.time() - before

    assert virtually(scene) == pytest.approx(shared.kafka.batches.ACK_TIMEOUT_SECONDS)
    assert producers[0].stopped


def test_a_record_that_fits_in_no_batch_is_malformed(producers: list[Producer]) -> None:
    async def scene(_: SimLoop) -> None:
        appender = Appender(Settings(), max_record_bytes=BATCH_BYTES)
        with pytest.raises(Malformed, match="a record of 200 bytes is too large for topic"):
            await appender.append("topic", [record("v" * 200)])
        assert producers[0].stopped

    virtually(scene)


def test_nothing_to_append_asks_for_nothing(producers: list[Producer]) -> None:
    async def scene(_: SimLoop) -> list[tuple[int, int]]:
        return await Appender(Settings()).append("topic", [])

    assert virtually(scene) == []
