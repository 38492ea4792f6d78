"""The benchmark's events: uniform over the customers, the same for the same seed.

The mix is 70 % purchases, 5 % refunds and 25 % visits, spread over the last year by their own time; a visit names one
person met, who goes to `people`, and one of the representatives.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

PURCHASES, REFUNDS, VISITS = 0.70, 0.05, 0.25
REPRESENTATIVES = 200
TEXT_CHARS = 100
SOURCE = "bench/shop"
_DAYS = 360


@dataclass(frozen=True, slots=True)
class Load:
    """One event: its customer, what it adds to the customer's net in minor units, whether it is a visit."""

    customer: str
    net_minor: int
    visit: bool
    event: dict[str, Any]

    @property
    def key(self) -> bytes:
        return f"customer:{self.customer}".encode()

    def value(self) -> bytes:
        return json.dumps(self.event, ensure_ascii=False, separators=(",", ":")).encode()


def customer_id(number: int) -> str:
    return f"C{number:06}"


def first_purchases(customers: int, seed: int, now: datetime) -> Iterator[Load]:
    """One purchase for each customer: what stands in the stores before anything is measured."""
    rng = Random(seed)
    for number in range(customers):
        yield purchase(rng, f"first-{number}", customer_id(number), now)


def mixed(count: int, customers: int, seed: int, now: datetime, prefix: str = "mix") -> Iterator[Load]:
    """`count` events of the stated mix."""
    rng = Random(seed)
    for number in range(count):
        yield _one(rng, f"{prefix}-{number}", customer_id(rng.randrange(customers)), now)


def written(count: int, customers: int, seed: int, now: datetime, prefix: str, *, texts: bool) -> Iterator[Load]:
    """`count` events, half of them purchases, half visits; with five texts of TEXT_CHARS each visit, or without any."""
    rng = Random(seed)
    for number in range(count):
        customer, name = customer_id(rng.randrange(customers)), f"{prefix}-{number}"
        yield _visit(rng, name, customer, now, texts=texts) if number % 2 else purchase(rng, name, customer, now)


def one_each(count: int, customers: int, seed: int, now: datetime, prefix: str) -> Iterator[Load]:
    """`count` events of the stated mix for as many different customers."""
    rng = Random(seed)
    for number, customer in enumerate(rng.sample(range(customers), count)):
        yield _one(rng, f"{prefix}-{number}", customer_id(customer), now)


def representatives(now: datetime) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values that register all representatives."""
    for number in range(REPRESENTATIVES):
        rep = _rep_id(number)
        data = {"name": f"Rep {number}", "role": "account_manager", "active_from": "2020-01-01"}
        event = _event(f"reg-{rep}", "representative.registered", rep, now - timedelta(days=1), data)
        yield f"representative:{rep}".encode(), json.dumps(event).encode()


def purchase(rng: Random, name: str, customer: str, now: datetime) -> Load:
    minor = rng.randrange(1_000, 2_000_000)
    data = {"purchase_id": name, "amount": _amount(minor), "currency": "CNY", "margin_rate": "0.22"}
    return Load(customer, minor, False, _event(name, "purchase.recorded", customer, _when(rng, now), data))


def _one(rng: Random, name: str, customer: str, now: datetime) -> Load:
    kind = rng.random()
    if kind < PURCHASES:
        return purchase(rng, name, customer, now)
    if kind < PURCHASES + REFUNDS:
        minor = rng.randrange(100, 10_000)
        data: dict[str, Any] = {"refund_id": name, "amount": _amount(minor), "currency": "CNY"}
        return Load(customer, -minor, False, _event(name, "purchase.refunded", customer, _when(rng, now), data))
    data = {
        "visit_id": name,
        "kind": "routine",
        "channel": rng.choice(("onsite", "onsite", "hosted", "video")),
        "participants": [{"rep_id": _rep_id(rng.randrange(REPRESENTATIVES)), "role": "account_manager"}],
        "attendees": [{"person_id": f"P-{customer}", "name": f"王{customer}", "department": "采购部"}],
        "consensus": "双方同意下季度增加采购",
    }
    return Load(customer, 0, True, _event(name, "visit.logged", customer, _when(rng, now), data))


def _visit(rng: Random, name: str, customer: str, now: datetime, *, texts: bool) -> Load:
    data: dict[str, Any] = {
        "visit_id": name,
        "kind": "routine",
        "channel": "onsite",
        "participants": [{"rep_id": _rep_id(rng.randrange(REPRESENTATIVES)), "role": "account_manager"}],
        "attendees": [],
    }
    if texts:
        data |= {field: _text(rng) for field in ("purpose", "needs", "consensus")}
        data["follow_ups"] = [{"what": _text(rng)} for _ in range(2)]
    return Load(customer, 0, True, _event(name, "visit.logged", customer, _when(rng, now), data))


def _text(rng: Random) -> str:
    """Characters of which there are some thousand, so that it packs about as well as what people write."""
    return "".join(chr(0x4E00 + int(rng.expovariate(1 / 600)) % 5000) for _ in range(TEXT_CHARS))


def _when(rng: Random, now: datetime) -> datetime:
    return now - timedelta(minutes=rng.randrange(1, _DAYS * 24 * 60))


def _amount(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"


def _rep_id(number: int) -> str:
    return f"R{number:03}"


def _event(name: str, kind: str, subject: str, time: datetime, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": name,
        "source": SOURCE,
        "type": f"guanxi.{kind}.v1",
        "subject": subject,
        "time": time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": data,
    }
