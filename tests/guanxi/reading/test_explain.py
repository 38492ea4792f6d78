"""`guanxi explain` tells a person the class, since when, why, and what would change it."""

from dataclasses import replace

from rich.cells import cell_len

from guanxi.reading.explain import explain, explain_on
from services.tiering.questions import as_of_day
from tests.guanxi.reading.documents import changed, customer, engaged
from tests.services.tiering.given import CNY, GBP

HISTORY = [
    changed(1, "2025-12-03", "potential", "general", cause="first_purchase", score="6.0"),
    changed(2, "2026-01-02", "general", "priority"),
    changed(3, "2026-03-12", "priority", "partner"),
]


def test_it_says_the_tier_since_when_and_because_of_what() -> None:
    text = explain(customer(), HISTORY, engaged())
    assert "C-0042  华芯科技, China" in text
    assert "priority since 2026-03-12, because of the score" in text


def test_it_shows_what_each_factor_adds_to_the_score() -> None:
    lines = explain(customer(), HISTORY, engaged()).splitlines()
    volume = next(line for line in lines if "12,500.00 GBP" in line and "volume" in line)
    growth = next(line for line in lines if line.strip().startswith("growth"))
    assert volume.split()[-3:] == ["6.32", "80", "50.6"]
    assert growth.split() == ["growth", "unknown", "3.00", "20", "6.0"]


def test_it_says_what_would_change_the_tier_and_as_of_when() -> None:
    text = explain(customer(), HISTORY, engaged())
    assert "buying 4,000.00 GBP more (net) would lift it to partner" in text
    assert "without new events it falls below priority on 2027-01-02" in text
    assert "as of 2026-03-12" in text


def test_it_says_what_is_in_the_way_when_no_purchase_helps() -> None:
    text = explain(customer(changes={"purchase": None, "blocked_by": ["strategic_fit", "payment"]}), [], None)
    assert "no purchase alone lifts it; blocked by: strategic fit and payment" in text


def test_it_shows_the_contact_and_the_last_answer() -> None:
    text = explain(customer(), HISTORY, engaged())
    assert "lapsed: due 2026-10-31, last 2026-10-01, every 30 days" in text
    assert "agreed on 2026-10-01: 双方同意下季度增加采购" in text
    assert "nps 9, expected 8 on 2026-09-01" in text


def test_a_customer_never_met_and_below_general_is_owed_nothing() -> None:
    row = customer(tier="potential", computed_tier="potential", entitled_tier="potential", entitlements=None)
    text = explain(row, [], engaged(status=None, due_on=None, cadence_days=None, adherence=None, ever_met=False))
    assert "never met; no cadence below general" in text
    assert "nothing: entitlements begin with general" in text


def test_a_frozen_customer_says_so_first() -> None:
    assert "INCOMPLETE" in explain(customer(incomplete_since="1/3/77"), HISTORY, None).splitlines()[1]


def test_grace_override_and_proposal_are_told() -> None:
    row = customer(
        entitled_tier="partner", entitled_until="2026-12-20", overridden_until="2027-01-31", proposed_tier="strategic"
    )
    text = explain(row, HISTORY, engaged())
    assert "as partner until 2026-12-20" in text
    assert "set by hand until 2027-01-31" in text
    assert "proposed: strategic, awaiting approval" in text


def test_it_keeps_to_a_hundred_columns() -> None:
    row = customer(name="广州锦绣礼品有限公司", at_risk=True, net_365d="1234567890.12", net_90d="-1234567890.12")
    text = explain(row, HISTORY * 9, engaged(), {"AM01": "吴伟"})
    assert max(map(cell_len, text.splitlines())) <= 100


def test_a_long_history_is_cut_and_says_so() -> None:
    assert "(15 earlier versions left out)" in explain(customer(), HISTORY * 9, None)


def test_on_a_day_the_last_change_by_then_explains_itself() -> None:
    text = explain_on(customer(), as_of_day(HISTORY, "2026-02-01"))
    assert "priority on 2026-02-01, since 2026-01-02" in text
    assert "before that general" in text
    assert "7,500.00 GBP" in text


def test_on_the_day_of_a_change_it_holds_already() -> None:
    assert "partner on 2026-03-12" in explain_on(customer(), as_of_day(HISTORY, "2026-03-12"))


def test_before_the_first_decision_a_customer_is_potential() -> None:
    assert "potential on 2025-12-02: no decision" in explain_on(customer(), as_of_day(HISTORY, "2025-12-02"))


def test_a_proposal_is_part_of_the_history() -> None:
    proposal = {
        "version": 4,
        "kind": "proposed",
        "effective_on": "2026-04-01",
        "proposed_tier": "strategic",
        "score": "81.0",
    }
    assert "strategic proposed, score 81.0" in explain(customer(), [*HISTORY, proposal], None)


def test_what_would_change_it_is_told_as_of_now_where_that_was_asked() -> None:
    now = {"purchase": {"amount": "5.00", "currency": "GBP", "tier": "partner"}, "as_of": "2026-11-22"}
    text = explain(customer(), HISTORY, None, changes=now)
    assert "buying 5.00 GBP more (net) would lift it to partner" in text
    assert "(as of 2026-11-22)" in text
    assert "2026-03-12)" not in text


def test_on_a_day_of_grace_the_entitlements_of_the_tier_left_are_told() -> None:
    graces = [{"tier": "strategic", "until": "2026-04-10"}, {"tier": "partner", "until": "2026-05-01"}]
    left = changed(4, "2026-04-01", "partner", "priority", graces=graces, policy="wholesale-gbp")
    days = {"2026-04-10": "strategic", "2026-04-11": "partner", "2026-05-01": "partner", "2026-05-02": "priority"}
    assert {day: as_of_day([*HISTORY, left], day)["entitled_tier"] for day in days} == days
    held = as_of_day([*HISTORY, left], "2026-04-20", {("wholesale-gbp", 1): GBP})
    assert (held["entitled_until"], held["entitlements"]["cadence_days"]) == ("2026-05-01", 14)
    assert "as partner until 2026-05-01" in explain_on(customer(), held)


def test_under_an_override_a_day_shows_since_when_the_tier_shown_holds() -> None:
    by_hand = changed(4, "2026-04-01", "partner", "strategic", cause="override", computed_tier="partner")
    shadow = changed(5, "2026-06-01", "strategic", "strategic", computed_tier="priority")
    held = as_of_day([*HISTORY, by_hand, shadow], "2026-07-01")
    assert (held["since"], held["before"], held["cause"]) == ("2026-04-01", "partner", "override")
    assert "by score it would have been priority" in explain_on(customer(), held)


def test_of_several_versions_on_a_day_the_last_is_what_held() -> None:
    twice = [changed(4, "2026-04-01", "partner", "general"), changed(5, "2026-04-01", "general", "strategic")]
    assert as_of_day([*HISTORY, *twice], "2026-04-01")["tier"] == "strategic"


def test_money_of_a_past_day_is_in_the_currency_of_the_policy_of_then() -> None:
    one = changed(1, "2025-12-03", "potential", "general", policy="default-cny", policy_version=3)
    held = as_of_day([one], "2026-01-01", {("default-cny", 3): replace(CNY, version=3)})
    assert "7,500.00 CNY" in explain_on(customer(), held)
