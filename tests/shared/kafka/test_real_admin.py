"""Settings of topics on a real broker: set-up changes those of earlier versions, and stops at anybody else's."""

import asyncio
from collections.abc import Mapping

import pytest

from shared.errors import Stop
from shared.kafka.admin import make_topics
from shared.kafka.alter import TopicAdmin
from shared.kafka.inspect import inspect
from shared.settings import Settings
from shared.topics import INBOX, REJECTED, Topic, durable

pytestmark = pytest.mark.real


@pytest.fixture
def settings(stack_settings: dict[str, str]) -> Settings:
    """Of a stack without topics."""
    return Settings.model_validate(
        {name.removeprefix("GUANXI_").lower(): value for name, value in stack_settings.items()}
    )


async def _given(settings: Settings, topic: Topic) -> dict[str, str]:
    return next(one.given for one in (await inspect(settings)).topics if one.topic is topic)


async def _has(settings: Settings, topic: Topic, config: Mapping[str, str]) -> None:
    """A broker learns from its controller, in its own time, what a topic was given."""
    async with asyncio.timeout(30):
        while await _given(settings, topic) != config:  # noqa: ASYNC110 - Kafka tells nobody
            await asyncio.sleep(0.05)


async def _give(settings: Settings, topic: Topic, config: Mapping[str, str]) -> None:
    async with TopicAdmin(settings) as admin:
        await admin.configure(topic.full_name(settings), config)
    await _has(settings, topic, durable(1) | dict(config))


async def test_what_an_earlier_version_set_is_changed_once_and_what_the_operator_set_stays(settings: Settings) -> None:
    await make_topics(settings)
    name, ours = REJECTED.full_name(settings), {"compression.type": "zstd"}
    await _give(settings, REJECTED, REJECTED.config() | dict(REJECTED.formerly) | ours)

    said = await make_topics(settings)

    assert said == [f"topic {name} has retention.ms={21 * 86_400_000} now", f"topic {name} has segment.ms=86400000 now"]
    await _has(settings, REJECTED, durable(1) | REJECTED.config() | ours)
    assert await make_topics(settings) == []


async def test_a_topic_that_never_was_given_a_segment_is_given_one(settings: Settings) -> None:
    await make_topics(settings)
    before = {key: value for key, value in INBOX.config().items() if key != "segment.ms"}
    await _give(settings, INBOX, before)

    assert await make_topics(settings) == [f"topic {INBOX.full_name(settings)} has segment.ms=86400000 now"]
    await _has(settings, INBOX, durable(1) | INBOX.config())


async def test_what_nobody_of_us_set_stops_set_up_and_is_left_alone(settings: Settings) -> None:
    await make_topics(settings)
    other = durable(1) | REJECTED.config() | dict(REJECTED.formerly) | {"retention.ms": "1000000"}
    await _give(settings, REJECTED, other)

    with pytest.raises(Stop, match=r"has retention\.ms=1000000, but guanxi relies on"):
        await make_topics(settings)
    assert await _given(settings, REJECTED) == other
