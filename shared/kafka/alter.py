"""Changing topics: what relog and restore need beyond set-up's making and checking (shared/kafka/admin.py)."""

import asyncio
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any, Self

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)
from aiokafka.structs import TopicPartition

from shared.errors import Stop, Transient
from shared.kafka.admin import configure
from shared.kafka.connection import client_options
from shared.settings import Settings
from shared.topics import durable

GONE_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.2
NO_COORDINATOR_YET = (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError, GroupLoadInProgressError)
GROUP_STATE_MEMBERS = 5
"""Position of the members in the broker's description of a group."""
COPYING = {"message.timestamp.type": "CreateTime"}
"""Settings of a topic that is being filled with a copy: records keep the instants at which they were appended first."""
CLOSED = {"max.message.bytes": "0"}
"""Settings of a topic that takes no record any more, from whomever."""


class TopicAdmin:
    """An admin client for the length of a block. Everything raises Transient when Kafka does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = AIOKafkaAdminClient(**client_options(settings))

    async def __aenter__(self) -> Self:
        try:
            await self._admin.start()
        except (KafkaError, OSError) as error:
            raise Transient(f"Kafka at {self._settings.kafka_bootstrap}: {error or type(error).__name__}") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._admin.close()
        if isinstance(error, KafkaError | OSError | TimeoutError):
            raise Transient(f"Kafka at {self._settings.kafka_bootstrap}: {error or type(error).__name__}") from error

    async def partitions(self, name: str) -> int:
        """How many a topic has; 0 when there is none of that name."""
        if name not in set(await self._admin.list_topics()):
            return 0
        (description,) = await self._admin.describe_topics([name])
        return len(description["partitions"])

    async def make(self, name: str, partitions: int, config: Mapping[str, str]) -> None:
        """Make a topic, unless it is there."""
        new = NewTopic(name, partitions, self._settings.replication, topic_configs=self._with(config))
        answer = await self._admin.create_topics([new])
        for topic, code, *details in answer.topic_errors:
            if code not in {0, TopicAlreadyExistsError.errno}:
                raise Stop(f"Kafka did not create the topic {topic}: error {code} {' '.join(map(str, details))}")
        await self._until(name, partitions)

    async def configure(self, name: str, config: Mapping[str, str]) -> None:
        """Give a topic these settings, and no others of its own."""
        await configure(self._admin, name, self._with(config))

    def _with(self, config: Mapping[str, str]) -> dict[str, str]:
        return durable(self._settings.replication) | dict(config)

    async def grow(self, name: str, partitions: int) -> None:
        """Add partitions to a topic that has fewer. What stands on it stays where it is."""
        if await self.partitions(name) < partitions:
            await self._admin.create_partitions({name: NewPartitions(partitions)})
            await self._until(name, partitions)

    async def delete(self, name: str) -> None:
        """Delete a topic, if there is one, and wait until it is gone."""
        answer = await self._admin.delete_topics([name])
        for topic, code, *_ in answer.topic_error_codes:
            if code not in {0, UnknownTopicOrPartitionError.errno}:
                raise Stop(f"Kafka did not delete the topic {topic}: error {code}")
        await self._until(name, 0)

    async def delete_before(self, name: str, offsets: Mapping[int, int]) -> None:
        """Delete the records before these offsets, by partition."""
        wanted = {TopicPartition(name, p): RecordsToDelete(offset) for p, offset in offsets.items() if offset}
        if wanted:
            await self._admin.delete_records(wanted)

    async def active(self, groups: Collection[str]) -> list[str]:
        """Those of the groups that have members now. One at a time: aiokafka 0.14 misreads an answer about several."""
        found = []
        for name in groups:
            for answer in await self._described(name):
                found += [group[1] for group in answer.groups if group[GROUP_STATE_MEMBERS]]
        return sorted(found)

    async def _described(self, group: str) -> list[Any]:
        """The broker's answers about a group. A new broker makes its topic of groups at the first question, and has no
        coordinator until that is done.
        """
        async with asyncio.timeout(GONE_SECONDS):
            while True:
                try:
                    answers = list(await self._admin.describe_consumer_groups([group]))
                except NO_COORDINATOR_YET:
                    answers = []
                codes = [one[0] for answer in answers for one in answer.groups]
                if answers and not {error.errno for error in NO_COORDINATOR_YET} & {*codes}:
                    return answers
                await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _until(self, name: str, partitions: int) -> None:
        async with asyncio.timeout(GONE_SECONDS):
            while await self.partitions(name) != partitions:  # noqa: ASYNC110 - Kafka tells nobody
                await asyncio.sleep(LOOK_EVERY_SECONDS)
