"""Making topics, and checking that those which exist are what the code expects."""

from collections.abc import Mapping

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from shared.errors import Stop, Transient
from shared.kafka.connection import client_options
from shared.settings import Settings
from shared.topics import TOPICS, Topic, durable

SET_ON_THE_TOPIC = 1
"""Kafka's number for a setting that somebody gave to the topic itself."""


async def make_topics(settings: Settings) -> list[str]:
    """Make the topics that are missing, and change what an earlier version set otherwise; gives what was done, in
    sentences. Raises Stop when a topic has other properties than the code relies on, Transient when Kafka does not
    answer.
    """
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        existing = set(await admin.list_topics())
        missing = [topic for topic in TOPICS if topic.full_name(settings) not in existing]
        for topic in missing:
            await _make(admin, topic, settings)
        changed = await _check(admin, [topic for topic in TOPICS if topic not in missing], settings)
    except (KafkaError, OSError) as error:
        raise Transient(f"Kafka at {settings.kafka_bootstrap}: {error or type(error).__name__}") from error
    finally:
        await admin.close()
    return [f"topic {topic.full_name(settings)} made" for topic in missing] + changed


async def settings_of(admin: AIOKafkaAdminClient, name: str) -> tuple[dict[str, str], dict[str, str]]:
    """All settings of a topic, and those that somebody gave to itself."""
    config, given = {}, {}
    for answer in await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)]):
        for key, value, _, source, *_ in answer.resources[0][4]:
            config[key] = value
            if source == SET_ON_THE_TOPIC:
                given[key] = value
    return config, given


async def configure(admin: AIOKafkaAdminClient, name: str, config: Mapping[str, str]) -> None:
    """Give a topic these settings, and no others of its own. Raises Stop when Kafka does not take them."""
    for answer in await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=dict(config))]):
        for code, message, *_ in answer.resources:
            if code:
                raise Stop(f"Kafka did not change the settings of {name}: error {code} {message}")


async def _make(admin: AIOKafkaAdminClient, topic: Topic, settings: Settings) -> None:
    config = topic.config() | durable(settings.replication)
    new = NewTopic(topic.full_name(settings), topic.partitions(settings), settings.replication, topic_configs=config)
    answer = await admin.create_topics([new])
    for name, code, *details in answer.topic_errors:
        if code not in {0, TopicAlreadyExistsError.errno}:
            raise Stop(f"Kafka did not create the topic {name}: error {code} {' '.join(map(str, details))}")


async def _check(admin: AIOKafkaAdminClient, topics: list[Topic], settings: Settings) -> list[str]:
    changed: list[str] = []
    if not topics:
        return changed
    names = {topic.full_name(settings): topic for topic in topics}
    for description in await admin.describe_topics(list(names)):
        found = len(description["partitions"])
        wanted = names[description["topic"]].partitions(settings)
        if found != wanted:
            raise Stop(
                f"topic {description['topic']} has {found} partitions, guanxi expects {wanted} (GUANXI_PARTITIONS is "
                f"{settings.partitions}): keys would change their partition and with it their order"
            )
    for name, topic in names.items():
        found_config, given = await settings_of(admin, name)
        wanted_config = topic.config()
        moved = {key for key, former in topic.formerly.items() if found_config.get(key) == former != wanted_config[key]}
        for key, expected in wanted_config.items():
            if key in found_config and key not in moved and found_config[key] != expected:
                raise Stop(f"topic {name} has {key}={found_config[key]}, but guanxi relies on {expected}")
        if moved:
            await configure(admin, name, given | {key: wanted_config[key] for key in moved})
            changed += [f"topic {name} has {key}={wanted_config[key]} now" for key in sorted(moved)]
    return changed
