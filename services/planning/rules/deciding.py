"""What planning decides: a plan has lapsed or is there again, a step is overdue, a review is (domain.md, Planning)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.planning.rules.catalogue import Catalogues
from services.planning.rules.customer import Customer, Standing, as_of_clock
from services.planning.rules.plans import Ref
from services.planning.rules.plans import Step as Agreed
from services.planning.rules.progress import DECIDED_DAYS, Step
from shared.events.codec import decision_id
from shared.events.decisions import Decision, PlanLapsed, PlanResumed, PlanReviewLapsed, PlanStepOverdue
from shared.events.facts import MAX_PLAN_DAYS

KEPT_DAYS = 2 * MAX_PLAN_DAYS
"""What was raised is remembered so long after its due day: longer than a plan's steps and reviews can be raised."""

RaisedStep = tuple[str, str, str, int]
"""Source, plan_id, step_id, due day."""
RaisedReview = tuple[str, str, int]
"""Source, plan_id, due day."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The accepted decisions: the due day of the lapse that stands, the steps and reviews that were raised."""

    version: int = 0
    last: str | None = None
    lapsed: int | None = None
    overdue: frozenset[RaisedStep] = frozenset()
    reviews: frozenset[RaisedReview] = frozenset()

    def accept(self, decision: Decision, decision_id: str) -> "Decided":
        """With a decision more."""
        lapsed, overdue, reviews = self.lapsed, self.overdue, self.reviews
        if isinstance(decision, PlanLapsed):
            lapsed = decision.due_on.toordinal()
        elif isinstance(decision, PlanResumed):
            lapsed = None
        elif isinstance(decision, PlanStepOverdue):
            overdue |= {(decision.plan_source, decision.plan_id, decision.step_id, decision.due_on.toordinal())}
        else:
            assert isinstance(decision, PlanReviewLapsed), "planning decides nothing else"
            reviews |= {(decision.plan_source, decision.plan_id, decision.due_on.toordinal())}
        first = decision.effective_on.toordinal() - KEPT_DAYS
        overdue = frozenset(one for one in overdue if one[-1] >= first)
        reviews = frozenset(one for one in reviews if one[-1] >= first)
        return Decided(decision.version, decision_id, lapsed, overdue, reviews)


def decide(customer: Customer, decided: Decided, catalogues: Catalogues) -> list[Decision]:
    """The decisions due as of the clock, in order."""
    version, last = decided.version, decided.last
    decisions: list[Decision] = []
    for kind, fields in _due(customer, decided, catalogues):
        version += 1
        day = date.fromordinal(customer.today)
        decision = kind(version=version, after=last, effective_on=day, **fields)
        last = decision_id(customer.id, decision)
        decisions.append(decision)
    return decisions


Due = Iterator[tuple[type[Decision], dict[str, Any]]]


def _due(customer: Customer, decided: Decided, catalogues: Catalogues) -> Due:
    known, today = as_of_clock(customer, catalogues), customer.today
    owes, due, tier = known.owing, known.owing.due_on, customer.tier
    if due is not None and due <= today and owes.uncovered_from is not None:
        if decided.lapsed is None:
            yield PlanLapsed, {"due_on": _date(due), "uncovered_from": _date(owes.uncovered_from), "tier": tier}
    elif decided.lapsed is not None:
        yield PlanResumed, {"lapsed_due_on": _date(decided.lapsed), "tier": tier}
    if owes.owed:
        for ref, standing in sorted(known.plans.items()):
            yield from _of_plan(customer, ref, standing, decided)


def _of_plan(customer: Customer, ref: Ref, standing: Standing, decided: Decided) -> Due:
    plan, today, (source, plan_id) = customer.plans.by_ref[ref], customer.today, ref
    of = {"plan_source": source, "plan_id": plan_id, "tier": customer.tier}
    raises = plan.from_on <= today <= plan.to_on + DECIDED_DAYS
    for step in standing.progress.steps:
        agreed = step.agreed
        if not raises or agreed is None or not step.overdue_days:
            continue
        if (source, plan_id, step.step_id, agreed.due_on) not in decided.overdue:
            yield PlanStepOverdue, of | _overdue(step, agreed)
    review = standing.review_due
    if review is not None and review <= today and (source, plan_id, review) not in decided.reviews:
        yield PlanReviewLapsed, of | {"due_on": _date(review)}


def _overdue(step: Step, agreed: Agreed) -> dict[str, Any]:
    return {
        "step_id": step.step_id,
        "owner": agreed.owner,
        "due_on": _date(agreed.due_on),
        "original_due": _date(step.original_due),
        "overdue_days": step.overdue_days,
    }


def _date(day: int) -> date:
    return date.fromordinal(day)
