"""The least that one does with a Kafka and a MongoDB, to see that they work."""

from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import MongoClient

from local.stack.backing import Backing


async def make_topic(servers: Backing, name: str, config: dict[str, str] | None = None) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka_bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1, topic_configs=config or {})])
    await admin.close()


async def send(servers: Backing, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=servers.kafka_bootstrap, max_request_size=8 * 1024 * 1024
    ) as producer:
        await producer.send_and_wait(topic, value)


async def first_value(servers: Backing, topic: str) -> bytes:
    async with AIOKafkaConsumer(
        topic,
        bootstrap_servers=servers.kafka_bootstrap,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 * 1024 * 1024,
    ) as consumer:
        return bytes((await consumer.getone()).value)


def insert_in_transaction(uri: str, text: str) -> None:
    client: MongoClient[dict[str, Any]] = MongoClient(uri)
    with client, client.start_session() as session, session.start_transaction():
        client.test.notes.insert_one({"text": text}, session=session)


def texts(uri: str) -> list[str]:
    client: MongoClient[dict[str, Any]] = MongoClient(uri)
    with client:
        return [note["text"] for note in client.test.notes.find()]
