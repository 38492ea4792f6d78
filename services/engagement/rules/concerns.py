"""Concerns and their closed loop: raised, answered, confirmed by the customer (domain.md, Engagement: concerns)."""

from bisect import insort
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, get_args

from services.engagement.rules.days import HOUR_MICROS, BusinessTime, first_kept_day
from services.engagement.rules.tiers import POTENTIAL, Tiers
from shared.events.event import Event
from shared.events.facts import ConcernConfirmed, ConcernRaised, ConcernResolved, RecordVoided
from shared.events.texts import kept_of
from shared.facts.days import to_micros
from shared.policies.entitlements import Entitlements

SEVERITIES = ("critical", "major", "minor")
KINDS: tuple[str, ...] = get_args(ConcernRaised.model_fields["kind"].annotation)
VOID = -1
ANSWERED, ACCEPTED, REFUSED = range(3)
LOOP_DAYS = 14
"""A concern accepted within this many calendar days is a closed loop; younger ones are not judged yet."""
MAX_ABOUT_CHARS = 300

Ref = tuple[str, str]
"""Source and concern id."""


class Raised(NamedTuple):
    """One revision of a concern. kind: index into KINDS, or VOID; severity: index into SEVERITIES."""

    revision: int
    time: int
    day: int
    kind: int
    severity: int = 0
    about: str = ""


class Step(NamedTuple):
    """An answer or what the customer said to it; ordered as they happened."""

    time: int
    id: str
    source: str
    what: int


@dataclass(slots=True)
class Concern:
    """A concern as known; `raised` is None while only the other half has come."""

    raised: Raised | None = None
    steps: list[Step] = field(default_factory=list)

    @property
    def stands(self) -> bool:
        """Whether it was raised and not voided. Voiding it voids its answers and confirmations."""
        return self.raised is not None and self.raised.kind != VOID


class Round(NamedTuple):
    """One promise to answer: from raising, or from a refusal. Instants in microseconds; `deadline` None: none given."""

    start: int
    deadline: int | None
    answered_at: int | None

    def is_overdue(self, clock: int) -> bool:
        """Not answered up to the deadline."""
        if self.deadline is None:
            return False
        return self.deadline < (clock if self.answered_at is None else self.answered_at)


class Loop(NamedTuple):
    """How far a concern has come. `accepted_at`: the first acceptance; `closed_at`: the last, None while open."""

    rounds: tuple[Round, ...]
    accepted_at: int | None
    closed_at: int | None

    @property
    def open_round(self) -> Round | None:
        """The round that awaits an answer, if one does."""
        last = self.rounds[-1]
        return last if self.closed_at is None and last.answered_at is None else None


def loop_of(concern: Concern, answer_micros: int | None) -> Loop:
    """Follow a standing concern. A refusal starts the same hours again; accepted or refused without an answer on the
    log, there was one all the same.
    """
    assert concern.raised is not None, "only a raised concern has a loop"
    start = concern.raised.time
    rounds: list[Round] = []
    answered: int | None = None
    accepted: int | None = None
    closed: int | None = None

    def deadline() -> int | None:
        return None if answer_micros is None else start + answer_micros

    for step in concern.steps:
        answered = step.time if answered is None else answered
        if step.what == REFUSED:
            rounds.append(Round(start, deadline(), answered))
            start, answered, closed = step.time, None, None
            continue
        if step.what == ACCEPTED:
            accepted = step.time if accepted is None else accepted
            closed = step.time if closed is None else closed
    rounds.append(Round(start, deadline(), answered))
    return Loop(tuple(rounds), accepted, closed)


class Concerns:
    """All concerns that state keeps: open ones, and those raised in the last 800 days."""

    __slots__ = ("records",)

    def __init__(self, records: dict[Ref, Concern] | None = None) -> None:
        self.records = records or {}

    def __bool__(self) -> bool:
        return bool(self.records)

    def refs(self) -> AbstractSet[Ref]:
        """Source and id of each that is known."""
        return self.records.keys()

    def fold(self, event: Event, time: BusinessTime) -> None:
        """Fold a fact about a concern; the halves may come either way round."""
        fact = event.data
        is_void = isinstance(fact, RecordVoided)
        concern = self.records.setdefault((event.source, fact.record_id if is_void else fact.concern_id), Concern())
        at = to_micros(event.time)
        if isinstance(fact, ConcernResolved | ConcernConfirmed):
            what = ANSWERED if isinstance(fact, ConcernResolved) else ACCEPTED if fact.accepted else REFUSED
            insort(concern.steps, Step(at, event.id, event.source, what))
            return
        raised = Raised(event.revision, at, time.day_of(event), VOID)
        if isinstance(fact, ConcernRaised):
            kind, severity = KINDS.index(fact.kind), SEVERITIES.index(fact.severity)
            raised = raised._replace(kind=kind, severity=severity, about=kept_of(fact.about, MAX_ABOUT_CHARS) or "")
        if concern.raised is None or raised.revision > concern.raised.revision:
            concern.raised = raised

    def standing(self, tiers: Tiers, entitlements: Entitlements) -> Iterator[tuple[Ref, Raised, int, Loop]]:
        """The concerns that stand, with the rank of the customer's tier at raising and how far they have come."""
        for ref, concern in self.records.items():
            raised = concern.raised
            if raised is not None and raised.kind != VOID:
                rank = tiers.at(raised.day)
                yield ref, raised, rank, loop_of(concern, _answer_micros(raised, rank, entitlements))

    def loops(self, today: int, tiers: Tiers, entitlements: Entitlements, time: BusinessTime) -> tuple[int, int]:
        """How many concerns were raised today - 364 ... today - 15, and how many of them the customer accepted within
        14 calendar days.
        """
        judged = [
            loop.accepted_at is not None and time.day_at(loop.accepted_at) - raised.day <= LOOP_DAYS
            for _, raised, _, loop in self.standing(tiers, entitlements)
            if today - 364 <= raised.day <= today - LOOP_DAYS - 1
        ]
        return len(judged), sum(judged)

    def prune(self, today: int, time: BusinessTime) -> None:
        """Forget what lies too far back and is closed."""
        first = first_kept_day(today)
        for ref, concern in list(self.records.items()):
            day = concern.raised.day if concern.raised is not None else time.day_at(concern.steps[-1].time)
            if day < first and (not concern.stands or loop_of(concern, None).closed_at is not None):
                del self.records[ref]


def _answer_micros(raised: Raised, rank: int, entitlements: Entitlements) -> int | None:
    """The time to answer, by the tier and the policy of the day of raising; critical: half; below general none."""
    hours = entitlements.at(date.fromordinal(raised.day))[rank].answer_hours
    if hours is None or rank == POTENTIAL:
        return None
    return hours * HOUR_MICROS // (2 if SEVERITIES[raised.severity] == "critical" else 1)
