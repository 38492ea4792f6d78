"""Reading partition after partition with one consumer."""

from collections.abc import Mapping

import pytest

from shared.kafka.admin import make_topics
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.follow import Follower
from shared.settings import Settings
from shared.topics import INBOX
from tests.services.ingest.real import settings_from

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


async def _written(environment: Mapping[str, str]) -> tuple[Settings, str]:
    settings = settings_from(environment)
    await make_topics(settings)
    appender = Appender(settings)
    records = [Outgoing(partition, None, str(number).encode(), []) for partition in (0, 1) for number in range(5)]
    await appender.append(INBOX.full_name(settings), records)
    await appender.close()
    return settings, INBOX.full_name(settings)


async def _read(follower: Follower, until: int) -> list[int]:
    return [record.offset async for records in follower.read(until) for record in records]


async def test_it_reads_on_from_where_it_stands_and_each_partition_from_where_it_is_sent(
    stack_settings: dict[str, str],
) -> None:
    settings, topic = await _written(stack_settings)
    async with Follower(settings, topic) as follower:
        follower.seek(0, 1)
        assert await _read(follower, 3) == [1, 2]
        assert await _read(follower, 3) == []
        assert await _read(follower, 5) == [3, 4]
        follower.seek(1, 4)
        assert await _read(follower, 5) == [4]


async def test_who_finds_nothing_to_read_ends_quietly(stack_settings: dict[str, str]) -> None:
    settings, topic = await _written(stack_settings)
    async with Follower(settings, topic) as follower:
        for partition in range(3):
            follower.seek(partition, 0)
            assert await _read(follower, 0) == []
