"""Group plans: what was agreed, which one holds a day, which steps are done (domain.md, Planning).

A revision replaces a plan whole, but the day on which each step was first due stays, voids included: so moving a day
hides nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.events.event import Event
from shared.events.facts import GroupPlanAgreed, PlanCovered, PlanReviewed, PlanStep, PlanStepDone
from shared.events.facts import Objective as Agreed
from shared.facts.days import Days, to_micros

MAX_PLANS = 20
"""Plans kept of a customer, those that end last."""
MAX_COVERING = 20
"""Plans of other customers that cover this one, those that end last."""
MAX_DONE = 3_000
"""Records kept of steps done, the last ones."""
MAX_REVIEWS = 500
"""Reviews of plans kept, the last ones."""

Ref = tuple[str, str]
"""Source and id of a record."""


class Objective(NamedTuple):
    """An objective as agreed. baseline, target: decimal strings."""

    objective_id: str
    dimension: str
    metric: str
    person_id: str | None
    baseline: str | None
    target: str
    due_on: int


class Step(NamedTuple):
    """A step as agreed, without its text."""

    step_id: str
    objective_id: str
    owner: str
    due_on: int
    person_id: str | None


@dataclass(slots=True)
class Plan:
    """A plan in its highest revision. begun: when the first known revision happened; stands: not voided; original: by
    step the day on which it was due in the lowest known revision that has it.
    """

    revision: int
    begun: int
    from_on: int
    to_on: int
    agreed_by: str
    approved_by: str
    objectives: tuple[Objective, ...] = ()
    steps: tuple[Step, ...] = ()
    covers: tuple[str, ...] = ()
    stands: bool = True
    original: dict[str, int] = field(default_factory=dict)

    def holds(self, day: int) -> bool:
        """Whether it plans for a day."""
        return self.stands and self.from_on <= day <= self.to_on

    @property
    def dropped(self) -> list[str]:
        """Steps of earlier revisions that the standing one leaves out."""
        return sorted(self.original.keys() - {step.step_id for step in self.steps})


class Covering(NamedTuple):
    """A plan of another customer that covers this one, in its highest revision; without days not any more."""

    revision: int
    customer: str
    from_on: int
    to_on: int

    def holds(self, day: int) -> bool:
        """Whether it covers a day."""
        return self.from_on <= day <= self.to_on


NO_DAYS = (1, 0)
"""The first and the last day of what covers none."""


class Done(NamedTuple):
    """A record that a step was done."""

    plan_id: str
    step_id: str
    done_on: int


class Review(NamedTuple):
    """A record that a plan was reviewed on a day."""

    plan_id: str
    day: int


@dataclass(slots=True)
class Plans:
    """All that was said of a customer's plans. covering: by plans of other customers."""

    by_ref: dict[Ref, Plan] = field(default_factory=dict)
    covering: dict[Ref, Covering] = field(default_factory=dict)
    done: dict[Ref, Done] = field(default_factory=dict)
    reviews: dict[Ref, Review] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.by_ref or self.covering or self.done or self.reviews)

    def agreed(self, event: Event) -> None:
        """A plan or a revision of it."""
        fact: GroupPlanAgreed = event.data
        ref, steps = (event.source, fact.plan_id), tuple(_step(one) for one in fact.steps)
        known = self.by_ref.get(ref)
        begun = to_micros(event.time) if known is None else known.begun
        original = {step.step_id: step.due_on for step in steps} | ({} if known is None else known.original)
        self.by_ref[ref] = Plan(
            event.revision,
            begun,
            fact.from_on.toordinal(),
            fact.to_on.toordinal(),
            fact.agreed_by,
            fact.approved_by,
            tuple(_objective(one) for one in fact.objectives),
            steps,
            fact.covers,
            original=original,
        )
        if len(self.by_ref) > MAX_PLANS:
            del self.by_ref[min(self.by_ref, key=lambda one: (self.by_ref[one].to_on, one))]

    def covered(self, event: Event) -> None:
        """A plan of another customer covers this one, or not any more. The highest revision wins, in any order."""
        fact: PlanCovered = event.data
        ref = event.source, fact.plan_id
        if ref in self.covering and self.covering[ref].revision > event.revision:
            return
        days = NO_DAYS
        if fact.from_on is not None and fact.to_on is not None:
            days = fact.from_on.toordinal(), fact.to_on.toordinal()
        self.covering[ref] = Covering(event.revision, fact.customer, *days)
        if len(self.covering) > MAX_COVERING:
            del self.covering[min(self.covering, key=lambda one: (self.covering[one].to_on, one))]

    def step_done(self, event: Event) -> None:
        """A step was done."""
        fact: PlanStepDone = event.data
        self.done[event.source, fact.done_id] = Done(fact.plan_id, fact.step_id, fact.done_on.toordinal())
        if len(self.done) > MAX_DONE:
            del self.done[min(self.done, key=lambda one: (self.done[one].done_on, one))]

    def reviewed(self, event: Event, days: Days) -> None:
        """A plan was reviewed."""
        fact: PlanReviewed = event.data
        day = days.counts_on(fact, event.time)
        self.reviews[event.source, fact.review_id] = Review(fact.plan_id, day)
        if len(self.reviews) > MAX_REVIEWS:
            del self.reviews[min(self.reviews, key=lambda one: (self.reviews[one].day, one))]

    def voided(self, kind: str, ref: Ref) -> None:
        """A record counts no more; of a plan the days first agreed stay."""
        if kind == "step":
            self.done.pop(ref, None)
        elif kind == "plan_review":
            self.reviews.pop(ref, None)
        elif kind == "plan" and ref in self.by_ref:
            self.by_ref[ref].stands = False

    def standing(self) -> Iterator[tuple[Ref, Plan]]:
        """The plans that are not voided, in the order in which they are shown: the latest first."""
        for ref in sorted(self.by_ref, key=self._rank, reverse=True):
            if self.by_ref[ref].stands:
                yield ref, self.by_ref[ref]

    def holding(self, day: int) -> Ref | None:
        """Which plan holds a day: of several the greatest (from_on, time of the first revision, plan_id, source)."""
        return next((ref for ref, plan in self.standing() if plan.holds(day)), None)

    def covered_on(self, day: int) -> bool:
        """Whether a plan holds a day, one of another customer included."""
        own = any(plan.holds(day) for plan in self.by_ref.values())
        return own or any(one.holds(day) for one in self.covering.values())

    def last_covered(self, before: int) -> int:
        """The last day before this one that was covered, where this one is not."""
        ends = [plan.to_on for plan in self.by_ref.values() if plan.stands]
        ends += [one.to_on for one in self.covering.values()]
        return max((end for end in ends if end < before), default=0)

    def done_on(self, ref: Ref) -> Mapping[str, int]:
        """By step of a plan the earliest day on which it was done."""
        found: dict[str, int] = {}
        for (source, _), one in self.done.items():
            if (source, one.plan_id) == ref:
                found[one.step_id] = min(one.done_on, found.get(one.step_id, one.done_on))
        return found

    def reviewed_on(self, ref: Ref, today: int) -> int | None:
        """The last day by now on which a plan was reviewed."""
        days = [one.day for (source, _), one in self.reviews.items() if (source, one.plan_id) == ref]
        return max((day for day in days if day <= today), default=None)

    def _rank(self, ref: Ref) -> tuple[int, int, str, str]:
        plan, (source, plan_id) = self.by_ref[ref], ref
        return plan.from_on, plan.begun, plan_id, source


def _objective(one: Agreed) -> Objective:
    baseline = None if one.baseline is None else str(one.baseline)
    due_on = one.due_on.toordinal()
    return Objective(one.objective_id, one.dimension, one.metric, one.person_id, baseline, str(one.target), due_on)


def _step(one: PlanStep) -> Step:
    return Step(one.step_id, one.objective_id, one.owner, one.due_on.toordinal(), one.person_id)
