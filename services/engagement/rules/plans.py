"""Group plans as engagement needs them: the days on which the relationship is measured (domain.md, Measured
relationship).
"""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from services.engagement.rules.days import BusinessTime
from services.engagement.rules.tiers import PARTNER, STRATEGIC, Tiers
from shared.events.event import Event
from shared.events.facts import GroupPlanAgreed, PlanReviewed

MEASURED = frozenset({PARTNER, STRATEGIC})
"""The tiers whose relationship is measured on each first of a month."""
MAX_PLANS = 20
"""Standing plans kept of a customer, those that end last, as planning does."""
MAX_REVIEWS = 500
"""Reviews of plans kept, the last ones."""
_MONTH_DAYS = 31

Ref = tuple[str, str]
"""Source and id of a record."""


class Plan(NamedTuple):
    """The days of a standing plan, as ordinals. due_on: those of its objectives, ascending."""

    from_on: int
    to_on: int
    due_on: tuple[int, ...] = ()


class Review(NamedTuple):
    """A record that a plan was reviewed on a day."""

    plan_id: str
    day: int


class Plans:
    """The standing plans of a customer, and those reviews whose day after has not passed."""

    __slots__ = ("by_ref", "reviews")

    def __init__(self, by_ref: dict[Ref, Plan] | None = None, reviews: dict[Ref, Review] | None = None) -> None:
        self.by_ref = by_ref or {}
        self.reviews = reviews or {}

    def __bool__(self) -> bool:
        return bool(self.by_ref or self.reviews)

    def agreed(self, event: Event) -> None:
        """Fold a plan, or a revision of it, which replaces it whole."""
        fact: GroupPlanAgreed = event.data
        due_on = tuple(sorted({one.due_on.toordinal() for one in fact.objectives}))
        self.by_ref[event.source, fact.plan_id] = Plan(fact.from_on.toordinal(), fact.to_on.toordinal(), due_on)
        if len(self.by_ref) > MAX_PLANS:
            del self.by_ref[min(self.by_ref, key=lambda one: (self.by_ref[one].to_on, one))]

    def reviewed(self, event: Event, time: BusinessTime, today: int) -> None:
        """Fold a review of a plan; the plan may come later."""
        fact: PlanReviewed = event.data
        self.reviews[event.source, fact.review_id] = Review(fact.plan_id, time.day_of(event))
        for ref in [ref for ref, one in self.reviews.items() if one.day + 1 < today]:
            del self.reviews[ref]
        if len(self.reviews) > MAX_REVIEWS:
            del self.reviews[min(self.reviews, key=lambda one: (self.reviews[one].day, one))]

    def voided(self, kind: str, ref: Ref) -> None:
        """Fold the void of a plan or of a review."""
        if kind == "plan":
            self.by_ref.pop(ref, None)
        else:
            self.reviews.pop(ref, None)

    def holds(self, day: int) -> bool:
        """Whether a plan holds a day."""
        return any(plan.from_on <= day <= plan.to_on for plan in self.by_ref.values())

    def asked(self) -> Iterator[int]:
        """The days on which plans ask for a measure, whatever day of the month: the first, those after an objective is
        due, and those after a review.
        """
        for plan in self.by_ref.values():
            yield plan.from_on
            yield from (due_on + 1 for due_on in plan.due_on)
        for (source, _), review in self.reviews.items():
            if (source, review.plan_id) in self.by_ref:
                yield review.day + 1


def is_measured(day: int, tiers: Tiers, plans: Plans) -> bool:
    """Whether the relationship is measured as of a day."""
    if date.fromordinal(day).day == 1 and (tiers.at(day) in MEASURED or plans.holds(day)):
        return True
    return day in plans.asked()


def days_of_measuring(today: int, tiers: Tiers, plans: Plans) -> list[int]:
    """Days after today among which is the next one on which the relationship is measured, by what is known."""
    if not plans and not any(step.rank in MEASURED for step in tiers.steps):
        return []
    begins = {today, *(step.effective_on for step in tiers.steps if step.effective_on > today)}
    begins |= {plan.from_on - 1 for plan in plans.by_ref.values() if plan.from_on > today}
    firsts = [day for day in map(_first_after, begins) if tiers.at(day) in MEASURED or plans.holds(day)]
    return [*firsts, *(day for day in plans.asked() if day > today)]


def _first_after(day: int) -> int:
    """The next first of a month."""
    found = date.fromordinal(day + _MONTH_DAYS + 1 - date.fromordinal(day).day)
    return found.toordinal() - found.day + 1
