"""What must hold in the toy scenario, by an oracle that knows the domain."""

from collections.abc import Callable
from typing import Any

from pydantic_core import from_json

from shared.kafka.connection import partition_of
from tests.sim import toy_oracle
from tests.sim.checks import Aftermath, Broken
from tests.sim.plan import PARTITIONS
from tests.sim.topics import LOG, TIERS
from tests.sim.toy import DAYS, HISTORY, LEVELS
from tests.sim.toy_oracle import Customer


def _customers(after: Aftermath) -> dict[str, Customer]:
    if not after.memo:
        for records in after.world.kafka.partitions(LOG):
            after.memo |= toy_oracle.fold(records, after.world.plan.policies, after.now)
    return after.memo


def _documents(after: Aftermath) -> dict[str, dict[str, Any]]:
    return {document["_id"]: document for document in after.world.mongo.find(f"{LEVELS}_g1", {})}


def sums_are_meant(after: Aftermath) -> None:
    """Invariant 3: whatever the order and the repeats, the highest revision of each record counts, once."""
    customers = _customers(after)
    truth = toy_oracle.net_meant(after.inbox)
    for subject, customer in customers.items():
        if customer.frozen_at is None and customer.net() != truth.get(subject, {}):
            raise Broken(f"{subject}: the log nets to {customer.net()}, upstream meant {truth.get(subject)}")


def states_are_folds(after: Aftermath) -> None:
    """Invariants 1, 5, 8: each document is the fold of the log."""
    customers, documents = _customers(after), _documents(after)
    if set(documents) != set(customers):
        raise Broken(f"documents of {sorted(documents)}, customers {sorted(customers)}")
    for subject, customer in customers.items():
        document = documents[subject]
        if customer.frozen_at is not None:
            partition = partition_of(f"customer:{subject}".encode(), PARTITIONS)
            since = f"1/{partition}/{customer.frozen_at}"
            if document.get("incomplete_since") != since:
                raise Broken(f"{subject} is not frozen at {since}")
            if customer.offset is None:
                continue
        expected = _expected(customer)
        found = {name: document.get(name) for name in expected}
        if found != expected:
            raise Broken(f"{subject}: the document has {found}, the log says {expected}")
    _rows(after)


def _expected(customer: Customer) -> dict[str, Any]:
    level, version = customer.accepted[-1].level if customer.accepted else 0, len(customer.accepted)
    return {
        "level": level,
        "version": version,
        "as_of": customer.clock,
        "log": {"generation": 1, "offset": customer.offset},
        "fold": {
            "standing": [version, customer.last, level],
            "taken": len(customer.accepted),
            "net": [[day.isoformat(), minor] for day, minor in sorted(customer.net().items())],
            "ratings": [
                [at.isoformat(), event_id, source, points, until and until.isoformat()]
                for at, event_id, source, points, until in sorted(customer.ratings, key=lambda rating: rating[:3])
            ],
        },
    }


def _rows(after: Aftermath) -> None:
    customers = _customers(after)
    days: dict[str, tuple[int, int]] = {}
    history: dict[str, int] = {}
    for subject, customer in customers.items():
        for day, minor in customer.amounts:
            net, moves = days.get(f"{subject}/{day}", (0, 0))
            days[f"{subject}/{day}"] = net + minor, moves + 1
        history |= {f"{subject}/{step.version}": step.level for step in customer.accepted}
    found = {
        document["_id"]: (document["net"], document["moves"]) for document in after.world.mongo.find(f"{DAYS}_g1", {})
    }
    if found != days:
        raise Broken(f"rows of days are {found}, the log says {days}")
    levels = {document["_id"]: document["level"] for document in after.world.mongo.find(f"{HISTORY}_g1", {})}
    if levels != history:
        raise Broken(f"rows of history are {levels}, the log says {history}")


def decisions_are_those_of_the_facts(after: Aftermath) -> None:
    """Invariants 6, 7: when and how often reviews came, who owned what and who died changes no decision."""
    for subject, customer in _customers(after).items():
        if after.world.plan.disagree:
            continue
        expected = customer.expected
        if customer.frozen_at is not None:
            expected = expected[: len(customer.accepted)]
        if customer.accepted != expected:
            raise Broken(f"{subject}: decided {customer.accepted}, the facts call for {expected}")


def nothing_is_left_to_decide(after: Aftermath) -> None:
    """Invariant 6: what was lost, dropped or came due has been decided by the time all is quiet."""
    customers, documents = _customers(after), _documents(after)
    for subject, customer in customers.items():
        if customer.frozen_at is not None:
            continue
        if toy_oracle.may_step(customer, after.now, after.world.plan.policies):
            raise Broken(f"{subject} stands at {_expected(customer)['level']} and should not")
        document = documents[subject]
        if document.get("pending") or document.get("marked_due"):
            raise Broken(f"{subject} waits: {document.get('pending')}, marked {document.get('marked_due')}")


def accepted_are_told(after: Aftermath) -> None:
    """The public topic has each accepted decision at least once, and none that was not accepted."""
    told: dict[str, set[int]] = {}
    for records in after.world.kafka.partitions(TIERS):
        for record in records:
            document = from_json(record.value or b"")
            told.setdefault(document["key"], set()).add(document["version"])
    accepted = {f"customer:{s}": {step.version for step in c.accepted} for s, c in _customers(after).items()}
    for key, versions in accepted.items():
        if told.get(key, set()) != versions:
            raise Broken(f"{key}: told {told.get(key)}, accepted {versions}")


CHECKS: tuple[Callable[[Aftermath], None], ...] = (
    sums_are_meant,
    states_are_folds,
    decisions_are_those_of_the_facts,
    nothing_is_left_to_decide,
    accepted_are_told,
)
