"""Folds a partition of the log in memory as a service does, and compares its decisions with those on the log.

It uses the service's own rules (`shared.fold.entity`), but selects the records to fold (repeated positions, types,
keys) with its own code, so that a mistake there shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import from_json

from operations.verify.findings import Report, on_log
from operations.verify.sample import Wants
from operations.verify.words import decided_differently, differing_names, in_words
from shared.errors import Malformed, Stop
from shared.events.codec import decision_id, decode, type_and_position
from shared.events.event import Event, LogPosition
from shared.events.registry import REPAIRED
from shared.fold.domain import Domain
from shared.fold.entity import Entity, Pending, new_entity
from shared.kafka.connection import Record
from shared.mongo.stored import packed

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FORECASTS = {"would_change"}
"""What a decision says of days to come: by the policies that were adopted when it was made, which may be fewer than
those that are adopted now.
"""


@dataclass(slots=True)
class Known:
    """One key while it is folded again.

    rows: documents of further collections as they are stored, None where there must be none; frozen: where the record
    stands that could not be folded; made_at: by the id of a decision that was made again and not met yet, the place of
    the record that set it off; before_repair: what was waiting to be met when a marker asked for a repair.
    """

    entity: Entity[Any, Any]
    rows: dict[tuple[str, str], bytes | None] = field(default_factory=dict)
    frozen: str | None = None
    made_at: dict[str, LogPosition] = field(default_factory=dict)
    before_repair: list[Pending] = field(default_factory=list)


class Refold:
    """The keys of one partition, folded from the log's beginning up to `offset`.

    `deciding` makes every decision again and compares it; without it, those on the log are taken as they are.
    """

    def __init__(
        self,
        domain: Domain[Any, Any],
        log_generation: int,
        wants: Wants,
        report: Report,
        *,
        deciding: bool,
        keep_rows: bool,
        forecasts_may_differ: bool = False,
    ) -> None:
        self._domain, self._generation, self._wants, self._report = domain, log_generation, wants, report
        self._deciding, self._keep_rows = deciding, keep_rows
        self._may_differ = FORECASTS if forecasts_may_differ else set()
        self._folded_types = domain.folds | domain.decides
        self._reached: dict[tuple[int, int], tuple[int, int]] = {}
        self._check = domain.service
        self.known: dict[str, Known] = {}
        self.offset = 0

    def feed(self, records: Sequence[Record]) -> None:
        """Fold the next records of the partition."""
        changed: dict[str, Known] = {}
        for record in records:
            self._one(record, changed)
        self.offset = records[-1].offset + 1
        for known in changed.values():
            self._keep(known)

    def _one(self, record: Record, changed: dict[str, Known]) -> None:
        name = self._selected(record)
        key = (record.key or b"").decode(errors="replace")
        if name is None or not self._wants(key):
            return
        known = self.known.get(key)
        if name == REPAIRED:
            if self._deciding and known is not None:
                self._repair(known, record)
            return
        if known is None:
            known = self.known[key] = Known(new_entity(self._domain, key))
        if known.frozen is None:
            self._fold(known, record)
            changed[key] = known

    def _selected(self, record: Record) -> str | None:
        """The type of a record that the service looks at and has not seen before."""
        try:
            name, position = type_and_position(record.headers)
        except Malformed:
            return None  # the check of the log says so
        if record.key is None or record.value is None:
            return None
        if position is not None:
            if position[2:] <= self._reached.get(position[:2], (-1, -1)):
                return None
            self._reached[position[:2]] = position[2:]
        return name if name in self._folded_types or name == REPAIRED else None

    def _fold(self, known: Known, record: Record) -> None:
        place = LogPosition(self._generation, record.partition, record.offset)
        assert record.value is not None, "selected records have a value"
        try:
            event = decode(record.value, recorded_at=EPOCH + timedelta(milliseconds=record.timestamp), log=place)
            if self._deciding and event.type in self._domain.decides:
                self._compare(known, event)
            for decision in known.entity.fold(event, deciding=self._deciding):
                known.made_at[decision.id] = place
        except Stop:
            raise
        except Exception:  # noqa: BLE001 - whatever a record does, the service freezes its customer and goes on
            known.frozen = "/".join(map(str, place))
            known.made_at.clear()

    def _repair(self, known: Known, record: Record) -> None:
        """A marker: who was frozen is folded afresh up to it, then decided. The log does not say whether somebody was
        frozen; if so, nothing was decided meanwhile, else what waits to be met comes still. Both are taken as right.
        """
        entity, place = known.entity, LogPosition(self._generation, record.partition, record.offset)
        known.before_repair, entity.pending, entity.head = entity.pending, [], entity.standing
        known.made_at.clear()
        for decision in entity.decide_now(str(from_json(record.value or b"{}")["id"])):
            known.made_at[decision.id] = place

    def _compare(self, known: Known, event: Event) -> None:
        """What is about to be accepted against what was made again."""
        entity = known.entity
        version, last = self._domain.version(entity.standing)
        if event.data.version != version + 1 or event.data.after != last:
            return  # passed over by every reader; the check of the log looks whether that is right
        self._report.looked_at[f"decisions of {self._domain.service}"] += 1
        if known.before_repair and known.before_repair[0].id == event.id:
            entity.pending = known.before_repair
            known.made_at.clear()
        known.before_repair = []
        expected = entity.pending[0] if entity.pending else None
        known.made_at.pop(event.id, None)
        if expected is None:
            self._found(known, "not_to_be_decided", event.log, f"decided: {in_words(event.data)}; would be: nothing")
        elif expected.id != event.id and self._only_forecasts_differ(event, expected):
            _follow(known, event)
        elif expected.id != event.id:
            said = decided_differently(event.data, expected.decision)
            self._found(known, "decided_differently", event.log, said)
            known.made_at.clear()

    def _only_forecasts_differ(self, event: Event, expected: Pending) -> bool:
        if type(event.data) is not type(expected.decision):
            return False
        return set(differing_names(event.data, expected.decision)) <= self._may_differ

    def close(self, ahead: Sequence[Record]) -> None:
        """Meet the decisions that were made again in what the log holds after `offset`, where nothing is folded."""
        for record in ahead:
            known = self.known.get((record.key or b"").decode(errors="replace"))
            if known is None or not known.made_at or known.frozen is not None or record.value is None:
                continue
            try:
                name, _ = type_and_position(record.headers)
                if name in self._domain.decides:
                    place = LogPosition(self._generation, record.partition, record.offset)
                    at = EPOCH + timedelta(milliseconds=record.timestamp)
                    event = decode(record.value, recorded_at=at, log=place)
                    self._compare(known, event)
                    for _ in known.entity.fold(event, deciding=False):
                        pass
            except Malformed:
                continue

    def report_undecided(self) -> None:
        """Report the decisions that were made again and are not on the log."""
        for known in self.known.values():
            for pending in known.entity.pending:
                at = known.made_at.get(pending.id)
                if at is not None and known.frozen is None:
                    said = f"decided: nothing; would be, at this record: {in_words(pending.decision)}"
                    self._found(known, "not_decided", at, said)

    def _found(self, known: Known, kind: str, at: LogPosition, said: str) -> None:
        self._report.found(self._check, kind, known.entity.key, on_log(at), said)

    def _keep(self, known: Known) -> None:
        """Take the rows from the entity, as the service writes them after a batch."""
        entity = known.entity
        rows = [*self._domain.rows(entity.state, entity.standing), *entity.history]
        entity.history.clear()
        entity.accepted.clear()
        if self._keep_rows and known.frozen is None:
            for row in rows:
                known.rows[row.collection, row.id] = None if row.document is None else packed(row.document)


def _follow(known: Known, event: Event) -> None:
    """Take a decision for the one that was made again, and let those made after it follow it."""
    entity, last = known.entity, event.id
    entity.pending[0] = Pending(event.id, event.data)
    for place, waiting in enumerate(entity.pending[1:], start=1):
        decision = waiting.decision.model_copy(update={"after": last})
        last = decision_id(entity.subject, decision)
        entity.pending[place] = Pending(last, decision)
        if waiting.id in known.made_at:
            known.made_at[last] = known.made_at.pop(waiting.id)
    entity.head = entity.standing
    for waiting in entity.pending:
        entity.head = entity.domain.accept(entity.head, waiting.decision, waiting.id)
