"""Making topics, and checking that those which exist are what the code expects."""

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from shared.errors import Stop, Transient
from shared.kafka.connection import client_options
from shared.settings import Settings
from shared.topics import TOPICS, Topic, durable

CONFIG_VALUE = 1
"""Position of the value in the broker's answer about a setting."""


async def make_topics(settings: Settings) -> list[str]:
    """Make the topics that are missing; gives their names. Raises Stop when one exists with other properties than the
    code relies on, Transient when Kafka does not answer.
    """
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        existing = set(await admin.list_topics())
        missing = [topic for topic in TOPICS if topic.full_name(settings) not in existing]
        for topic in missing:
            await _make(admin, topic, settings)
        await _check(admin, [topic for topic in TOPICS if topic not in missing], settings)
    except (KafkaError, OSError) as error:
        raise Transient(f"Kafka at {settings.kafka_bootstrap}: {error or type(error).__name__}") from error
    finally:
        await admin.close()
    return [topic.full_name(settings) for topic in missing]


async def _make(admin: AIOKafkaAdminClient, topic: Topic, settings: Settings) -> None:
    config = topic.config() | durable(settings.replication)
    new = NewTopic(topic.full_name(settings), topic.partitions(settings), settings.replication, topic_configs=config)
    answer = await admin.create_topics([new])
    for name, code, *details in answer.topic_errors:
        if code not in {0, TopicAlreadyExistsError.errno}:
            raise Stop(f"Kafka did not create the topic {name}: error {code} {' '.join(map(str, details))}")


async def _check(admin: AIOKafkaAdminClient, topics: list[Topic], settings: Settings) -> None:
    if not topics:
        return
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
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        found_config = {entry[0]: entry[CONFIG_VALUE] for answer in answers for entry in answer.resources[0][4]}
        for key, expected in topic.config().items():
            if key in found_config and found_config[key] != expected:
                raise Stop(f"topic {name} has {key}={found_config[key]}, but guanxi relies on {expected}")
