"""A backup as of an earlier moment: what came on the log later is left out of it, with what was claimed for it.

The moment is one of append times. Of each partition stays what was appended by then, up to the first record that was
not. Partitions have clocks of their own, and an event may have records in several: where one of them came too late, the
others are left out too, with what lies behind them. So an event is in it whole, or not at all and can be sent again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from operations.backup.files import PACKED, Source, documents_of, partition_of
from operations.progress import Steps
from services.ingest.store import CLAIMS, FATES
from shared.errors import Malformed, Stop
from shared.events.codec import type_and_position
from shared.events.event import Position
from shared.events.registry import DECISIONS
from shared.mongo.texts import TEXTS
from shared.topics import INBOX, LOG, REJECTED, TIERS

Document = dict[str, Any]
Stream = tuple[int, int]
"""A partition of the inbox, with its generation."""


@dataclass(slots=True)
class Cut:
    """Where a backup ends. ends: the next offset, by partition of the log; reached: the last offset on it, by stream;
    decided: keys with decisions that are left out; dropped: revisions, by identity, that nothing claims any more.
    """

    at_ms: int
    ends: dict[int, int] = field(default_factory=dict)
    reached: dict[Stream, int] = field(default_factory=dict)
    lost: dict[Stream, int] = field(default_factory=dict)
    """The first offset of each stream that is left out."""
    decided: set[str] = field(default_factory=set)
    left_out: int = 0
    dropped: set[tuple[bytes, int]] = field(default_factory=set)

    def of(self, path: str, documents: Iterator[Document]) -> Iterator[Document]:
        """What stays of a file."""
        folder, _, name = path.removesuffix(PACKED).rpartition("/")
        match folder.split("/"):
            case ["kafka", topic] if topic == LOG.name:
                end = self.ends[int(name.partition(".")[0])]
                return (one for one in documents if one["o"] < end)
            case ["kafka", topic] if topic == REJECTED.name:
                return (one for one in documents if one["t"] <= self.at_ms)
            case ["kafka", topic] if topic in {INBOX.name, TIERS.name}:
                return iter(())  # what was not admitted came later; tiers are told again from the views
            case ["mongo"] if name == CLAIMS:
                return (one for one in map(self._claim, documents) if one["entries"])
            case ["mongo"] if name == TEXTS:
                return (one for one in documents if (one["claim"], one["revision"]) not in self.dropped)
            case ["mongo"] if name == FATES:
                return (one for one in documents if one["at_ms"] <= self.at_ms and self._stands(one))
        return documents

    def claims(self, position: str) -> bool:
        """Whether what was accepted at a position of the inbox is on the log."""
        generation, partition, offset, *_ = map(int, position.split("/"))
        return offset <= self.reached.get((generation, partition), -1)

    def _stands(self, fate: Document) -> bool:
        return fate["status"] != "accepted" or self.claims(fate["position"])

    def _claim(self, claim: Document) -> Document:
        return {**claim, "entries": [one for one in claim["entries"] if self.claims(one["position"])]}


def as_of(source: Source, moment: datetime, steps: Steps) -> tuple[Source, Cut]:
    """The backup as of a moment. Raises Stop where it holds nothing of it."""
    manifest = source.manifest
    if moment > datetime.fromisoformat(manifest.made_at):
        raise Stop(f"the backup was made at {manifest.made_at}: it holds nothing of later")
    cut = Cut(int(moment.timestamp() * 1000))
    while True:
        found = _look(source, cut, steps)
        if all(offset < found.lost.get(stream, offset + 1) for stream, offset in found.reached.items()):
            break
        cut = found  # an event lies on both sides
    if not any(found.ends.values()):
        raise Stop(f"nothing on the backup's log is of {moment.isoformat()} or earlier")
    for part in manifest.parts:
        if part.path == f"mongo/{CLAIMS}{PACKED}":
            for one in documents_of(source, part):
                gone = (entry for entry in one["entries"] if not found.claims(entry["position"]))
                found.dropped.update((one["_id"], entry["revision"]) for entry in gone)
    folded = {
        service: {partition: min(offset, found.ends[int(partition)]) for partition, offset in offsets.items()}
        for service, offsets in manifest.folded.items()
    }
    ends = {str(partition): end for partition, end in found.ends.items()}
    return replace(source, manifest=replace(manifest, ends=ends, folded=folded), keeps=found.of), found


def _look(source: Source, before: Cut, steps: Steps) -> Cut:
    """Read the log to its end; `before` says of which events no record may stay."""
    found = Cut(before.at_ms)
    parts = [part for part in source.manifest.parts if partition_of(part, LOG.name) is not None]
    step = steps.step("looking for the moment on the log", sum(part.documents for part in parts))
    vectors: dict[int, dict[Stream, Stream]] = {}
    for part in parts:
        partition = int(partition_of(part, LOG.name) or 0)
        vector = vectors.setdefault(partition, {})
        end = found.ends.get(partition)
        open_ = end is None or end == source.manifest.ends[str(partition)]
        for count, record in enumerate(documents_of(source, part), 1):
            name, position = _said(record)
            fresh = position is not None and position[2:] > vector.get(position[:2], (-1, -1))
            if position is not None and fresh:
                vector[position[:2]] = position[2:]
                late = position.offset >= before.lost.get(position[:2], position.offset + 1)
            else:
                late = False
            if open_ and (record["t"] > found.at_ms or late):
                found.ends[partition], open_ = record["o"], False
            if position is not None and fresh:
                which, least = (found.reached, max) if open_ else (found.lost, min)
                which[position[:2]] = least(position.offset, which.get(position[:2], position.offset))
            if not open_:
                found.left_out += 1
                if name in DECISIONS and record["k"] is not None:
                    found.decided.add(record["k"].decode(errors="replace"))
            if count % 1_000 == 0:
                step.add(1_000)
        step.add(part.documents % 1_000)
        if open_:
            found.ends[partition] = source.manifest.ends[str(partition)]
    return found


def _said(record: Document) -> tuple[str, Position | None]:
    """Type and position of a record; nothing of one that readers could not fold either."""
    try:
        return type_and_position(record["h"])
    except Malformed:
        return "", None


def moment_of(text: str, zone: ZoneInfo) -> datetime:
    """An instant of ISO 8601; without an offset, on the clocks of a zone. Raises Malformed."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Malformed(f"{text!r} is no moment such as 2026-11-23T14:30:00+08:00") from None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
