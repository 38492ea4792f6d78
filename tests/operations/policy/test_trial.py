"""A trial over a whole log: partitions, more customers than memory has room for, sums, files."""

import csv
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from guanxi.reading import simulation as report
from operations.policy.tally import Tally, json_parts, summary, visits
from operations.policy.trial import Moves, Question, run_trial
from services.tiering.policy import Policies
from shared.events.codec import encode
from shared.events.event import Event, Position
from shared.events.facts import Fact, PurchaseRecorded, RepresentativeRegistered, TierOverridden
from shared.events.registry import NAMES
from shared.kafka.connection import Record
from tests.events.log import event_of
from tests.operations.policy.test_replay import decided
from tests.services.tiering.given import CNY, GBP, SHANGHAI, policy
from tests.shared.fakes import LogRecord

AT = datetime(2026, 3, 2, 4, tzinfo=UTC)
AS_OF = AT + timedelta(days=30)
FIRST = replace(GBP, effective_on=date(2026, 1, 1))
LAX = policy("wholesale-gbp", version=2, ladder=tuple(replace(rung, enter=300, hold=300) for rung in GBP.ladder))


def fact(data: Fact, subject: str, minutes: int = 0) -> Event:
    at = AT + timedelta(minutes=minutes)
    name = NAMES[type(data)]
    return event_of(data, at, name=f"{name}-{subject}-{minutes}", subject=subject)


def bought(customer: str, pounds: str, minutes: int = 0, currency: str = "GBP") -> Event:
    return fact(PurchaseRecorded(purchase_id=f"p{minutes}", amount=pounds, currency=currency), customer, minutes)


def registered(rep: str, role: str, fte: str = "1", **more: Any) -> Event:
    data = {"role": role, "fte": fte, "active_from": "2026-01-01", **more}
    return fact(RepresentativeRegistered.model_validate(data), rep)


def log_of(events: Sequence[Event], policies: Policies) -> list[LogRecord]:
    """One partition as tiering leaves it, each customer's decisions after its facts."""
    by_key: dict[str, list[Event]] = {}
    for event in events:
        kind = "representative" if isinstance(event.data, RepresentativeRegistered) else "customer"
        by_key.setdefault(f"{kind}:{event.subject}", []).append(event)
    records: list[LogRecord] = []
    for key, facts in by_key.items():
        for event in decided(facts, policies) if key.startswith("customer:") else facts:
            position = Position(1, 0, len(records)) if isinstance(event.data, Fact) else None
            value, headers = encode(event, position)
            timestamp = int(event.recorded_at.timestamp() * 1000)
            records.append(LogRecord(0, len(records), timestamp, key.encode(), value, headers))
    return records


async def trial(
    partitions: Sequence[Sequence[Record]], adopted: Policies, tried: Policies, *, near: int = 1000
) -> tuple[Tally, Moves, int]:
    async def read(records: Sequence[Record]) -> AsyncIterator[Sequence[Record]]:
        for begin in range(0, len(records), 3):
            yield records[begin : begin + 3]

    moves, seen = Moves(), list[int]()
    question = Question(adopted, tried, SHANGHAI, AS_OF, near)
    tally = await run_trial(question, [partial(read, one) for one in partitions], moves, seen.append)
    return tally, moves, sum(seen)


CUSTOMERS = [bought(f"c{n}", f"{amount}.00") for n, amount in enumerate((500, 5_000, 30_000, 300, 90_000))]
STAFF = [registered("r1", "account_manager"), registered("r2", "product_manager", "0.5"), registered("r3", "executive")]


async def test_who_would_move_and_how_much_they_bought() -> None:
    tally, moves, _ = await trial([log_of([*CUSTOMERS, *STAFF], (FIRST,))], (FIRST,), (LAX,))
    assert tally.customers == 5
    assert dict(tally.before) == {1: 2, 2: 1, 3: 1, 4: 1}
    assert dict(tally.after) == {1: 2, 4: 3}
    assert sorted((one.customer, one.from_tier, one.to_tier, one.net_365d) for one in moves) == [
        ("c1", "priority", "strategic", "5000.00"),
        ("c2", "partner", "strategic", "30000.00"),
    ]
    said = summary(tally, FIRST, LAX, "2026-04-01")
    assert said["matrix"][0] == {"from": "partner", "to": "strategic", "customers": 1, "net_365d": "30000.00"}
    assert (said["moved"], said["currency"], said["unreadable"]) == (2, "GBP", 0)


async def test_what_it_would_cost_in_visits_against_what_the_roster_can_do() -> None:
    tally, _, _ = await trial([log_of([*CUSTOMERS, *STAFF], (FIRST,))], (FIRST,), (LAX,))
    week = visits(tally, FIRST, LAX)
    # 2 general, a priority, a partner and a strategic one; then 2 general and 3 strategic ones
    assert week.before == 2 * Fraction(7, 90) + Fraction(7, 30) + Fraction(7, 14) + 1
    assert week.after == 2 * Fraction(7, 90) + 3
    assert (tally.representatives, tally.fte, week.capacity) == (2, Fraction(3, 2), Fraction(15, 2))
    assert week.short == 0


async def test_only_those_in_service_on_the_day_count_for_the_roster() -> None:
    staff = [
        registered("r1", "account_manager", active_from="2026-05-01"),
        registered("r2", "account_manager", active_until="2026-03-31"),
        registered("r3", "account_manager", active_until="2026-04-01"),
    ]
    tally, _, _ = await trial([log_of(staff, (FIRST,))], (FIRST,), (LAX,))
    assert (tally.representatives, tally.customers) == (1, 0)


async def test_more_customers_than_there_is_room_for_come_to_the_same() -> None:
    events = [bought(f"c{n % 40}", f"{100 + n * 37}.00", minutes=n) for n in range(400)]
    rows = log_of(events, (FIRST,))
    mixed = sorted(rows, key=lambda record: record.timestamp)  # the customers by turns
    for offset, record in enumerate(mixed):
        if any(name == "position" for name, _ in record.headers):
            record.headers[-1] = ("position", b"1/0/%d/0" % offset)
    plenty, all_moves, seen = await trial([mixed], (FIRST,), (LAX,))
    scarce, same_moves, _ = await trial([mixed], (FIRST,), (LAX,), near=5)
    assert plenty.customers == 40
    assert seen == len(mixed)
    assert (scarce, sorted(same_moves)) == (plenty, sorted(all_moves))


async def test_partitions_add_up() -> None:
    rows = [log_of([one], (FIRST,)) for one in CUSTOMERS]
    apart, _, _ = await trial(rows, (FIRST,), (LAX,))
    together, _, _ = await trial([log_of(CUSTOMERS, (FIRST,))], (FIRST,), (LAX,))
    assert (apart.moved, apart.net_moved, apart.largest) == (
        together.moved,
        together.net_moved,
        sorted(together.largest, reverse=True),
    )


async def test_records_that_were_appended_twice_are_folded_once() -> None:
    rows = log_of([bought("c0", "5000.00")], (FIRST,))
    once, _, _ = await trial([rows], (FIRST,), (LAX,))
    twice, moves, _ = await trial([[*rows, *rows, *rows]], (FIRST,), (LAX,))
    assert twice == once
    assert [one.net_365d for one in moves] == ["5000.00"]


async def test_a_customer_whose_record_cannot_be_folded_is_left_out_and_told_of() -> None:
    rows = log_of([bought("c0", "500.00"), bought("c1", "500.00")], (FIRST,))
    broken = [replace(one, value=b"{}") if one.key == b"customer:c1" else one for one in rows]
    tally, _, _ = await trial([broken], (FIRST,), (LAX,))
    assert (tally.customers, tally.unreadable) == (1, 1)
    assert any("1 customers or representatives are left out" in line for line in report.lines(tally, FIRST, LAX))


async def test_a_tier_set_by_hand_does_not_move() -> None:
    data = {"tier": "priority", "reason": "r", "requested_by": "a", "approved_by": "b", "expires_on": "2026-12-31"}
    rows = log_of([bought("c0", "500.00"), fact(TierOverridden.model_validate(data), "c0", 1)], (FIRST,))
    tally, _, _ = await trial([rows], (FIRST,), (LAX,))
    assert (tally.moves, dict(tally.after)) == (0, {2: 1})


async def test_currencies_that_the_policy_tried_cannot_convert_are_named() -> None:
    rows = log_of([bought("c0", "500.00", currency="CNY"), bought("c0", "10.00", 1)], (FIRST,))
    tally, _, _ = await trial([rows], (FIRST,), (LAX,))
    assert dict(tally.unconverted) == {"CNY": 1}
    assert any("no exchange rate in the policy: CNY (1 customers)" in line for line in report.lines(tally, FIRST, LAX))


async def test_waiting_for_approval_is_counted() -> None:
    pounds = replace(CNY, base_currency="GBP", rates={}, version=7)
    free = tuple(replace(rung, enter=10, hold=10, gates=()) for rung in pounds.ladder)
    tally, moves, _ = await trial([log_of(CUSTOMERS, (FIRST,))], (FIRST,), (replace(pounds, ladder=free),))
    assert tally.awaiting == 5
    assert {one.to_tier for one in moves} == {"partner"}
    assert all(one.awaits for one in moves)


async def test_a_spreadsheet_gets_all_moves_and_takes_none_for_a_formula(tmp_path: Path) -> None:
    rows = log_of([bought("=cmd|'x'", "5000.00"), bought("-1", "6000.00")], (FIRST,))
    _, moves, _ = await trial([rows], (FIRST,), (LAX,))
    report.write_csv(tmp_path / "moves.csv", moves)
    with (tmp_path / "moves.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [(one["customer"], one["from_tier"], one["net_365d"]) for one in found] == [
        ("'=cmd|'x'", "priority", "5000.00"),
        ("-1", "priority", "6000.00"),
    ]
    assert found[0].keys() >= {"to_tier", "score", "new_score", "currency", "account_manager", "awaits"}


async def test_machines_get_one_document(tmp_path: Path) -> None:
    tally, moves, _ = await trial([log_of(CUSTOMERS, (FIRST,))], (FIRST,), (LAX,))
    document = json.loads("".join(json_parts(summary(tally, FIRST, LAX, "2026-04-01"), moves)))
    assert [one["customer"] for one in document["moves"]] == ["c1", "c2"]
    assert document["visits_per_week"]["asked_after"] == "3.16"
    assert document["tiers"][0] == {"tier": "strategic", "before": 1, "after": 3}
    nobody = json.loads("".join(json_parts(summary(Tally(), FIRST, LAX, "2026-04-01"), [])))
    assert nobody["moves"] == []
