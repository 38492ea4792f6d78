"""The tier timeline of a customer, from tiering's decisions on the log (domain.md, Engagement)."""

from dataclasses import dataclass, field
from typing import NamedTuple

from services.engagement.rules.days import BusinessTime
from shared.events.decisions import Decision, TierChanged
from shared.events.event import Event
from shared.events.types import TIERS, Tier
from shared.facts.days import NEVER, to_micros

POTENTIAL, GENERAL, PRIORITY, PARTNER, STRATEGIC = range(5)


class TierStep(NamedTuple):
    """One TierChanged. For a visit or a concern it is in force from the start of the day after `effective_on`, for the
    contact from the instant `at` on, by which it was decided. Weeks from `known_from` (a Monday) know it when they
    close.
    """

    version: int
    effective_on: int
    rank: int
    at: int
    known_from: int


@dataclass(slots=True)
class Tiers:
    """The accepted decisions of tiering in order; `version` and `last_id` follow proposals too."""

    steps: list[TierStep] = field(default_factory=list)
    version: int = 0
    last_id: str | None = None

    def __bool__(self) -> bool:
        return self.version > 0

    @property
    def rank(self) -> int:
        """The tier of the highest version, as a position in TIERS."""
        return self.steps[-1].rank if self.steps else POTENTIAL

    @property
    def name(self) -> Tier:
        """The tier of the highest version."""
        return TIERS[self.rank]

    def name_at(self, clock: int | None) -> Tier:
        """The tier as decided up to an instant."""
        ranks = [step.rank for step in self.steps if clock is not None and step.at <= clock]
        return TIERS[ranks[-1] if ranks else POTENTIAL]

    def at(self, day: int, known_by: int | None = None) -> int:
        """The rank in force at the start of a business day: the highest version with effective_on before it.
        `known_by` leaves out what the week of that Monday did not know when it closed.
        """
        for step in reversed(self.steps):
            if step.effective_on < day and (known_by is None or step.known_from <= known_by):
                return step.rank
        return POTENTIAL

    def spans(self, rank: int) -> list[tuple[int, int]]:
        """The days, first and last, for whose visits a rank is in force (`at`), ascending."""
        spans: list[tuple[int, int]] = []
        until = NEVER
        for step in reversed(self.steps):
            if step.effective_on < until:
                if step.rank == rank:
                    spans.append((step.effective_on + 1, until))
                until = step.effective_on
        return spans[::-1]

    def is_next(self, decision: Decision) -> bool:
        """Whether a decision follows the last one. The first on the log of a version wins (architecture.md, invariant
        6); any other is ignored.
        """
        return decision.version == self.version + 1 and decision.after == self.last_id

    def fold(self, event: Event, time: BusinessTime) -> bool:
        """Fold a decision of tiering; whether the timeline changed."""
        decision: Decision = event.data
        if not self.is_next(decision):
            return False
        self.version, self.last_id = decision.version, event.id
        if not isinstance(decision, TierChanged):
            return False
        self.steps.append(
            TierStep(
                decision.version,
                decision.effective_on.toordinal(),
                TIERS.index(decision.to_tier),
                to_micros(event.time),
                time.known_from(event),
            )
        )
        return True
