"""The embedded broker: topics with the partitions asked for, and records that come back."""

from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from local.stack.embedded import start_embedded
from local.stack.server import Ask


async def test_it_has_the_topics_and_says_that_it_is_not_a_real_kafka(tmp_path: Path) -> None:
    said: list[str] = []
    server = await start_embedded(Ask(tmp_path, tmp_path / "logs"), {"a.b": 12, "c": 3}, said.append)
    try:
        assert not server.real
        assert "NOT a real Kafka" in said[0]
        admin = AIOKafkaAdminClient(bootstrap_servers=server.endpoint)
        await admin.start()
        topics = await admin.describe_topics(["a.b", "c"])
        await admin.close()
        assert {topic["topic"]: len(topic["partitions"]) for topic in topics} == {"a.b": 12, "c": 3}
    finally:
        if server.process:
            await server.process.stop()


async def test_what_is_sent_comes_back(tmp_path: Path) -> None:
    server = await start_embedded(Ask(tmp_path, tmp_path / "logs"), {"t": 1}, lambda _: None)
    try:
        async with (
            AIOKafkaProducer(bootstrap_servers=server.endpoint) as producer,
            AIOKafkaConsumer("t", bootstrap_servers=server.endpoint, auto_offset_reset="earliest") as consumer,
        ):
            await producer.send_and_wait("t", "客户".encode(), key=b"k")
            record = await consumer.getone()
        assert (record.key, record.value.decode()) == (b"k", "客户")
    finally:
        if server.process:
            await server.process.stop()
