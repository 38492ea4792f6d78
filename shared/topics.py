"""Every topic once: what is on it, how long it stays, who writes and reads it (architecture.md)."""

from dataclasses import dataclass

from shared.settings import Settings

DAY_MS = 86_400_000
MAX_INBOX_RECORD_BYTES = 4 * 1024 * 1024
"""Larger than any event that admission takes, so that an oversized one reaches it and is refused with a reason."""
MAX_LOG_RECORD_BYTES = 1024 * 1024
"""Well above an admitted event (64 KiB) and what it replaces."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic; its real name has the settings' prefix. retention_ms -1 keeps for ever."""

    name: str
    holds: str
    retention_ms: int
    compacted: bool
    max_record_bytes: int
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    generational: bool = False
    """Whether relog makes a new topic of it."""

    def full_name(self, settings: Settings) -> str:
        """The topic's name on the broker; that of a log's later generation has its number."""
        later = self.generational and settings.log_generation > 1
        return settings.topic_prefix + self.name + (f".g{settings.log_generation}" if later else "")

    def config(self) -> dict[str, str]:
        """The broker's configuration of the topic; append time everywhere, as the clock of customers needs it."""
        return {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": str(self.retention_ms),
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(self.max_record_bytes),
        }


INBOX = Topic(
    "guanxi.inbox",
    "raw events from every door, 7 days",
    7 * DAY_MS,
    compacted=False,
    max_record_bytes=MAX_INBOX_RECORD_BYTES,
    writers=("upstream", "ingest", "operator", "tiering", "engagement"),
    readers=("ingest",),
)
LOG = Topic(
    "guanxi.log",
    "admitted facts and decisions, for ever",
    -1,
    compacted=False,
    max_record_bytes=MAX_LOG_RECORD_BYTES,
    writers=("ingest", "tiering", "engagement"),
    readers=("tiering", "engagement"),
    generational=True,
)
REJECTED = Topic(
    "guanxi.rejected",
    "what admission refused: reason in headers, original bytes as value, 30 days",
    30 * DAY_MS,
    compacted=False,
    max_record_bytes=MAX_INBOX_RECORD_BYTES,
    writers=("ingest",),
    readers=("operator",),
)
TIERS = Topic(
    "guanxi.tiers",
    "the latest tier of each customer, nothing confidential, compacted",
    -1,
    compacted=True,
    max_record_bytes=MAX_LOG_RECORD_BYTES,
    writers=("tiering",),
    readers=("downstream",),
)
TOPICS = (INBOX, LOG, REJECTED, TIERS)
