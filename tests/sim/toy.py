"""A small domain with everything that makes folding hard: a window, ratings that end, policies, steps with hysteresis.

The score of a customer is its net of the last ten days plus points of its latest rating; the level is the number of
steps reached, gone up or down one step per decision; a step once taken is held a little below its threshold, so that
the level depends on every decision made on the way.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from shared.events.codec import decision_id
from shared.events.decisions import Decision, TierProposed
from shared.events.event import Event
from shared.events.facts import AccountRated, Fact, PurchaseRecorded, PurchaseRefunded
from shared.events.registry import NAMES
from shared.events.types import TIERS
from shared.fold.domain import Address, Row

WINDOW_DAYS = 10
HOLD_MINOR = 2_000
MINOR_PER_POINT = 1_500
POISON = "poison"
"""A product line that the domain cannot fold."""
LEVELS = "levels"
"""The collection of documents."""
HISTORY = "level_history"
DAYS = "level_days"
STEPPED = NAMES[TierProposed]


@dataclass(frozen=True, slots=True)
class Policy:
    """From a day on, the scores at which the steps are reached."""

    version: int
    effective_on: date
    steps_minor: tuple[int, ...]


@dataclass(slots=True)
class State:
    """The fold: `net_minor` by day, zeros left out; `ratings` as (time, id, source, points, until); `moves`, how often
    a day's net was moved, of those days alone whose row has been read, or of all in a state that was never stored.
    """

    subject: str
    clock: datetime | None = None
    net_minor: dict[date, int] = field(default_factory=dict)
    ratings: list[tuple[datetime, str, str, int, date | None]] = field(default_factory=list)
    changed: dict[date, bool] = field(default_factory=dict)
    moves: dict[date, int] = field(default_factory=dict)
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """The accepted decisions; `taken` counts them, `version` is what the last one says of itself."""

    version: int = 0
    last: str | None = None
    level: int = 0
    taken: int = 0


def score_minor(state: State, on: date) -> int:
    """The score as of a day."""
    first = on - timedelta(days=WINDOW_DAYS - 1)
    net = sum(minor for day, minor in state.net_minor.items() if first <= day <= on)
    if state.ratings:
        *_, points, until = max(state.ratings, key=lambda rating: rating[:3])
        if until is None or on <= until:
            net += points * MINOR_PER_POINT
    return net


def next_level(level: int, score: int, policy: Policy) -> int:
    """The level after one step up or down, or the same."""
    steps = policy.steps_minor
    if level < len(steps) and score >= steps[level]:
        return level + 1
    if level > len(steps) or (level > 0 and score < steps[level - 1] - HOLD_MINOR):
        return level - 1
    return level


class Toy:
    """`shared.fold.domain.Domain` over the above; `policies` are those that this process knows, the first in front."""

    service = "toy"
    fold_version = 1
    folds = frozenset(
        {
            "guanxi.purchase.recorded.v1",
            "guanxi.purchase.refunded.v1",
            "guanxi.record.voided.v1",
            "guanxi.account.rated.v1",
            "guanxi.customer.reviewed.v1",
        }
    )
    decides = frozenset({STEPPED})
    decides_history = True
    counts_told = False

    def __init__(self, policies: Sequence[Policy]) -> None:
        self._policies = policies

    def collection(self, key: str) -> str:
        return LEVELS

    def initial(self, key: str) -> tuple[State, Standing]:
        return State(key.partition(":")[2]), Standing()

    def clock(self, state: State) -> datetime | None:
        return state.clock

    def advance(self, state: State, clock: datetime) -> None:
        if state.clock is None or clock > state.clock:
            state.clock = clock

    def accepts(self, state: State, event: Event) -> bool:
        return False

    def evolve(self, state: State, event: Event) -> State:
        fact = event.data
        if isinstance(fact, AccountRated):
            if fact.strategic_fit is not None:
                points = int(fact.strategic_fit)
                state.ratings.append((event.time, event.id, event.source, points, fact.valid_until))
            return state
        if event.replaces is not None and event.replaces.fact is not None:
            _add(state, event.replaces.fact, event.replaces.time, -1)
        _add(state, fact, event.time, 1)
        if isinstance(fact, PurchaseRecorded) and fact.product_line == POISON:
            raise ValueError("this purchase cannot be folded")
        return state

    def accept(self, standing: Standing, decision: Decision, decision_id: str) -> Standing:
        assert isinstance(decision, TierProposed), "the only kind that this domain makes"
        assert decision.proposed_tier is not None, "a step leads to a level"
        level = TIERS.index(decision.proposed_tier)
        return Standing(decision.version, decision_id, level, standing.taken + 1)

    def version(self, standing: Standing) -> tuple[int, str | None]:
        return standing.version, standing.last

    def next_due(self, state: State, standing: Standing) -> datetime | None:
        if state.clock is None:
            return None
        return min((due for day in self.due_days(state) if (due := _midnight(day)) > state.clock), default=None)

    def due_days(self, state: State) -> list[date]:
        """Days on which time alone may change the score or its reading."""
        days = [policy.effective_on for policy in self._policies]
        for day in state.net_minor:
            days += [day, day + timedelta(days=WINDOW_DAYS)]
        days += [until + timedelta(days=1) for *_, until in state.ratings if until is not None]
        return days

    def decide(self, state: State, standing: Standing, set_off_by: str | None) -> list[Decision]:
        assert state.clock is not None, "there is something to decide on"
        today = state.clock.date()
        score = score_minor(state, today)
        policy = next((p for p in reversed(self._policies) if p.effective_on <= today), self._policies[0])
        decisions: list[Decision] = []
        while (level := next_level(standing.level, score, policy)) != standing.level:
            decision = TierProposed(
                version=standing.version + 1,
                after=standing.last,
                effective_on=today,
                proposed_tier=TIERS[level],
                score=str(score),
                policy=set_off_by or "due",
                policy_version=policy.version,
            )
            decisions.append(decision)
            standing = self.accept(standing, decision, decision_id(state.subject, decision))
        return decisions

    def document(self, state: State, standing: Standing) -> dict[str, Any]:
        return {
            "level": standing.level,
            "version": standing.version,
            "as_of": state.clock,
            "fold": {
                "standing": [standing.version, standing.last, standing.level],
                "taken": standing.taken,
                "net": [[day.isoformat(), minor] for day, minor in sorted(state.net_minor.items())],
                "ratings": [
                    [at.isoformat(), event_id, source, points, until and until.isoformat()]
                    for at, event_id, source, points, until in sorted(state.ratings, key=lambda rating: rating[:3])
                ],
            },
        }

    def load(self, key: str, document: dict[str, Any]) -> tuple[State, Standing]:
        fold = document["fold"]
        state = State(
            key.partition(":")[2],
            document["as_of"],
            {date.fromisoformat(day): minor for day, minor in fold["net"]},
            [
                (datetime.fromisoformat(at), event_id, source, points, date.fromisoformat(until) if until else None)
                for at, event_id, source, points, until in fold["ratings"]
            ],
        )
        state.whole = False
        version, last, level = fold["standing"]
        return state, Standing(version, last, level, fold["taken"])

    @property
    def decides_by(self) -> object:
        return self._policies

    def needs(self, state: State, events: Sequence[Event]) -> list[Address]:
        days = {day for event in events for day in _days(event)}
        return [] if state.whole else [(DAYS, f"{state.subject}/{day}") for day in sorted(days - state.moves.keys())]

    def attach(self, state: State, pieces: Mapping[Address, dict[str, Any] | None]) -> None:
        for (_, name), piece in pieces.items():
            state.moves[date.fromisoformat(name.partition("/")[2])] = 0 if piece is None else piece["moves"]

    def size(self, state: State) -> int:
        return 100 * (1 + len(state.net_minor) + len(state.ratings))

    def rows(self, state: State, standing: Standing) -> list[Row]:
        changed, state.changed = state.changed, {}
        return [self._row(state, day, new=new) for day, new in changed.items()]

    def keep(self, state: State) -> None:
        state.moves, state.whole = {}, False

    def history(self, key: str, event: Event) -> Row | None:
        subject, step = key.partition(":")[2], event.data
        document = {"level": TIERS.index(step.proposed_tier), "effective_on": step.effective_on.isoformat()}
        return Row(HISTORY, f"{subject}/{step.version}", document)

    @staticmethod
    def _row(state: State, day: date, *, new: bool) -> Row:
        document = {"net": state.net_minor.get(day, 0), "moves": state.moves[day]}
        return Row(DAYS, f"{state.subject}/{day}", document, new=new)


def _add(state: State, fact: Fact, at: datetime, sign: int) -> None:
    if isinstance(fact, PurchaseRecorded):
        minor = _minor(fact.amount)
    elif isinstance(fact, PurchaseRefunded):
        minor = -_minor(fact.amount)
    else:
        return
    day = fact.day(at.date())
    moves = state.moves.get(day, 0) if state.whole else state.moves[day]
    state.moves[day] = moves + 1
    net = state.net_minor.get(day, 0) + sign * minor
    if net:
        state.net_minor[day] = net
    else:
        state.net_minor.pop(day, None)
    state.changed.setdefault(day, not moves)


def _days(event: Event) -> Iterator[date]:
    """The days whose net an event moves."""
    if isinstance(event.data, PurchaseRecorded | PurchaseRefunded):
        yield event.data.day(event.time.date())
    if event.replaces is not None and isinstance(event.replaces.fact, PurchaseRecorded | PurchaseRefunded):
        yield event.replaces.fact.day(event.replaces.time.date())


def _minor(amount: str) -> int:
    return int(Decimal(amount) * 100)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
