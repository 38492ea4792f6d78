"""What the broker says of guanxi's topics: settings, partitions, replicas, bytes, and the disks below. Read-only."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

from shared.errors import Transient
from shared.kafka.admin import settings_of
from shared.kafka.connection import client_options
from shared.kafka.scan import bounds
from shared.settings import Settings
from shared.topics import TOPICS, Topic


@dataclass(slots=True)
class FoundTopic:
    """A topic as it is. size_bytes: of all replicas, None where the broker does not say; given: settings of its own.

    without_leader, behind: partitions that no broker leads, and those with a replica that does not keep up.
    """

    topic: Topic
    name: str
    partitions: int = 0
    replication: int = 0
    config: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    begins: dict[int, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    size_bytes: int | None = None
    without_leader: list[int] = field(default_factory=list)
    behind: list[int] = field(default_factory=list)

    @property
    def exists(self) -> bool:
        """Whether the broker knows it."""
        return self.partitions > 0

    @property
    def records(self) -> int:
        """Offsets held; a compacted topic holds fewer records."""
        return sum(self.ends.values()) - sum(self.begins.values())


@dataclass(frozen=True, slots=True)
class Disk:
    """Where a broker keeps its logs."""

    broker: int
    path: str
    total_bytes: int
    usable_bytes: int


@dataclass(frozen=True, slots=True)
class Found:
    """All of guanxi's topics, and the brokers' disks as far as they say."""

    topics: list[FoundTopic]
    disks: list[Disk]


async def inspect(settings: Settings) -> Found:
    """Ask the broker. Raises Transient when it does not answer."""
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        known = set(await admin.list_topics())
        found = [FoundTopic(topic, topic.full_name(settings)) for topic in TOPICS]
        there = [one for one in found if one.name in known]
        for one in there:
            await _describe(admin, one)
        disks = await _disks(admin, there)
    except (KafkaError, OSError) as error:
        raise Transient(f"Kafka at {settings.kafka_bootstrap}: {str(error) or type(error).__name__}") from error
    finally:
        await admin.close()
    for one in there:
        one.begins, one.ends = await bounds(settings, one.name)
    return Found(found, disks)


async def _describe(admin: AIOKafkaAdminClient, found: FoundTopic) -> None:
    (described,) = await admin.describe_topics([found.name])
    partitions = described["partitions"]
    found.partitions = len(partitions)
    found.replication = min((len(one["replicas"]) for one in partitions), default=0)
    found.without_leader = sorted(one["partition"] for one in partitions if one["leader"] < 0)
    found.behind = sorted(one["partition"] for one in partitions if len(one["isr"]) < len(one["replicas"]))
    found.config, found.given = await settings_of(admin, found.name)


async def _disks(admin: AIOKafkaAdminClient, found: list[FoundTopic]) -> list[Disk]:
    """Bytes by topic, and disks; nothing of a broker that does not know the question or does not allow it."""
    cluster = await admin.describe_cluster()
    asked = _DescribeLogDirsRequest([(one.name, list(range(one.partitions))) for one in found])
    disks: list[Disk] = []
    sizes = dict.fromkeys((one.name for one in found), 0)
    answered = False
    for broker in (int(one["node_id"]) for one in cluster["brokers"]):
        try:
            answer: Any = await admin._send_request_to_node(broker, asked)  # noqa: SLF001 - it has no method for this
        except (KafkaError, OSError):
            continue
        for error, path, topics, total, usable, _ in answer.results:
            if error:
                continue
            answered = True
            disks.append(Disk(broker, path, total, usable))
            for name, partitions, _ in topics:
                sizes[name] = sizes.get(name, 0) + sum(size for _, size, *_ in partitions)
    if answered:
        for one in found:
            one.size_bytes = sizes[one.name]
    return disks


class _DescribeLogDirsResponse_v4(Response):  # type: ignore[misc]  # noqa: N801 - as the driver names them
    API_KEY = 35
    API_VERSION = 4
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "results",
            CompactArray(
                ("error_code", Int16),
                ("log_dir", CompactString("utf-8")),
                (
                    "topics",
                    CompactArray(
                        ("name", CompactString("utf-8")),
                        (
                            "partitions",
                            CompactArray(
                                ("partition_index", Int32),
                                ("partition_size", Int64),
                                ("offset_lag", Int64),
                                ("is_future_key", Boolean),
                                ("tags", TaggedFields),
                            ),
                        ),
                        ("tags", TaggedFields),
                    ),
                ),
                ("total_bytes", Int64),
                ("usable_bytes", Int64),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _DescribeLogDirsRequest_v4(RequestStruct):  # type: ignore[misc]  # noqa: N801 - as the driver names them
    API_KEY = 35
    API_VERSION = 4
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _DescribeLogDirsResponse_v4
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)
            ),
        ),
        ("tags", TaggedFields),
    )


_Struct: TypeAlias = _DescribeLogDirsRequest_v4


class _DescribeLogDirsRequest(Request[_Struct]):  # type: ignore[misc]  # the driver has no types
    """KIP-113 and KIP-827: bytes of partitions, and of the disks they lie on. Kafka 3.3 and later."""

    API_KEY = 35

    def __init__(self, topics: list[tuple[str, list[int]]]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_Struct]) -> _Struct:
        return request_struct_class([(name, partitions, {}) for name, partitions in self._topics], {})
