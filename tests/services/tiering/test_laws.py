"""Laws of tiering for histories at random (tests.generate): all fact types, late, amended, voided, refunded, crossing.

How many: HYPOTHESIS_PROFILE (tests/conftest.py). That every history also equals a brute-force oracle: tests/laws.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import bson
from hypothesis import given, settings
from hypothesis import strategies as st

from services.tiering.domain import Tiering
from shared.events.event import Event
from shared.events.registry import REVIEWED
from shared.fold.entity import new_entity
from tests.generate import PURCHASING, histories
from tests.laws.drive import KEY, Driven, begin, events
from tests.oracle.facts import Logged
from tests.services.tiering.given import CNY, SHANGHAI, Given, Said, policy, pounds, purchase, refund, voided
from tests.services.tiering.given import given as told

STRICTER = policy("default-cny", version=2, effective_on=date(2025, 2, 1), unknown=200)
POLICIES = (CNY, STRICTER)
History = tuple[list[Logged], datetime]
PURCHASES = st.lists(
    st.tuples(
        st.integers(0, 900),
        st.integers(1, 10**7),
        st.sampled_from(("CNY", "USD", "CHF")),
        st.sampled_from((None, "0.2", "-0.1")),
    ),
    min_size=1,
    max_size=12,
)


def domain() -> Tiering:
    return Tiering(POLICIES, SHANGHAI)


def driven(log: Sequence[Event], as_of: datetime, *, reload: bool = False) -> Driven[Any, Any]:
    one = domain()
    run = begin(one, reload=reload)
    for event in log:
        if event.type in one.folds:
            run.fold(event)
    run.review(as_of)
    return run


def folded(log: Sequence[Logged]) -> list[Event]:
    return [event for event in events(log) if event.type in domain().folds]


def is_same(one: Driven[Any, Any], other: Driven[Any, Any]) -> bool:
    return one.decisions == other.decisions and one.document() == other.document()


@given(histories(), st.data())
def test_reviews_put_in_anywhere_in_any_number_change_nothing(history: History, data: st.DataObject) -> None:
    log, as_of = history
    facts = [event for event in folded(log) if event.type != REVIEWED]
    plain = driven(facts, as_of)
    one = domain()
    run = begin(one)
    for event, gap in zip(facts, [*(f.clock for f in facts), as_of][1:], strict=True):
        run.fold(event)
        for share in data.draw(st.lists(st.floats(0, 1), max_size=3)):
            run.review(event.clock + max(timedelta(0), gap - event.clock) * share)
    run.review(as_of)
    assert is_same(run, plain)


@given(histories())
def test_storing_and_loading_before_every_record_changes_nothing(history: History) -> None:
    log, as_of = history
    assert is_same(driven(folded(log), as_of, reload=True), driven(folded(log), as_of))


@given(histories())
def test_documents_made_on_the_way_change_nothing(history: History) -> None:
    """A kept state remembers what it was stored as."""
    log, as_of = history
    one = domain()
    run = Driven(one, new_entity(one, KEY))
    for event in folded(log):
        run.fold(event)
        document = run.document()
        assert document == run.domain.document(*run.domain.load(KEY, document))
    run.review(as_of)
    assert is_same(run, driven(folded(log), as_of))


@given(histories())
def test_a_fold_that_never_decides_gives_the_same_state(history: History) -> None:
    log, as_of = history
    facts = folded(log)
    deciding = driven(facts, as_of)
    one = domain()
    state, _ = one.initial(KEY)
    for event in facts:
        one.advance(state, event.clock)
        state = one.evolve(state, event)
    one.advance(state, as_of)
    assert one.document(state, deciding.standing) == deciding.document()


@given(histories())
def test_deciding_again_without_news_gives_nothing(history: History) -> None:
    log, as_of = history
    run = driven(folded(log), as_of)
    run.state.forget()
    assert not run.domain.decide(run.state, run.standing, None)


@given(histories())
def test_the_document_is_made_of_what_mongodb_takes(history: History) -> None:
    log, as_of = history
    document = driven(folded(log), as_of).document()
    stored: dict[str, Any] = bson.decode(bson.encode(document), bson.CodecOptions(tz_aware=True))
    assert {name: stored[name] for name in document if name.startswith("fold")} == {
        name: value for name, value in document.items() if name.startswith("fold")
    }
    assert all(isinstance(value, str) for name, value in document.items() if name.startswith("fold"))


@given(histories(PURCHASING))
def test_no_fall_by_score_without_a_score_below_hold(history: History) -> None:
    holds = {policy.version: {rung.rank: rung.hold for rung in policy.ladder} for policy in POLICIES}
    log, as_of = history
    ranks = ("potential", "general", "priority", "partner", "strategic")
    for change in driven(folded(log), as_of).decisions:
        one: Any = change
        if getattr(one, "cause", "") == "score" and ranks.index(one.to_tier) < ranks.index(one.from_tier):
            assert float(one.score) * 10 < holds[one.policy_version][ranks.index(one.from_tier)]


def buys(rows: list[tuple[int, int, str, str | None]]) -> list[Said]:
    first = date(2024, 1, 1)
    return [
        purchase(
            f"{cents / 100:.2f}",
            (first + timedelta(days)).isoformat(),
            currency=currency,
            margin=margin,
            recorded_on="2026-07-01",
            id=f"p{n}",
        )
        for n, (days, cents, currency, margin) in enumerate(rows)
    ]


def money(one: Given) -> dict[str, Any]:
    """All that is stored of purchases."""
    return {name: text for name, text in one.row.items() if name.startswith("fold") and name != "fold:standing"}


def sums(facts: Sequence[Said]) -> dict[str, Any]:
    row = told(*facts, "2026-07-02").row
    return {name: row.get(name) for name in ("score", "factors", "net_730d", "net_90d", "first_purchase_on", "flags")}


@given(PURCHASES, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_amounts_in_any_order_give_the_same_sums(rows: list[Any], random: Any) -> None:
    facts = buys(rows)
    shuffled = random.sample(facts, len(facts))
    assert sums(shuffled) == sums(facts)
    assert money(told(*shuffled)) == money(told(*facts))


@given(PURCHASES, PURCHASES)
@settings(max_examples=50)
def test_a_purchase_and_its_void_leave_no_trace(kept: list[Any], gone: list[Any]) -> None:
    facts, mistakes = buys(kept), buys(gone)
    voids = [voided(one, "2026-07-01") for one in mistakes]
    one, plain = told(*facts, *mistakes, *voids, "2026-07-02"), told(*facts, "2026-07-02")
    assert money(one) == money(plain)
    assert one.domain.next_due(one.entity.state, plain.entity.standing) == plain.domain.next_due(
        plain.entity.state, plain.entity.standing
    )


@given(PURCHASES, st.integers(0, 900), st.integers(1, 10**7))
@settings(max_examples=50)
def test_a_purchase_and_its_full_refund_on_that_day_leave_no_trace_in_net(
    rows: list[Any], days: int, cents: int
) -> None:
    on = (date(2024, 1, 1) + timedelta(days)).isoformat()
    amount = f"{cents / 100:.2f}"
    both = [
        purchase(amount, on, recorded_on="2026-07-01"),
        refund(amount, "2026-07-01", purchased_on=on),
    ]
    with_both, plain = told(*buys(rows), *both, "2026-07-02").row, told(*buys(rows), "2026-07-02").row
    nets = ("net_90d", "net_365d", "net_730d")
    assert [with_both[name] for name in nets] == [plain[name] for name in nets]


@given(st.integers(730, 760), st.integers(1, 10**7))
@settings(max_examples=20)
def test_no_purchase_outside_every_window_changes_a_sum(age: int, cents: int) -> None:
    today = date(2026, 7, 1)
    late = pounds(f"{cents / 100:.2f}", (today - timedelta(age)).isoformat(), recorded_on="2026-07-01")
    recent = pounds("500", "2026-06-01")
    one, plain = (told(*some, policies=(policy("wholesale-gbp"),)) for some in ([recent, late], [recent]))
    assert one.row["net_730d"] == "500.00"
    assert (one.stored["fold"]["b"], one.row["fold:GBP:180"]) == (plain.stored["fold"]["b"], plain.row["fold:GBP:180"])
