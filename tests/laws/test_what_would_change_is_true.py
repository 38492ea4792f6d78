"""What would change a tier is true, for every history: apply it and the tier changes, apply less and it does not.

How many histories: HYPOTHESIS_PROFILE (tests/conftest.py), half of its examples per law.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import assume, given, settings

from services.tiering.domain import Tiering
from services.tiering.policy import Policies
from services.tiering.rules.changes import would_change
from shared.events.event import LogPosition
from shared.events.facts import AccountRated, Fact, InvoicePaid, PurchaseRecorded
from shared.events.types import TIERS
from shared.fold.entity import load_entity
from tests.events.log import event_of
from tests.generate import PURCHASING, histories
from tests.laws.drive import KEY, Driven, drive
from tests.oracle.facts import Logged
from tests.oracle.wire import CUSTOMER
from tests.services.tiering.given import CNY, GBP, SHANGHAI

EXAMPLES = max(5, settings.default.max_examples // 2) if settings.default else 20
FREE = replace(CNY, ladder=tuple(replace(rung, approval=False) for rung in CNY.ladder))
"""Approval is taken as given by what would change a tier; here it is."""
History = tuple[list[Logged], datetime]
AHEAD_DAYS = 1200


def after(history: History, policies: Policies) -> Driven[Any, Any]:
    """The customer as of the instant."""
    log, as_of = history
    driven = drive(Tiering(policies, SHANGHAI), log)
    driven.review(as_of)
    return driven


def told(driven: Driven[Any, Any]) -> dict[str, Any]:
    return would_change(driven.state, driven.standing, driven.domain.policies)  # type: ignore[attr-defined]


def applied(driven: Driven[Any, Any], *facts: Fact, source: str = "law", revision: int = 1) -> Driven[Any, Any]:
    """A twin of the customer, with facts of the same instant."""
    twin = Driven(driven.domain, load_entity(driven.domain, KEY, driven.entity.document()))
    at = driven.state.clock
    for number, fact in enumerate(facts):
        position = LogPosition(0, 0, number)
        twin.fold(
            event_of(fact, at, name=f"law-{number}", source=source, subject=CUSTOMER, log=position, revision=revision)
        )
    return twin


def computed(driven: Driven[Any, Any]) -> str:
    return str(TIERS[driven.standing.computed])


@given(histories(PURCHASING, currency="GBP"))
@settings(max_examples=EXAMPLES)
def test_the_purchase_told_lifts_the_tier_and_a_minor_unit_less_does_not(history: History) -> None:
    driven = after(history, (GBP,))
    purchase = told(driven)["purchase"]
    assume(purchase is not None)

    def buying(amount: Decimal) -> str:
        data = {"purchase_id": "law", "amount": f"{amount:.2f}", "currency": "GBP"}
        return computed(applied(driven, PurchaseRecorded.model_validate(data)))

    amount = Decimal(purchase["amount"])
    assert buying(amount) == purchase["tier"] != computed(driven)
    if amount > Decimal("0.01"):
        assert TIERS.index(buying(amount - Decimal("0.01"))) <= driven.standing.computed


@given(histories(most=14))
@settings(max_examples=EXAMPLES)
def test_the_rating_told_lifts_the_tier_and_half_a_point_less_does_not(history: History) -> None:
    driven = after(history, (FREE,))
    for name, step in told(driven)["rating"].items():

        def rated(points: Decimal, field: str = name) -> str:
            data = {"rated_by": "ann", "approved_by": "bo", field: str(points)}
            return computed(applied(driven, AccountRated.model_validate(data), source="~"))

        if step is None:
            assert TIERS.index(rated(Decimal(10))) <= driven.standing.computed
            continue
        points = Decimal(step["points"])
        assert rated(points) == step["tier"] != computed(driven)
        less = points - Decimal("0.5")
        if Decimal(step["more"]) > Decimal("0.5"):
            assert TIERS.index(rated(less)) <= driven.standing.computed


@given(histories(most=14))
@settings(max_examples=EXAMPLES)
def test_paying_all_that_is_overdue_leads_to_the_tier_told(history: History) -> None:
    driven = after(history, (FREE,))
    payment, today = told(driven)["payment"], driven.state.today
    unpaid = [
        (source, invoice_id, pair.paid)
        for (source, invoice_id), pair in driven.state.invoices.pairs.items()
        if isinstance(pair.issued.content, tuple) and pair.paid.content is None and pair.issued.content[2] < today
    ]
    paid = driven
    for source, invoice_id, half in unpaid:
        revision = max([0, *half.contents, *half.undone]) + 20
        fact = InvoicePaid(invoice_id=invoice_id, paid_on=date.fromordinal(today))
        paid = applied(paid, fact, source=source, revision=revision)
    if payment is not None:
        assert computed(paid) == payment
    else:
        assert computed(paid) == computed(driven)  # nothing that counts is overdue


@given(histories())
@settings(max_examples=EXAMPLES // 2)
def test_it_falls_on_the_day_told_and_not_before(history: History) -> None:
    check_fall(after(history, (CNY, replace(CNY, version=2, effective_on=date(2025, 3, 1), unknown=250))))


@given(histories(PURCHASING, currency="GBP"))
@settings(max_examples=EXAMPLES)
def test_purchases_alone_fall_on_the_day_told_and_not_before(history: History) -> None:
    check_fall(after(history, (GBP,)))


def check_fall(driven: Driven[Any, Any]) -> None:
    falls_on, rank = told(driven)["falls_on"], driven.standing.rank
    begins = driven.state.days.start
    twin = applied(driven)
    if falls_on is None:
        twin.review(driven.state.clock + timedelta(AHEAD_DAYS))
        assert lowest(twin.decisions, rank) >= rank
        return
    day = date.fromisoformat(falls_on).toordinal()
    twin.review(begins(day) - timedelta(seconds=1))
    assert lowest(twin.decisions, rank) >= rank
    twin.review(begins(day))
    assert twin.standing.rank < rank


def lowest(decisions: Sequence[Any], rank: int) -> int:
    return min([rank, *(TIERS.index(one.to_tier) for one in decisions if hasattr(one, "to_tier"))])
