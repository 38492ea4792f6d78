"""What readers see of a customer's plans and of the services that it used: no text. Pure."""

from collections.abc import Container
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

from services.planning.rules import catalogue, persons, tiers
from services.planning.rules.catalogue import Catalogues
from services.planning.rules.customer import Customer, Standing, as_of_clock
from services.planning.rules.objectives import METRICS, NOTHING_REACHED, reached
from services.planning.rules.plans import Objective, Plan, Ref
from services.planning.rules.progress import Step
from shared.facts.days import iso, iso_or_none

Json = dict[str, Any]
DIMENSIONS = ("key", "breadth", "organisational")
"""Each of them needs an objective."""
_PLACES = Decimal("0.001")


def row(customer: Customer, catalogues: Catalogues) -> Json:
    """The public fields of a customer's document. `owned_by`: both owners; `planned`: a plan is owed or there;
    `served`: services are used or may be.
    """
    known, today = as_of_clock(customer, catalogues), customer.today
    owes = known.owing
    public: Json = {"tier": customer.tier}
    if customer.clock is not None:
        public["as_of"] = customer.clock.replace(microsecond=customer.clock.microsecond // 1000 * 1000)
    if customer.owned_by:
        public["owned_by"] = customer.owned_by
    covered_by = _covered_by(customer)
    if owes.owed or known.plans or covered_by:
        public["planned"] = {
            "owed": owes.owed,
            "covered": owes.owed and owes.uncovered_from is None,
            "uncovered_from": iso_or_none(owes.uncovered_from),
            "covered_by": covered_by,
            "due_on": iso_or_none(owes.due_on),
            "lapsed": owes.due_on is not None and owes.due_on <= today,
            "unassessed": persons.unassessed(customer.persons, today, customer.erased) if owes.owed else [],
        }
    if known.plans:
        public["plans"] = [
            _plan(customer, ref, standing, current=ref == known.holding) for ref, standing in known.plans.items()
        ]
    if customer.deliveries or tiers.entitled_on(customer.steps, today, today) >= tiers.PRIORITY:
        public["served"] = _served(customer, catalogues)
    return public


def _covered_by(customer: Customer) -> list[Json]:
    """The plans of other customers that cover this one, now or later, the first ones first."""
    found = [(*one[1:], *ref) for ref, one in customer.plans.covering.items() if one.to_on >= customer.today]
    found.sort(key=lambda one: one[1:])
    return [
        {"customer": customer, "source": source, "plan_id": plan_id, "from_on": iso(from_on), "to_on": iso(to_on)}
        for customer, from_on, to_on, source, plan_id in found
    ]


def _plan(customer: Customer, ref: Ref, standing: Standing, *, current: bool) -> Json:
    plan, progress, today = customer.plans.by_ref[ref], standing.progress, customer.today
    owed = tiers.tier_on(customer.steps, today) in tiers.OWED
    review_late = standing.review_due is not None and standing.review_due <= today
    steps = [*progress.steps, *progress.dropped]
    objectives = [one for one in plan.objectives if one.person_id not in customer.erased]
    return {
        "source": ref[0],
        "plan_id": ref[1],
        "revision": plan.revision,
        "from_on": iso(plan.from_on),
        "to_on": iso(plan.to_on),
        "current": current,
        "status": progress.track if owed else "not_owed",
        "done": _share(progress.done),
        "expected": _share(progress.expected),
        "behind": _share(progress.behind),
        "overdue": sum(step.status == "overdue" for step in steps),
        "slippage_days": max((step.slippage_days for step in progress.steps), default=0),
        "reviewed_on": iso_or_none(standing.reviewed_on),
        "review_due": iso_or_none(standing.review_due),
        "gaps": {
            "dimensions": [name for name in DIMENSIONS if all(one.dimension != name for one in objectives)],
            "objectives": [
                one.objective_id
                for one in objectives
                if all(step.objective_id != one.objective_id for step in plan.steps)
            ],
            "review": review_late,
        },
        "unknown_metrics": sorted({one.metric for one in plan.objectives} - METRICS),
        "covers": list(plan.covers),
        "agreed_by": plan.agreed_by,
        "approved_by": plan.approved_by,
        "objectives": [_objective(customer, plan, one) for one in plan.objectives],
        "steps": [_step(step, customer.erased) for step in steps],
    }


def _objective(customer: Customer, plan: Plan, one: Objective) -> Json:
    """baseline: as agreed, else as measured. One on a person who was erased is void, and names nobody."""
    void = one.person_id in customer.erased
    how = NOTHING_REACHED if void else reached(plan, one, customer.measures, customer.persons, customer.today)
    return {
        "objective_id": one.objective_id,
        "dimension": one.dimension,
        "metric": one.metric,
        "person_id": None if void else one.person_id,
        "baseline": None if how.baseline is None else str(how.baseline),
        "target": one.target,
        "due_on": iso(one.due_on),
        "value": None if how.value is None else str(how.value),
        "progress": _share(how.progress),
        "outcome": how.outcome,
        "void": void,
    }


def _step(step: Step, erased: Container[str]) -> Json:
    """One with a person who was erased stays, without the person."""
    agreed = step.agreed
    person = None if agreed is None or agreed.person_id in erased else agreed.person_id
    return {
        "step_id": step.step_id,
        "objective_id": None if agreed is None else agreed.objective_id,
        "owner": None if agreed is None else agreed.owner,
        "person_id": person,
        "status": step.status,
        "due_on": None if agreed is None else iso(agreed.due_on),
        "original_due": iso(step.original_due),
        "moved_days": step.moved_days,
        "done_on": iso_or_none(step.done_on),
        "slippage_days": step.slippage_days,
        "overdue_days": step.overdue_days,
    }


def _served(customer: Customer, catalogues: Catalogues) -> Json:
    today, steps, deliveries = customer.today, customer.steps, customer.deliveries
    return {
        "services": [
            {
                "service": name,
                "quota": use.quota,
                "used": use.used,
                "left": use.left,
                "beyond": [{"source": source, "delivery_id": one} for source, one in use.beyond],
            }
            for name, use in catalogue.uses(catalogues, steps, deliveries, today).items()
        ],
        "unserved": catalogue.unserved(catalogues, steps, deliveries, today),
        "help_rate": _share(catalogue.help_rate(customer.difficulties, deliveries, today)),
        "unknown_services": catalogue.unknown(catalogues, deliveries, today),
    }


def _share(share: Fraction | None) -> str | None:
    if share is None:
        return None
    return str((Decimal(share.numerator) / share.denominator).quantize(_PLACES, ROUND_HALF_EVEN))
