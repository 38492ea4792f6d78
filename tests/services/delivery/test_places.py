"""Where a subscription begins to read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition

from services.delivery.handlers import ChangesTopic
from services.delivery.settings import DeliverySettings
from services.delivery.store import begun
from shared.kafka.scan import Bounds


def test_every_partition_is_read_whatever_a_position_names() -> None:
    ends = {0: 5, 1: 9, 2: 0}
    assert begun(None, ends) == ends
    assert begun({"1": 3}, ends) == {0: 5, 1: 3, 2: 0}
    assert begun({"1": 3, "77": 1}, ends) == {0: 5, 1: 3, 2: 0}, "nor one that is not there"


async def test_a_replay_from_before_kafkas_time_is_of_all_that_is_held() -> None:
    asked: list[int] = []

    class Consumer:
        async def offsets_for_times(self, wanted: Mapping[TopicPartition, int]) -> dict[TopicPartition, Any]:
            asked.extend(wanted.values())
            if min(wanted.values()) < 0:
                raise ValueError("as the driver does")
            return {one: SimpleNamespace(offset=2) for one in wanted}

        async def stop(self) -> None:
            return

    class Topic(ChangesTopic):
        async def bounds(self) -> Bounds:
            return Bounds({0: 2}, {0: 7})

        async def _started(self) -> Any:
            return Consumer()

    topic = Topic(DeliverySettings())
    assert await topic.since(datetime(1900, 1, 1, tzinfo=UTC)) == {0: 2}
    assert asked == [0]
