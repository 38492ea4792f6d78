"""Policies: which one decides, and what a file that is wrong gets told."""

from datetime import date
from fractions import Fraction

import pytest

from services.tiering.policy_file import read_policy
from services.tiering.policy_warnings import warnings
from services.tiering.rules.lines import line, log_steps
from shared.errors import Malformed
from tests.services.tiering.given import CNY, GBP, POLICY_FILES, given, policy, pounds, tier_changed

TEXT = (POLICY_FILES / "default-cny.yaml").read_text(encoding="utf-8")
LATER = policy("wholesale-gbp", version=2, effective_on=date(2026, 3, 1), unknown=1000)
POLICIES = (policy("wholesale-gbp", effective_on=date(2026, 1, 1)), LATER)


def test_a_new_version_decides_from_its_day_and_is_the_cause() -> None:
    one = given(pounds("4000", "2026-01-10"), policies=POLICIES).when(pounds("1", "2026-05-01"))
    one.then(tier_changed("priority", on="2026-03-01", cause="policy", policy_version=2, set_off_by=None))


def test_before_the_first_version_the_first_decides() -> None:
    given(policies=POLICIES).when(pounds("5000", "2025-12-01")).then(tier_changed("priority", policy_version=1))


def test_what_changes_later_under_a_new_version_is_not_its_doing() -> None:
    given(pounds("500", "2026-01-10"), "2026-03-02", policies=POLICIES).when(pounds("4000", "2026-03-03")).then(
        tier_changed("priority", cause="score", policy_version=2)
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("unknown: 3 ", "unknown: 11 ", "line 18: unknown: 11 is not between 0 and 10"),
        ("    weight: 25", "    weight: 26", "line 20: factors: the weights sum to 101, not to 100"),
        ("      - [1000, 0]", "      - [100000000, 0]", "points must ascend"),
        ("    enter: 65", "    enter: sixty", "line 65: tiers.partner.enter: expected a number, not 'sixty'"),
        ("    hold: 62", "    hold: 66", "line 66: tiers.partner.hold: hold is above enter"),
        ("gates: {payment: 2}", "gates: {paiment: 2}", "line 71: tiers.priority.gates.paiment: unknown; known are"),
        ("  USD: 7.10", "  USX: 7.10", "line 12: rates.USX: 'USX' is not an ISO 4217 code"),
        ("  USD: 7.10", "  USD: nan", "line 12: rates.USD: nan is not between"),
        ("base_currency: CNY", "", "base_currency: is missing"),
        ("version: 1", "version: 1.5", "line 7: version: 1.5 has more than 0 decimals"),
        ("effective_on: 2000-01-01", "effective_on: soon", "line 8: effective_on: expected a day such as"),
        ("    approval: true ", "    approval: maybe ", "line 63: tiers.strategic.approval: expected true or false"),
        (
            "    cadence_days: 14",
            "    cadence_days: 0",
            "line 82: entitlements.partner.cadence_days: expected a whole number",
        ),
        ("unknown: 3 ", "unknown: 3\nunknown: 4 ", "line 19: 'unknown' is repeated"),
        ("factors:  ", "factors: [  ", "not YAML"),
        ("name: default-cny", "name: default-cny\nnaem: x", "line 7: naem: unknown; known are"),
    ],
)
def test_an_error_names_file_line_and_reason(old: str, new: str, told: str) -> None:
    assert TEXT.count(old) >= 1
    with pytest.raises(Malformed) as error:
        read_policy(TEXT.replace(old, new, 1), "mine.yaml")
    first = str(error.value).splitlines()[0]
    assert first.startswith("mine.yaml, line ")
    assert told in first


def test_all_errors_are_told_at_once() -> None:
    with pytest.raises(Malformed) as error:
        read_policy(TEXT.replace("hold: 62", "hold: 66").replace("unknown: 3 ", "unknown: -1 "), "mine.yaml")
    assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize("text", ["", "- a list", "just text", "a: [1", "\x00"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match=r"mine\.yaml"):
        read_policy(text, "mine.yaml")


def test_the_policies_that_come_with_it_need_no_warning() -> None:
    assert warnings(CNY) == warnings(GBP) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    hold: 62", "    hold: 65", "partner: hold equals enter"),
        ("    enter: 45", "    enter: 70", "priority: its enter score is not below partner's"),
        ("gates: {payment: 2}", "gates: {payment: 4.5}", "priority: its gate on payment is above partner's"),
    ],
)
def test_warnings_name_what_is_probably_not_meant(old: str, new: str, told: str) -> None:
    assert any(one.startswith(told) for one in warnings(read_policy(TEXT.replace(old, new, 1), "mine.yaml")))


def test_a_gate_that_no_one_can_pass_is_warned_of() -> None:
    text = (POLICY_FILES / "wholesale-gbp.yaml").read_text(encoding="utf-8")
    gated = text.replace("    hold: 42", "    hold: 42\n    gates: {payment: 4}")
    assert "no one can pass" in " ".join(warnings(read_policy(gated, "mine.yaml")))


def test_points_round_half_even_at_exact_ties() -> None:
    ties = line(((Fraction(0), 0), (Fraction(1), 1)))  # a hundredth per unit
    assert [ties.points(n, 2) for n in (0, 1, 2)] == [0, 0, 1]
    odd = line(((Fraction(0), 1), (Fraction(1), 2)))
    assert odd.points(1, 2) == 2


def test_steps_of_a_logarithm_are_exact_at_powers_of_ten_and_at_ties() -> None:
    steps = CNY.volume_steps
    unit = CNY.unit
    exact = {1_000: 0, 10_000: 200, 100_000: 400, 1_000_000: 600, 10_000_000: 800, 100_000_000: 1000, 10**12: 1000}
    assert {x: steps.points(x * unit) for x in exact} == exact
    assert steps.points(-5) == steps.points(0) == 0
    # From 1 to 100 over one hundredth the tie lies at 10 exactly: it goes to the even one.
    assert [log_steps(((1, 0), (100, 1))).points(x) for x in (9, 10, 11)] == [0, 0, 1]
    assert [log_steps(((1, 1), (100, 2))).points(x) for x in (9, 10, 11)] == [1, 2, 2]
