"""State and standing <-> the private fields of the stored document.

A storage format: a change of shape needs a new FOLD_VERSION. A customer's fields are texts, JSON without their empty
parts: cheap to compare, write and read. Only fields that differ are written: `fold`, what moves with the clock;
`fold_facts`, what is known besides visits; `fold_visits`, what is known of visits; `fold_weeks`, how many there were in
each week. A representative's `fold` is a document, since the view `rep_weeks` reads spans from it.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from pydantic_core import from_json

from services.engagement.rules.concerns import Concern, Concerns, Raised, Step
from services.engagement.rules.customer import Customer, Lapse, Resumption
from services.engagement.rules.deciding import Standing
from services.engagement.rules.history import Visits
from services.engagement.rules.plans import Plan, Plans, Review
from services.engagement.rules.relationship import KeyPersons
from services.engagement.rules.representative import Absence, Registration, Representative
from services.engagement.rules.satisfaction import Answer, Answers, Turn
from services.engagement.rules.tiers import Tiers, TierStep
from services.engagement.stored_visits import dump_visits, load_piece, load_visits
from shared.events.codec import encode_json
from shared.facts.erased import Erased
from shared.facts.goals import Goal, Goals
from shared.facts.latest import ALWAYS, Entry, Latest, Order
from shared.facts.owners import OWNING_ROLES, Assignment, Owners

FOLD_VERSION = 4
"""4: erased persons; plans and their reviews, for measuring: a rebuild finds those of before. 3: visits stored by week;
goals may have contacts, absences a part, registrations cleared fields. Reads 2 and 3 as well.
"""
PRIVATE_FIELDS = ("fold_facts", "fold_visits", "fold_weeks", "fold_weeks_before", "partition")
"""What readers are not shown of a document, besides what every service keeps to itself (shared/fold/private.py)."""


def dump_customer(customer: Customer, standing: Standing) -> dict[str, str]:
    """The private fields. What has not changed is the same text."""
    fold: dict[str, Any] = {"clock": customer.clock, "today": customer.today}
    if customer.lapse is not None:
        fold["lapse"] = customer.lapse
    if customer.resumption is not None:
        fold["resumption"] = customer.resumption
    if standing.version:
        fold["standing"] = _dump_standing(standing, customer)
    if customer.facts is None:
        customer.facts = encode_json(
            {name: dump(part) for name, dump, _ in _PARTS if (part := getattr(customer, name))}
        ).decode()
    dumped = {"fold": encode_json(fold).decode(), "fold_facts": customer.facts}
    visits = customer.visits
    if visits:
        dumped["fold_visits"] = encode_json(dump_visits(visits, customer.today)).decode()
        if visits.weeks.recent:
            dumped["fold_weeks"] = visits.weeks.recent
        if visits.weeks.before:
            dumped["fold_weeks_before"] = visits.weeks.before
    return dumped


def load_customer(subject: str, document: dict[str, Any]) -> tuple[Customer, Standing]:
    """The inverse of `dump_customer`."""
    fold = from_json(document["fold"])
    customer = Customer(subject, fold["clock"], fold["today"])
    if "fold_facts" in document:
        customer.facts = document["fold_facts"]
        _load_parts(customer, from_json(customer.facts))
        if "fold_visits" in document:
            weeks = document.get("fold_weeks_before", ""), document.get("fold_weeks", "")
            customer.visits = load_visits(from_json(document["fold_visits"]), *weeks, customer.today)
        else:
            customer.visits.weeks.turn(customer.today)
    else:
        _load_whole(customer, fold)
    if "lapse" in fold:
        customer.lapse = Lapse(*fold["lapse"])
    if "resumption" in fold:
        customer.resumption = Resumption(*fold["resumption"])
    return customer, _load_standing(fold["standing"]) if "standing" in fold else Standing()


def _load_whole(customer: Customer, fold: dict[str, Any]) -> None:
    """From fold version 2, which stored everything in one text; what it keeps of visits is stored anew at the next
    change.
    """
    _load_parts(customer, fold)
    visits = fold.get("visits")
    if visits is not None:
        met_before = dict(visits.get("met_before", ()))
        customer.visits = Visits.of_all(load_piece(visits), met_before, customer.today)
    else:
        customer.visits.weeks.turn(customer.today)


def _load_parts(customer: Customer, stored: dict[str, Any]) -> None:
    for name, _, load in _PARTS:
        if name in stored:
            setattr(customer, name, load(stored[name]))


def _dump_standing(standing: Standing, customer: Customer) -> dict[str, Any]:
    """What is about records that the customer's state has forgotten is left out: it can't come up again."""
    answers, concerns = customer.answers.refs(), customer.concerns.refs()
    kept = {
        "lapsed": standing.lapsed,
        "resumed": standing.resumed,
        "turns": standing.turns,
        "low": [ref for ref in sorted(standing.low) if ref in answers],
        "overdue": [entry for entry in sorted(standing.overdue) if entry[:2] in concerns],
        "measured": standing.measured,
    }
    return {"version": standing.version, "last": standing.last_id} | {name: part for name, part in kept.items() if part}


def _load_standing(stored: dict[str, Any]) -> Standing:
    return Standing(
        stored["version"],
        stored["last"],
        tuple(stored.get("lapsed", ())),
        stored.get("resumed", 0),
        tuple((instrument, turn) for instrument, turn in stored.get("turns", ())),
        frozenset((source, id_) for source, id_ in stored.get("low", ())),
        frozenset((source, id_, number) for source, id_, number in stored.get("overdue", ())),
        stored.get("measured", 0),
    )


def _dump_latest(latest: Latest) -> list[list[Any]]:
    """By field, what holds: nothing waits here for its day."""
    return sorted([name, *order, value] for order, _, fields in latest.entries for name, value in fields.items())


def _load_latest(stored: list[list[Any]]) -> Latest:
    entries: dict[Order, dict[str, Any]] = {}
    for name, time, id_, source, value in stored:
        entries.setdefault(Order(time, id_, source), {})[name] = value
    return Latest(tuple(Entry(order, ALWAYS, entries[order]) for order in sorted(entries)))


def _dump_tiers(tiers: Tiers) -> dict[str, Any]:
    return {"version": tiers.version, "last": tiers.last_id, "steps": [list(step) for step in tiers.steps]}


def _load_tiers(stored: dict[str, Any]) -> Tiers:
    return Tiers([TierStep(*step) for step in stored["steps"]], stored["version"], stored["last"])


def _dump_owners(owners: Owners) -> list[list[Any]]:
    """By role, its assignments."""
    return [
        [[one.from_on, *one.order, one.known_from, representative] for one, representative in owners.of(role)]
        for role in OWNING_ROLES
    ]


def _load_owners(stored: list[list[Any]]) -> Owners:
    assignments: dict[tuple[int, Order], Assignment] = {}
    for role, entries in zip(OWNING_ROLES, stored, strict=True):
        for from_on, time, id_, source, known_from, representative in entries:
            order = Order(time, id_, source)
            one = assignments.setdefault((from_on, order), Assignment(from_on, order, {}, known_from))
            one.roles[role] = representative
    return Owners(tuple(assignments[place] for place in sorted(assignments)))


def _dump_answers(answers: Answers) -> dict[str, Any]:
    return {
        "answers": [[*ref, *answers.records[ref][-1]] for ref in sorted(answers.records)],
        "turns": [[instrument, *answers.turns[instrument]] for instrument in sorted(answers.turns)],
    }


def _load_answers(stored: dict[str, Any]) -> Answers:
    return Answers(
        {(source, id_): [Answer(*answer)] for source, id_, *answer in stored["answers"]},
        {instrument: Turn(times, down) for instrument, times, down in stored["turns"]},
    )


def _dump_concerns(concerns: Concerns) -> list[list[Any]]:
    return [
        [*ref, None if concern.raised is None else list(concern.raised), *map(list, concern.steps)]
        for ref, concern in sorted(concerns.records.items())
    ]


def _load_concerns(stored: list[list[Any]]) -> Concerns:
    return Concerns(
        {
            (source, id_): Concern(None if raised is None else Raised(*raised), [Step(*step) for step in steps])
            for source, id_, raised, *steps in stored
        }
    )


def _dump_persons(persons: KeyPersons) -> list[list[Any]]:
    return [[person_id, _dump_latest(persons.by_id[person_id])] for person_id in sorted(persons.by_id)]


def _load_persons(stored: list[list[Any]]) -> KeyPersons:
    return KeyPersons({person_id: _load_latest(fields) for person_id, fields in stored})


def _dump_plans(plans: Plans) -> dict[str, Any]:
    dumped = {
        "plans": [[*ref, *plan] for ref, plan in sorted(plans.by_ref.items())],
        "reviews": [[*ref, *review] for ref, review in sorted(plans.reviews.items())],
    }
    return {name: part for name, part in dumped.items() if part}


def _load_plans(stored: dict[str, Any]) -> Plans:
    return Plans(
        {
            (source, id_): Plan(from_on, to_on, tuple(due))
            for source, id_, from_on, to_on, due in stored.get("plans", ())
        },
        {(source, id_): Review(plan_id, day) for source, id_, plan_id, day in stored.get("reviews", ())},
    )


def _dump_erased(erased: Erased) -> list[tuple[str, int]]:
    return sorted(erased.items())


def _load_erased(stored: list[list[Any]]) -> Erased:
    return dict(stored)


def dump_goals(goals: Goals) -> list[list[Any]]:
    """By metric, each goal with what came of it as [numerator, denominator]."""
    return [
        [
            metric,
            *goal.order,
            *(goal.baseline, goal.target, goal.due_on, goal.passed),
            None if goal.outcome is None else goal.outcome.as_integer_ratio(),
            *([goal.kept] if goal.kept else ()),
        ]
        for metric, goal in sorted(goals.items())
    ]


def load_goals(stored: list[list[Any]]) -> Goals:
    """The inverse of `dump_goals`."""
    return {
        metric: Goal(
            Order(time, id_, source),
            due_on,
            baseline,
            target,
            passed=passed,
            outcome=None if outcome is None else Fraction(*outcome),
            kept=tuple(*kept),
        )
        for metric, time, id_, source, baseline, target, due_on, passed, outcome, *kept in stored
    }


_PARTS: tuple[tuple[str, Callable[[Any], Any], Callable[[Any], Any]], ...] = (
    ("profile", _dump_latest, _load_latest),
    ("tiers", _dump_tiers, _load_tiers),
    ("owners", _dump_owners, _load_owners),
    ("answers", _dump_answers, _load_answers),
    ("concerns", _dump_concerns, _load_concerns),
    ("persons", _dump_persons, _load_persons),
    ("erased", _dump_erased, _load_erased),
    ("goals", dump_goals, load_goals),
    ("plans", _dump_plans, _load_plans),
)


def dump_representative(representative: Representative) -> dict[str, Any]:
    """The private fields."""
    return {
        "clock": representative.clock,
        "today": representative.today,
        "registrations": [
            [*entry[:5], [[name, entry.fields[name]] for name in sorted(entry.fields)]]
            for entry in representative.registrations
        ],
        "absences": [[*ref, *map(list, representative.absences[ref])] for ref in sorted(representative.absences)],
        "goals": dump_goals(representative.goals),
        # What the view rep_weeks reads.
        "spans": representative.spans(),
        "closed_spans": representative.spans(closed=True),
        "absence_spans": representative.absence_spans(),
    }


def load_representative(subject: str, stored: dict[str, Any]) -> Representative:
    """The inverse of `dump_representative`."""
    return Representative(
        id=subject,
        clock=stored["clock"],
        today=stored["today"],
        registrations=[
            Registration(at, id_, source, day, known_from, dict(fields))
            for at, id_, source, day, known_from, fields in stored["registrations"]
        ],
        absences={
            (source, id_): [Absence(*revision) for revision in revisions]
            for source, id_, *revisions in stored["absences"]
        },
        goals=load_goals(stored["goals"]),
    )
