"""The form of a state in MongoDB: beside what readers see, one text that no view reads."""

from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json, to_json

from services.planning.rules.catalogue import Delivery
from services.planning.rules.customer import Customer
from services.planning.rules.deciding import Decided
from services.planning.rules.groups import Group
from services.planning.rules.persons import Assessment
from services.planning.rules.plans import Covering, Done, Objective, Plan, Plans, Review, Step
from services.planning.rules.tiers import TierStep
from shared.facts.days import Days
from shared.facts.latest import Entry, Latest, Order
from shared.facts.owners import Assignment, Owners

FOLD_VERSION = 2
"""2: erased persons, what engagement measured, each assessment: a rebuild finds those of before. Reads 1 as well."""
Json = dict[str, Any]


def dump(customer: Customer, decided: Decided) -> Json:
    """The private fold; empty parts are left out."""
    plans = customer.plans
    fold: Json = {
        "clock": customer.clock,
        "decided": customer.decided if customer.decided[0] else None,
        "cared": customer.cared if customer.cared[0] else None,
        "steps": customer.steps,
        "plans": [[*ref, _dump_plan(plan)] for ref, plan in sorted(plans.by_ref.items())],
        "covering": _records(plans.covering),
        "done": _records(plans.done),
        "reviews": _records(plans.reviews),
        "deliveries": _records(customer.deliveries),
        "difficulties": [[*ref, day] for ref, day in sorted(customer.difficulties.items())],
        "persons": dict(sorted(customer.persons.items())),
        "measures": [[day, *values] for day, values in sorted(customer.measures.items())],
        "erased": customer.erased,
        "owners": customer.owners.assignments,
        "standing": _dump_decided(decided) if decided.version else None,
    }
    return {"fold": to_json({name: part for name, part in fold.items() if part}).decode()}


def load(subject: str, days: Days, document: Json) -> tuple[Customer, Decided]:
    """The inverse of `dump`."""
    fold = from_json(document["fold"])
    customer = Customer(subject, days)
    if "clock" in fold:
        customer.advance(_instant(fold["clock"]))
    if "decided" in fold:
        customer.decided = (fold["decided"][0], fold["decided"][1])
    if "cared" in fold:
        customer.cared = (fold["cared"][0], fold["cared"][1])
    customer.steps = [
        TierStep(version, on, rank, tuple((tier, until) for tier, until in graces))
        for version, on, rank, graces in fold.get("steps", ())
    ]
    customer.plans = Plans(
        {(source, name): _load_plan(plan) for source, name, plan in fold.get("plans", ())},
        {(source, name): Covering(*one) for source, name, *one in fold.get("covering", ())},
        {(source, name): Done(*one) for source, name, *one in fold.get("done", ())},
        {(source, name): Review(*one) for source, name, *one in fold.get("reviews", ())},
    )
    customer.deliveries = {(source, name): Delivery(*one) for source, name, *one in fold.get("deliveries", ())}
    customer.difficulties = {(source, name): day for source, name, day in fold.get("difficulties", ())}
    customer.persons = {
        name: tuple(Assessment(Order(*order), known, said) for order, known, said in assessments)
        for name, assessments in fold.get("persons", {}).items()
    }
    customer.measures = {day: tuple(values) for day, *values in fold.get("measures", ())}
    customer.erased = fold.get("erased", {})
    customer.owners = Owners(
        tuple(Assignment(day, Order(*order), roles, known) for day, order, roles, known in fold.get("owners", ()))
    )
    standing = fold.get("standing")
    return customer, Decided() if standing is None else _load_decided(standing)


def _records(records: dict[tuple[str, str], Any]) -> list[Any]:
    return [[*ref, *one] for ref, one in sorted(records.items())]


def _dump_decided(decided: Decided) -> Json:
    return {
        "version": decided.version,
        "last": decided.last,
        "lapsed": decided.lapsed,
        "overdue": sorted(decided.overdue),
        "reviews": sorted(decided.reviews),
    }


def _load_decided(stored: Json) -> Decided:
    overdue = frozenset((source, plan, step, day) for source, plan, step, day in stored["overdue"])
    reviews = frozenset((source, plan, day) for source, plan, day in stored["reviews"])
    return Decided(stored["version"], stored["last"], stored["lapsed"], overdue, reviews)


def _dump_plan(plan: Plan) -> Json:
    return {
        "revision": plan.revision,
        "begun": plan.begun,
        "days": [plan.from_on, plan.to_on],
        "by": [plan.agreed_by, plan.approved_by],
        "objectives": plan.objectives,
        "steps": plan.steps,
        "covers": plan.covers,
        "stands": plan.stands,
        "original": plan.original,
    }


def _load_plan(stored: Json) -> Plan:
    (from_on, to_on), (agreed_by, approved_by) = stored["days"], stored["by"]
    return Plan(
        stored["revision"],
        stored["begun"],
        from_on,
        to_on,
        agreed_by,
        approved_by,
        tuple(Objective(*one) for one in stored["objectives"]),
        tuple(Step(*one) for one in stored["steps"]),
        tuple(stored["covers"]),
        stored["stands"],
        stored["original"],
    )


def dump_group(group: Group) -> Json:
    """Of a group: the clock, and what was said last of each field."""
    return {"fold": to_json({"clock": group.clock, "said": group.said.entries}).decode()}


def load_group(subject: str, document: Json) -> Group:
    """The inverse of `dump_group`."""
    fold = from_json(document["fold"])
    entries = (Entry(Order(*order), day, fields) for order, day, fields in fold["said"])
    clock = fold["clock"]
    return Group(subject, None if clock is None else _instant(clock), Latest(tuple(entries)))


def dump_other(clock: datetime | None) -> Json:
    """Of a representative: the clock."""
    return {"fold": to_json({"clock": clock}).decode()}


def load_other(document: Json) -> datetime | None:
    """The inverse of `dump_other`."""
    clock = from_json(document["fold"])["clock"]
    return None if clock is None else _instant(clock)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
