"""How every client of Kafka is made from the settings."""

import asyncio
import ssl
from functools import lru_cache
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from shared.settings import Settings

DRAIN_SECONDS = 20.0
"""How long a running batch may take to end when its partitions are revoked or the process stops."""
REQUEST_TIMEOUT_MS = 20_000
PRODUCE_TIMEOUT_MS = 10_000
"""A broker whose machine is gone says nothing: so long does whoever writes to it wait, and may write to the next leader
then. Kafka itself takes 9 s to find out.
"""
PRODUCER_STOP_SECONDS = 5.0
"""A producer that fails may never have its batches acknowledged: whoever stops it does not wait for that."""
KEY_CACHE_SIZE = 65_536
"""Keys whose partition is remembered; hashing one in Python costs about 3 microseconds."""


class Record(Protocol):
    """A record as it was read; aiokafka's ConsumerRecord fits."""

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int:
        """Broker's append time, milliseconds since 1970."""
        ...

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Any:
        """Pairs of name and bytes or None."""
        ...


def ssl_context(settings: Settings) -> ssl.SSLContext | None:
    """By which brokers are known, and this process to them where it has a certificate; None without TLS."""
    if not settings.kafka_encrypted:
        return None
    context = ssl.create_default_context(cafile=settings.kafka_ca_file)
    if settings.kafka_cert_file is not None:
        password = settings.kafka_key_password
        context.load_cert_chain(
            settings.kafka_cert_file,
            settings.kafka_key_file,
            password.get_secret_value() if password is not None else None,
        )
    return context


def client_options(settings: Settings) -> dict[str, Any]:
    """Options for an aiokafka client: where, and who we are."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_servers,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
    }
    context = ssl_context(settings)
    who = _who(settings)
    if who:
        protocol = "SASL_SSL" if context else "SASL_PLAINTEXT"
        options |= {"security_protocol": protocol, "ssl_context": context, **who}
    elif context:
        options |= {"security_protocol": "SSL", "ssl_context": context}
    return options


def _who(settings: Settings) -> dict[str, Any]:
    """Empty where brokers know us by a certificate, or do not ask."""
    if settings.kafka_mechanism == "OAUTHBEARER":
        from shared.kafka.token import ClientCredentials  # noqa: PLC0415 - with httpx, which no other mechanism needs

        return {"sasl_mechanism": settings.kafka_mechanism, "sasl_oauth_token_provider": ClientCredentials(settings)}
    if settings.kafka_username and settings.kafka_password:
        return {
            "sasl_mechanism": settings.kafka_mechanism,
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password.get_secret_value(),
        }
    return {}


def make_producer(settings: Settings, *, max_record_bytes: int, **options: Any) -> AIOKafkaProducer:
    """An idempotent producer that waits for all replicas; `max_record_bytes` bounds a batch."""
    return AIOKafkaProducer(
        **client_options(settings) | {"request_timeout_ms": PRODUCE_TIMEOUT_MS},
        acks="all",
        enable_idempotence=True,
        max_batch_size=max_record_bytes,
        max_request_size=max_record_bytes + 1024 * 1024,
        **options,
    )


async def start_producer(producer: AIOKafkaProducer) -> None:
    """Start it; one that can't start is closed, since its connections and tasks would stay otherwise."""
    try:
        await producer.start()
    except BaseException:
        await stop_producer(producer)
        raise


async def stop_producer(producer: AIOKafkaProducer) -> None:
    """Stop it, whatever state it is in."""
    try:
        await asyncio.wait_for(producer.stop(), PRODUCER_STOP_SECONDS)
    except (KafkaError, TimeoutError, OSError):
        return


def make_consumer(settings: Settings, *topics: str, **options: Any) -> AIOKafkaConsumer:
    """A consumer of one's own, for tools that read by position; commits nothing."""
    return AIOKafkaConsumer(
        *topics,
        **client_options(settings),
        **{"enable_auto_commit": False, "auto_offset_reset": "earliest", **options},
    )


@lru_cache(maxsize=KEY_CACHE_SIZE)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as Kafka's own default partitioner (murmur2) has it."""
    hashed: int = murmur2(key)
    return (hashed & 0x7FFFFFFF) % partitions
