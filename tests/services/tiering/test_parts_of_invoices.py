"""Payments in part and credits (domain.md, Payment parts and credits)."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from services.tiering.rules.invoices import MAX_PARTS
from services.tiering.rules.standing import Standing
from services.tiering.stored import INVOICES, dump, load
from shared.events import facts
from shared.facts.days import Days
from tests.services.tiering.given import (
    SHANGHAI,
    Given,
    Said,
    amended,
    day,
    given,
    invoice,
    paid,
    purchase,
    said,
    voided,
)

DUE = "2026-01-10"
TODAY = "2026-03-21"
"""70 days after DUE: unpaid 61-90 days, 2 points."""


def part(amount: str, on: str, *, name: str = "w-1", currency: str = "CNY") -> Said:
    data = {"invoice_id": "i", "payment_id": name, "amount": amount, "currency": currency, "paid_on": on}
    return said(facts.InvoicePaid.model_validate(data), on)


def credited(amount: str, on: str, *, name: str = "n-1", currency: str = "CNY") -> Said:
    data = {"invoice_id": "i", "credit_id": name, "amount": amount, "currency": currency, "credited_on": on}
    return said(facts.InvoiceCredited.model_validate(data), on)


def due(*news: Said, today: str = TODAY) -> Given:
    """Plenty bought, so that the cap of what is unpaid does not show; an invoice of 100,000 due on DUE."""
    before = [purchase("10000000", "2026-01-02"), invoice("100000", "2026-01-05", due_on=DUE)]
    return given(*before, *sorted(news, key=lambda one: one.recorded_on), today)


def test_half_paid_on_time_and_half_70_days_late() -> None:
    assert due(part("50000.00", DUE)).factor("payment") == 6.0


def test_a_second_payment_pays_the_rest() -> None:
    assert due(part("50000.00", DUE), part("50000.00", "2026-02-09", name="w-2")).factor("payment") == 8.5


@pytest.mark.parametrize(
    ("news", "points"),
    [
        ([part("30000.00", DUE)], 4.4),
        ([part("130000.00", DUE)], 10.0),
        ([part("60000.00", "2026-02-20", name="w-2"), part("60000.00", DUE)], 7.6),
        ([part("30000.00", DUE), paid("2026-02-20")], 5.8),
        ([paid("2026-02-20"), part("30000.00", "2026-03-01", name="w-2")], 4.0),
        ([part("30000.00", DUE), part("30000.00", DUE, name="w-2", currency="USD")], 4.4),
        ([credited("50000.00", "2026-02-01"), part("50000.00", DUE)], 10.0),
        ([part("60000.00", DUE), part("40000.00", "2026-02-20", name="w-2"), credited("40000.00", "2026-03-01")], 10.0),
        ([part("60000.00", DUE), part("40000.00", "2026-02-20", name="w-2"), credited("70000.00", "2026-03-01")], 10.0),
        ([paid(DUE), credited("40000.00", "2026-03-01")], 10.0),
        ([credited("100000.00", "2026-03-01")], "unknown"),
        ([credited("60000.00", "2026-02-01"), credited("60000.00", "2026-02-02", name="n-2")], "unknown"),
    ],
)  # fmt: skip
def test_each_part_has_the_points_of_its_own_day(news: list[Said], points: float) -> None:
    assert due(*news).factor("payment") == points


def test_what_is_in_another_currency_is_flagged_and_not_counted() -> None:
    assert due(part("30000.00", DUE, currency="USD")).row["flags"] == {"uncounted": ["i"]}
    assert "flags" not in due(part("30000.00", DUE)).row


def test_of_an_invoice_due_over_a_year_ago_only_the_unpaid_rest_counts() -> None:
    news = [part("60000.00", DUE), purchase("10000000", "2026-12-01")]
    assert due(*news, today="2027-01-10").factor("payment") == 0.0
    assert due(*news, paid("2027-01-09"), today="2027-01-10").factor("payment") == "unknown"


def test_every_day_of_a_part_or_credit_is_a_due_day() -> None:
    """What was said ahead counts on its day, though nothing comes then."""
    ahead = replace(part("100000.00", "2026-03-25"), recorded_on=day("2026-03-01"))
    customer = due(ahead)
    assert customer.factor("payment") == 2.0
    assert customer.when("2026-03-25").factor("payment") == 2.0
    early = replace(credited("90000.00", "2026-03-25"), recorded_on=day("2026-03-01"))
    assert due(early, part("10000.00", DUE)).when("2026-03-25").factor("payment") == 10.0


def test_amending_and_voiding_a_part() -> None:
    first = part("50000.00", DUE)
    assert due(first, amended(first, "2026-03-02", amount="30000.00")).factor("payment") == 4.4
    void = voided(first, "2026-03-02", "payment_part", "w-1")
    gone = replace(void, fact=void.fact.model_copy(update={"invoice_id": "i"}))
    assert due(first, gone).factor("payment") == 2.0
    note = credited("50000.00", DUE)
    void = voided(note, "2026-03-02", "credit", "n-1")
    gone = replace(void, fact=void.fact.model_copy(update={"invoice_id": "i"}))
    assert due(note, gone).factor("payment") == 2.0


def test_a_hundred_parts_of_an_invoice_count_and_more_are_flagged() -> None:
    parts = [part("500.00", DUE, name=f"w-{number}") for number in range(MAX_PARTS)]
    assert due(*parts).factor("payment") == 6.0
    assert "flags" not in due(*parts).row
    surplus = due(*parts, part("500.00", DUE, name="more"), credited("500.00", DUE))
    assert surplus.factor("payment") == 6.0
    assert surplus.row["flags"] == {"uncounted": ["i"]}


def test_parts_and_amounts_beyond_64_bits_are_stored() -> None:
    most = "9" * 18
    news = [
        purchase(most, "2026-01-02"),
        invoice(most, "2026-01-05", due_on=DUE),
        invoice(most, "2026-01-05", due_on=DUE, name="plain"),
        part(f"{most}.00", DUE),
        credited("0.01", "2026-02-01"),
        part("1.00", DUE, name="w-2", currency="USD"),
    ]
    customer = given(*news, TODAY)
    fold = dump(customer.entity.state, customer.entity.standing)
    state, _ = load("c", Days(SHANGHAI), fold, customer.entity.state.clock)
    assert state.invoices.pairs == customer.entity.state.invoices.pairs
    assert (state.invoices.sums, state.invoices.uncounted) == (
        customer.entity.state.invoices.sums,
        customer.entity.state.invoices.uncounted,
    )
    assert dump(state, customer.entity.standing) == fold
    assert _largest(fold) < 2**63


def _largest(stored: object) -> int:
    if isinstance(stored, dict):
        stored = list(stored.values())
    if isinstance(stored, list):
        return max(map(_largest, stored), default=0)
    return stored if isinstance(stored, int) else 0


def test_the_form_of_before_is_read() -> None:
    """Without parts an entry has four places, as fold version 2 wrote all."""
    customer = due(paid(DUE))
    entry = ["erp", "i", [2, 10_000_000, "CNY", day(DUE).toordinal()], [1, day(DUE).toordinal()]]
    stored = dump(customer.entity.state, Standing()) | {INVOICES: json.dumps({"x": [entry]})}
    state, _ = load("c", Days(SHANGHAI), stored, customer.entity.state.clock)
    assert state.invoices.sums["CNY"].by_class == [10_000_000, 0, 0, 0, 0]
    later = state.clock
    assert later is not None
    state.advance(later + timedelta(1))


@pytest.mark.parametrize(
    ("news", "today", "overdue"),
    [
        ([], DUE, None),
        ([], "2026-01-11", "100000.00"),
        ([], "2027-06-01", "100000.00"),
        ([part("30000.00", DUE)], TODAY, "70000.00"),
        ([part("30000.00", DUE), credited("20000.00", "2026-02-01")], TODAY, "50000.00"),
        ([paid("2026-02-01")], "2026-01-31", "100000.00"),
        ([paid("2026-02-01")], TODAY, None),
    ],
)
def test_a_row_says_what_is_overdue(news: list[Said], today: str, overdue: str | None) -> None:
    row = due(*[one for one in news if str(one.recorded_on) <= today], today=today).row
    assert row.get("overdue") == overdue
    assert row.get("overdue_order") == (None if overdue is None else int(overdue.replace(".", "")))
