"""Every topic once: what is on it, how long it stays, who besides the services writes and reads it (architecture.md).

Which services do is said by each of them (shared/service.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.settings import Settings

DAY_MS = 86_400_000
KAFKAS_SEGMENT_MS = 7 * DAY_MS
"""Kafka's own segment.ms, which topics have that were given none."""
MAX_INBOX_RECORD_BYTES = 4 * 1024 * 1024
"""Larger than any event that admission takes, so that an oversized one reaches it and is refused with a reason."""
MAX_LOG_RECORD_BYTES = 1024 * 1024
"""Well above an admitted event (64 KiB) and what it replaces."""


def least_in_sync(replication: int) -> int:
    """How many copies an acknowledgement must mean (docs/promises.md): two, where one of three may be away."""
    return 2 if replication >= 3 else 1


def durable(replication: int) -> dict[str, str]:
    """The setting of every topic that says so."""
    return {"min.insync.replicas": str(least_in_sync(replication))}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic; its real name has the settings' prefix. retention_ms -1 keeps forever."""

    name: str
    holds: str
    retention_ms: int
    compacted: bool
    max_record_bytes: int
    relied_on: str
    """Why it matters that the topic is set up as it is."""
    outside_writers: tuple[str, ...] = ()
    outside_readers: tuple[str, ...] = ()
    """Those who are no services of ours: upstream, downstream, the operator."""
    generational: bool = False
    """Whether relog makes a new topic of it."""
    own_partitions: int | None = None
    """A partition count of its own, for good; None: as many as the log."""
    segment_ms: int | None = None
    """How much longer than its retention a record may stay: Kafka deletes whole segments. None: as the broker says."""
    formerly: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Settings that earlier versions gave, which set-up changes; what anybody else has changed stops it."""

    def full_name(self, settings: Settings) -> str:
        """The topic's name on the broker; that of a log's later generation has its number."""
        later = self.generational and settings.log_generation > 1
        return settings.topic_prefix + self.name + (f".g{settings.log_generation}" if later else "")

    def partitions(self, settings: Settings) -> int:
        """How many partitions it has."""
        return self.own_partitions or settings.partitions

    def config(self) -> dict[str, str]:
        """The broker's configuration of the topic; append time everywhere, as the clock of customers needs it."""
        config = {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": str(self.retention_ms),
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(self.max_record_bytes),
        }
        return config if self.segment_ms is None else config | {"segment.ms": str(self.segment_ms)}

    @property
    def kept_ms(self) -> int:
        """After how long a record is gone at the latest."""
        return self.retention_ms + (self.segment_ms or 0)


INBOX = Topic(
    "guanxi.inbox",
    "raw events from every door, 7 days",
    7 * DAY_MS,
    compacted=False,
    max_record_bytes=MAX_INBOX_RECORD_BYTES,
    relied_on="unread records could be lost, or get other times than admission expects",
    outside_writers=("upstream", "operator"),
    segment_ms=DAY_MS,
    formerly={"segment.ms": str(KAFKAS_SEGMENT_MS)},
)
LOG = Topic(
    "guanxi.log",
    "admitted facts and decisions, forever",
    -1,
    compacted=False,
    max_record_bytes=MAX_LOG_RECORD_BYTES,
    relied_on="it is kept forever and in order; what it loses can't be folded again, and states can't be rebuilt",
    generational=True,
)
REJECTED = Topic(
    "guanxi.rejected",
    "refused records: reason in headers, original bytes as value, 21 days",
    21 * DAY_MS,
    compacted=False,
    max_record_bytes=MAX_INBOX_RECORD_BYTES,
    relied_on="refused records could be lost before they are replayed",
    outside_readers=("operator",),
    segment_ms=DAY_MS,
    formerly={"retention.ms": str(30 * DAY_MS), "segment.ms": str(KAFKAS_SEGMENT_MS)},
)
TIERS = Topic(
    "guanxi.tiers",
    "the latest tier of each customer, nothing confidential, compacted",
    -1,
    compacted=True,
    max_record_bytes=MAX_LOG_RECORD_BYTES,
    relied_on="readers of guanxi.tiers rely on the latest tier of each customer being there",
    outside_readers=("downstream",),
)
CHANGES = Topic(
    "guanxi.changes",
    "what changed, a CloudEvent for each record that a customer's timeline takes, nothing confidential, 30 days",
    30 * DAY_MS,
    compacted=False,
    max_record_bytes=MAX_LOG_RECORD_BYTES,
    relied_on="followers count on each change being there for 30 days, and each customer's on one partition",
    outside_readers=("downstream",),
    own_partitions=12,
)
TOPICS = (INBOX, LOG, REJECTED, TIERS, CHANGES)
