"""A log as years of customers would have left it, generated with a seed: facts of all kinds, and tiering's decisions.

Partition by partition, each in the order of time, its customers by turns. It is history: decided as of its own time.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from unittest import mock

from services.tiering.domain import Tiering
from services.tiering.rules import decide
from shared.events.codec import encode
from shared.events.event import Event, LogPosition, Position
from shared.events.facts import (
    AccountAssigned,
    AccountRated,
    CustomerRegistered,
    Fact,
    InvoiceIssued,
    InvoicePaid,
    PurchaseRecorded,
    PurchaseRefunded,
    RepresentativeRegistered,
    VisitLogged,
)
from shared.events.registry import NAMES
from shared.fold.entity import Entity, new_entity
from shared.kafka.batches import Outgoing
from shared.kafka.connection import partition_of

BEGIN = datetime(2024, 1, 1, 1, tzinfo=UTC)
DAYS = 900
REPRESENTATIVES = 200


def generated(events: int, customers: int, partitions: int, seed: int, domain: Tiering) -> Iterator[Outgoing]:
    """About so many facts; the decisions that they set off come on top."""
    for partition in range(partitions):
        random = Random(f"{seed}/{partition}")
        keys = [f"customer:C-{n:06}" for n in range(customers)]
        keys = [key for key in keys if partition_of(key.encode(), partitions) == partition]
        yield from _partition(partition, keys, events * len(keys) // customers, random, domain)
    for n in range(REPRESENTATIVES):
        key = f"representative:R-{n:03}".encode()
        data = RepresentativeRegistered.model_validate(
            {"role": "account_manager", "fte": "1", "active_from": "2020-01-01"}
        )
        event = Event(NAMES[type(data)], f"r{n}", "bench", f"R-{n:03}", BEGIN, data, BEGIN, LogPosition(1, 0, 0))
        yield _outgoing(partition_of(key, partitions), key, event, Position(2, 0, n))


def _partition(partition: int, keys: list[str], count: int, random: Random, domain: Tiering) -> Iterator[Outgoing]:
    entities = {key: new_entity(domain, key) for key in keys}
    sizes = {key: 10 ** random.gauss(2.7, 0.7) for key in keys}
    at, step = BEGIN, timedelta(days=DAYS) / max(1, count)
    for number in range(count):
        at += step
        key = keys[number] if number < len(keys) else random.choice(keys)
        fact = _registered(number) if number < len(keys) else _fact(random, number, sizes[key], at.date())
        event = _event(fact, key, f"e{partition}-{number}", at)
        yield _outgoing(partition, key.encode(), event, Position(1, partition, number))
        if event.type in domain.folds:
            for decision in _decisions(entities[key], event):
                yield _outgoing(partition, key.encode(), decision, None)


def _decisions(entity: Entity, event: Event) -> Iterator[Event]:  # type: ignore[type-arg]
    with mock.patch.object(decide, "would_change", _nothing):  # which costs most, and nobody reads here
        decisions = [*entity.fold(event, deciding=True)]
    for decision in decisions:
        made = replace(decision, recorded_at=event.recorded_at)
        for _ in entity.fold(made, deciding=True):
            raise AssertionError("a decision never sets off deciding")
        yield made
    entity.history.clear()
    entity.accepted.clear()


def _nothing(*_: object) -> None:
    """Says nothing."""


def _registered(number: int) -> Fact:
    return CustomerRegistered(name=f"Company {number}", country="CN")


def _fact(random: Random, number: int, size: float, today: date) -> Fact:
    amount = f"{size * random.uniform(0.2, 2):.2f}"
    kind = random.random()
    if kind < 0.6:
        margin = random.choice((None, "0.2", "0.31"))
        data = {"purchase_id": f"p{number}", "amount": amount, "currency": "GBP", "margin_rate": margin}
        return PurchaseRecorded.model_validate(data)
    if kind < 0.65:
        return PurchaseRefunded(refund_id=f"f{number}", amount=amount, currency="GBP")
    if kind < 0.76:
        due_on = today + timedelta(random.choice((0, 30, 60)))
        return InvoiceIssued(invoice_id=f"i{number % 50_000}", amount=amount, currency="GBP", due_on=due_on)
    if kind < 0.86:
        return InvoicePaid(invoice_id=f"i{random.randrange(50_000)}", paid_on=today)
    if kind < 0.88:
        fit = str(random.randint(3, 10))
        return AccountRated.model_validate({"rated_by": "R-001", "approved_by": "R-002", "strategic_fit": fit})
    if kind < 0.9:
        owner = f"R-{random.randrange(REPRESENTATIVES):03}"
        return AccountAssigned(account_manager=owner, from_on=today)
    return VisitLogged.model_validate(
        {
            "visit_id": f"v{number}",
            "kind": "routine",
            "channel": "onsite",
            "participants": [{"rep_id": "R-001", "role": "account_manager"}],
            "attendees": [{"person_id": f"P-{number % 7}"}],
            "consensus": "to meet again",
        }
    )


def _event(fact: Fact, key: str, event_id: str, at: datetime) -> Event:
    subject = key.partition(":")[2]
    return Event(NAMES[type(fact)], event_id, "bench", subject, at, fact, at, LogPosition(1, 0, 0), backfill=True)


def _outgoing(partition: int, key: bytes, event: Event, position: Position | None) -> Outgoing:
    value, headers = encode(event, position)
    return Outgoing(partition, key, value, headers)
