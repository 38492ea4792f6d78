"""Checks that the log has each admitted record once and in order, for readers that skip repeated positions.

Written without the processor's code: the requirements are architecture.md's invariants 3, 4 and 6.
"""

from array import array
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zlib import crc32

from pydantic_core import from_json

from operations.verify.chain import Chains
from operations.verify.findings import Report, on_log
from operations.verify.positions import Positions, Source, Sums
from operations.verify.sample import Wants
from services import SERVICES
from services.ingest.admit.admit import CLAIM_KEPT, identity_of
from services.ingest.admit.envelope import MAX_AGE
from shared.errors import Malformed
from shared.events.codec import decode, type_and_position
from shared.events.event import LogPosition, Position
from shared.events.registry import DECISIONS, FACTS, VOIDED, record_of
from shared.kafka.connection import Record, partition_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REMEMBERED = 2_000_000
"""Positions per partition of the log and of the inbox that are remembered one by one, the newest: 24 MB each. A record
that comes again from before them is taken for a repeat."""
SOON_FORGOTTEN = CLAIM_KEPT - MAX_AGE - timedelta(days=1)
"""No claim is forgotten sooner than so long after its record came to the log."""


@dataclass(slots=True)
class _Line:
    """What came from one partition of the inbox: positions ascending, and a sum of each record's content."""

    positions: "array[int]" = field(default_factory=lambda: array("Q"))
    sums: "array[int]" = field(default_factory=lambda: array("I"))
    forgotten: bool = False

    def keep(self, place: int, content: int) -> None:
        self.positions.append(place)
        self.sums.append(content)
        if len(self.positions) > 2 * REMEMBERED:
            self.forgotten = True
            del self.positions[:REMEMBERED], self.sums[:REMEMBERED]


@dataclass(slots=True)
class OnLog:
    """What the whole log holds. admitted: positions of the inbox; to_be_claimed: those of them, within the sample,
    that a claim must know of, and under which identity (`identities`).
    """

    admitted: Positions = field(default_factory=Positions)
    to_be_claimed: Positions = field(default_factory=Positions)
    identities: Sums = field(default_factory=Sums)
    backwards: int = 0
    backwards_most_ms: int = 0


class LogCheck:
    """Looks at each record of one partition, from its beginning."""

    def __init__(
        self,
        partition: int,
        partitions: int,
        generation: int,
        inbox_ends: Mapping[Source, int],
        wants: Wants,
        now: datetime,
        total: OnLog,
        report: Report,
    ) -> None:
        self._partition, self._partitions, self._generation = partition, partitions, generation
        self._inbox_ends, self._wants, self._now = inbox_ends, wants, now
        self._total, self._report = total, report
        self._lines: dict[Source, _Line] = {}
        self._chains = Chains(report)
        self._service_of = {name: one.name for one in SERVICES.folding.values() for name in one.decides}
        self._expected: int | None = None
        self._latest_ms = 0

    def look(self, record: Record) -> None:
        """The next record."""
        self._report.looked_at["records of the log"] += 1
        if self._expected is not None and record.offset != self._expected:
            self._found("hole", record, f"offsets {self._expected} to {record.offset - 1} are missing")
        self._expected = record.offset + 1
        self._look_at_time(record)
        try:
            name, position = type_and_position(record.headers)
        except Malformed as error:
            self._found("foreign", record, f"not a record of guanxi: {error}")
            return
        if record.key is None or record.value is None:
            self._found("foreign", record, "not a record of guanxi: no key or no value")
            return
        if partition_of(record.key, self._partitions) != self._partition:
            self._found(
                "wrong_partition", record, (f"with {self._partitions} partitions, this key belongs to another one")
            )
        if name in DECISIONS:
            if position is not None:
                self._found("foreign", record, f"a decision ({name}) that says it came from the inbox")
            self._decision(record, name)
        elif position is not None:
            if self._is_new(record, position):
                self._admitted(record, name, position)
        elif name in FACTS:
            self._found("foreign", record, f"a fact ({name}) that does not say where on the inbox it came from")

    def _look_at_time(self, record: Record) -> None:
        behind = self._latest_ms - record.timestamp
        if behind > 0:
            self._total.backwards += 1
            self._total.backwards_most_ms = max(self._total.backwards_most_ms, behind)
        else:
            self._latest_ms = record.timestamp

    def _is_new(self, record: Record, position: Position) -> bool:
        """Whether readers fold it; what they pass over must have been there before."""
        line = self._lines.setdefault(position[:2], _Line())
        place = position.offset << 8 | position.output
        assert record.value is not None, "looked at before"
        content = crc32(record.value, crc32(record.key or b""))
        if not line.positions or place > line.positions[-1]:
            line.keep(place, content)
            return True
        self._report.looked_at["duplicate records on the log, skipped by readers"] += 1
        at = bisect_left(line.positions, place)
        if line.positions[at] != place:
            if not (line.forgotten and place < line.positions[0]):
                later = line.positions[-1] >> 8
                said = f"{_from(position)} comes after offset {later} of its partition, and was not there before: "
                self._found("passed_over", record, said + "every reader skips it, so it is in no state")
        elif line.sums[at] != content:
            self._found("repeat_differs", record, f"{_from(position)} came before with other content")
        return False

    def _admitted(self, record: Record, name: str, position: Position) -> None:
        end = self._inbox_ends.get(position[:2])
        if end is not None and position.offset >= end:
            self._found("not_on_inbox", record, f"{_from(position)} is beyond the inbox's end, {end}")
        if position.output:  # of a record whose first output has another key, and the claim
            return
        if position in self._total.admitted:
            self._found("twice", record, f"{_from(position)} is on another partition of the log too")
        self._total.admitted.add(position)
        key = (record.key or b"").decode(errors="replace")
        if name in FACTS and FACTS[name].is_claimed and self._wants(key) and self._must_be_claimed(record, name):
            self._total.to_be_claimed.add(position)
            self._total.identities.add(position, identity(record, name))

    def _must_be_claimed(self, record: Record, name: str) -> bool:
        """Claims of records are for good; those of other facts are forgotten after a time, if they are no history."""
        if name == VOIDED or FACTS[name].kind is not None:
            return True
        if EPOCH + timedelta(milliseconds=record.timestamp) + SOON_FORGOTTEN > self._now:
            return True
        event = from_json(record.value or b"")
        return bool(event.get("backfill")) or datetime.fromisoformat(event["time"]) + CLAIM_KEPT > self._now

    def _decision(self, record: Record, name: str) -> None:
        key = (record.key or b"").decode(errors="replace")
        if not self._wants(key):
            return
        place = LogPosition(self._generation, record.partition, record.offset)
        assert record.value is not None, "looked at before"
        try:
            event = decode(record.value, recorded_at=EPOCH + timedelta(milliseconds=record.timestamp), log=place)
        except Malformed as error:
            self._found("foreign", record, str(error))
            return
        self._chains.follow(key, self._service_of[name], event)

    def _found(self, kind: str, record: Record, said: str) -> None:
        key = (record.key or b"(no key)").decode(errors="backslashreplace")
        place = LogPosition(self._generation, record.partition, record.offset)
        self._report.found("log", kind, key, on_log(place), said)


def identity(record: Record, name: str) -> bytes:
    """Under which identity a fact on the log is claimed; of one that can't be read, none that a claim has."""
    try:
        event = from_json(record.value or b"")
        return identity_of(event["source"], event["id"], record_of(FACTS[name], event["data"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return b""


def _from(position: Position) -> str:
    return f"the record of inbox {position.generation}/{position.partition}/{position.offset}"
