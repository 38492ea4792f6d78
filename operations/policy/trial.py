"""A trial of a policy over the log: one partition after the other, so that only one's customers are in memory. It
writes only a temporary file of moves, which is gone with the process.
"""

import json
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import IO
from zoneinfo import ZoneInfo

from operations.policy.replay import Replay
from operations.policy.tally import Move, Tally
from operations.policy.twins import NEAR, Twins
from services.engagement.domain import Engagement
from services.engagement.rules.representative import FOLDED, WHOLE, Representative
from services.tiering.policy import Policies
from shared.errors import Malformed
from shared.events.codec import decode, type_and_position
from shared.events.event import Event, LogPosition
from shared.events.registry import NAMES
from shared.facts.days import to_micros
from shared.kafka.connection import Record
from shared.policies.entitlements import make_entitlements

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CUSTOMER, _REPRESENTATIVE = "customer:", "representative:"
_OF_REPRESENTATIVES = frozenset(NAMES[kind] for kind in FOLDED)
_OWING_ROLES = frozenset({"account_manager", "product_manager"})


@dataclass(frozen=True, slots=True)
class Question:
    """What is tried: against which versions, as of when; business days are those of the zone."""

    adopted: Policies
    tried: Policies
    zone: ZoneInfo
    as_of: datetime
    near: int = NEAR


@dataclass
class Moves:
    """All moves, in a temporary file without a name."""

    count: int = 0
    _file: IO[str] = field(default_factory=lambda: tempfile.TemporaryFile("w+", encoding="utf-8"))  # noqa: SIM115 - kept

    def add(self, move: Move) -> None:
        """Add one."""
        self._file.write(json.dumps(move, ensure_ascii=False) + "\n")
        self.count += 1

    def __iter__(self) -> Iterator[Move]:
        self._file.seek(0)
        for line in self._file:
            yield Move(*json.loads(line))
        self._file.seek(0, 2)


class Partition:
    """Folds the records of one partition, in order, and then says where its customers would have come to."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._replay = Replay(question.adopted, question.tried, question.zone)
        self._twins = Twins(self._replay, question.near)
        self._staff = Engagement(make_entitlements([(question.tried[0].effective_on, None)]), question.zone)
        self._representatives: dict[str, Representative] = {}
        self._reached: dict[tuple[int, int], tuple[int, int]] = {}
        self._unreadable: set[str] = set()

    def fold(self, records: Sequence[Record]) -> None:
        """The next records; those already folded, by their position on the inbox, are skipped."""
        for record in records:
            try:
                name, position = type_and_position(record.headers)
            except Malformed:
                continue  # no record of guanxi's; 'guanxi verify' says so
            if record.key is None or record.value is None:
                continue
            if position is not None:
                if position[2:] <= self._reached.get(position[:2], (-1, -1)):
                    continue
                self._reached[position[:2]] = position[2:]
            key = record.key.decode(errors="replace")
            if name in self._replay.folds and key.startswith(_CUSTOMER):
                self._fold(key, record)
            elif name in _OF_REPRESENTATIVES and key.startswith(_REPRESENTATIVE):
                self._fold_representative(key, record)

    def _fold(self, key: str, record: Record) -> None:
        if key in self._unreadable:
            return
        try:
            self._replay.fold(self._twins.of(key), _event(record))
        except Exception:  # noqa: BLE001 - a record that tiering can't fold freezes its customer there too
            self._unreadable.add(key)

    def _fold_representative(self, key: str, record: Record) -> None:
        try:
            event = _event(record)
            state = self._representatives.get(key) or self._staff.initial(key)[0]
            assert isinstance(state, Representative), "by its key"
            self._representatives[key] = state
            self._staff.advance(state, event.clock)
            self._staff.evolve(state, event)
        except Exception:  # noqa: BLE001 - as above
            self._unreadable.add(key)

    def end(self, moves: Moves) -> Tally:
        """Let time pass up to the instant of the question; the customers are forgotten."""
        tally = Tally(unreadable=len(self._unreadable))
        for key, twin in self._twins.all():
            if key in self._unreadable or twin.state.clock is None:
                continue
            end = self._replay.end(twin, self._question.as_of)
            today = end.state.today
            name = end.state.registered.value("name", today)
            manager = end.state.owners.on("account_manager", today)
            move = tally.count(key.removeprefix(_CUSTOMER), end, name, manager)
            if move is not None:
                moves.add(move)
        self._twins.close()
        self._count_roster(tally)
        return tally

    def _count_roster(self, tally: Tally) -> None:
        """Those in service on the day, in a role that owes visits."""
        today = self._staff.time.day_at(to_micros(self._question.as_of))
        for representative in self._representatives.values():
            fields = representative.as_of(today)
            begins, ends = fields.get("active_from"), fields.get("active_until")
            if fields.get("role") not in _OWING_ROLES or begins is None or begins > today:
                continue
            if ends is not None and begins <= ends < today:
                continue
            tally.representatives += 1
            tally.fte += Fraction(fields.get("fte") or WHOLE, WHOLE)


def _event(record: Record) -> Event:
    assert record.value is not None, "looked at before"
    recorded_at = EPOCH + timedelta(milliseconds=record.timestamp)
    return decode(record.value, recorded_at=recorded_at, log=LogPosition(0, record.partition, record.offset))


async def run_trial(
    question: Question,
    partitions: Sequence[Callable[[], AsyncIterator[Sequence[Record]]]],
    moves: Moves,
    progress: Callable[[int], None],
) -> Tally:
    """Try the policies over a log, given as a reader of each partition; `progress` receives the number of records of
    each batch.
    """
    total = Tally()
    for read in partitions:
        partition = Partition(question)
        async for records in read():
            partition.fold(records)
            progress(len(records))
        total.add(partition.end(moves))
    return total
