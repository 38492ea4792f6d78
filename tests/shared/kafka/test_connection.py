"""A list of brokers reaches every client as a list, and what can't start is closed."""

import asyncio
import gc
import warnings
from collections.abc import Coroutine
from typing import Any

import pytest
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from shared.errors import Transient
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.broker import make_broker
from shared.kafka.connection import client_options
from shared.process import Process
from shared.settings import Settings

TWO = "127.0.0.1:1, localhost:2"
"""Ports that nothing listens on."""


def test_every_client_gets_the_brokers_one_by_one() -> None:
    settings = Settings(kafka_bootstrap=TWO)
    options = client_options(settings)
    broker = make_broker(settings, "test")
    assert options["bootstrap_servers"] == ["127.0.0.1:1", "localhost:2"]
    assert broker._connection_kwargs["bootstrap_servers"] == options["bootstrap_servers"]
    assert list(broker.specification.url) == options["bootstrap_servers"]


@pytest.mark.parametrize("text", ["", ",", "kafka:9092 other:9092", "http://kafka:9092", "kafka:"])
def test_what_is_no_list_of_brokers_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="list of brokers"):
        Settings(kafka_bootstrap=text)


def test_nothing_stays_open_when_a_reader_cannot_start() -> None:
    async def attempt() -> None:
        broker = make_broker(Settings(kafka_bootstrap=TWO), "test")
        broker.subscriber("topic", group_id="group", batch=True)(_ignore)
        process = Process("test", Settings())
        with pytest.raises(KafkaError):
            await broker.start()
        await process._give_back(broker)

    assert _left_open(attempt()) == []


def test_nothing_stays_open_when_a_producer_cannot_start() -> None:
    async def attempt() -> None:
        with pytest.raises(Transient):
            await Appender(Settings(kafka_bootstrap=TWO)).append("topic", [Outgoing(0, b"k", b"v", [])])

    assert _left_open(attempt()) == []


async def _ignore(_: Any) -> None:
    """Takes a batch."""


def _left_open(attempt: Coroutine[Any, Any, None]) -> list[str]:
    """What Python says was never closed."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ResourceWarning)
        asyncio.run(attempt)
        gc.collect()
    return [str(one.message) for one in said if issubclass(one.category, ResourceWarning)]
