"""The oracle of engagement on cases that a hand can follow."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.oracle.engagement import Lapsed, Outcome, Resumed, TierChange, due_day, engagement
from tests.oracle.facts import Fact, Logged, standing
from tests.oracle.rep_weeks import Calendar, Customer, Week, rep_week
from tests.oracle.wire import event, logged

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 1, 5, 4, tzinfo=UTC)  # a Monday


def on(days: int) -> datetime:
    return START + timedelta(days)


def tier(days: int, to: str, version: int = 1) -> Logged:
    data: dict[str, Any] = {"version": version, "effective_on": on(days).date().isoformat(), "to": to}
    return logged(event("tier.changed", on(days), event_id=f"t{version}", **data))


def visit(days: int, number: int = 0, **data: Any) -> Logged:
    filled: dict[str, Any] = {
        "visit_id": f"v{days}-{number}",
        "kind": "routine",
        "channel": "onsite",
        "participants": [{"rep_id": "R-1", "role": "account_manager"}],
        "attendees": [{"department": "采购"}],
        "consensus": "yes",
    } | data
    return logged(event("visit.logged", on(days), event_id=f"e{days}-{number}", **filled))


def reads(*log: Logged, days: int) -> Outcome:
    return engagement(log, ZONE, on(days))


def test_the_adherence_of_the_design() -> None:
    outcome = reads(tier(-400, "priority"), visit(1), visit(2), visit(3), days=90)
    assert outcome.adherence == Fraction(32, 90)


def test_without_a_visit_the_first_day_with_a_cadence_counts() -> None:
    outcome = reads(visit(-300), tier(0, "general"), days=89)
    assert (outcome.contact.status, outcome.contact.due_on) == ("due_soon", on(90).date())
    assert reads(visit(-300), tier(0, "general"), days=90).decisions == [Lapsed(on(90).date(), on(90).date())]


def test_a_visit_resumes_a_lapsed_contact() -> None:
    outcome = reads(visit(0), tier(0, "priority"), visit(31), days=40)
    lapsed_on = on(30).date()
    assert outcome.decisions == [Lapsed(lapsed_on, lapsed_on), Resumed(on(31).date(), "contact", lapsed_on)]
    assert outcome.contact.status == "on_track"


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ([(-9, "general")], 90),
        ([(-9, "general"), (10, "priority")], 40),
        ([(-9, "general"), (80, "priority")], 90),
        ([(-9, "priority"), (10, "general")], 90),
        ([(-9, "priority"), (10, "general"), (20, "partner")], 34),
        ([(-9, "priority"), (10, "potential")], None),
    ],
)
def test_tier_changes_move_the_due_day(changes: list[tuple[int, str]], due: int | None) -> None:
    tiers = [TierChange(n, on(days).date(), to) for n, (days, to) in enumerate(changes, start=1)]
    first = min(change.on for change in tiers)
    assert due_day(tiers, on(0).date(), first) == (None if due is None else on(due).date())


def rep(**data: Any) -> list[Fact]:
    filled: dict[str, Any] = {"role": "account_manager", "fte": "1", "active_from": "2025-01-01"} | data
    registered = event("representative.registered", on(-9), event_id="r", subject="R-1", **filled)
    return standing([logged(registered)], ZONE)


def week(customers: dict[str, list[Logged]], own: list[Fact] | None = None) -> Week:
    general = [TierChange(1, date(2025, 1, 1), "general")]
    known = {name: Customer(standing(log, ZONE), general) for name, log in customers.items()}
    row = rep_week("R-1", START.date(), known, {"R-1": own or rep()}, Calendar(), on(6).date())
    assert row is not None
    return row


def test_five_different_general_customers_meet_the_target() -> None:
    row = week({f"C-{n}": [visit(n)] for n in range(5)})
    assert (len(row.counted), row.target, row.exempt) == (5, 5, False)


def test_the_seventh_customer_of_a_day_is_over_the_cap_and_the_same_one_again_a_repeat() -> None:
    row = week({f"C-{n}": [visit(0, n), visit(1, n)] for n in range(7)})
    assert row.uncounted["v0-6"] == "over_cap"
    assert len(row.counted) == 6
    assert sorted(row.uncounted.values()) == ["over_cap", "over_cap", *["repeat"] * 6]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"kind": "exhibition", "channel": "phone"}, "exhibition"),
        ({"channel": "phone", "attendees": []}, "channel"),
        ({"attendees": [], "consensus": ""}, "no_attendee"),
        ({"consensus": None}, "no_outcome"),
        ({"participants": [{"rep_id": "R-1", "role": "engineer"}]}, "other_role"),
        ({"participants": [{"rep_id": r, "role": "account_manager"} for r in ("R-0", "R-1")]}, "joint"),
    ],
)
def test_why_a_visit_does_not_count(data: dict[str, Any], reason: str) -> None:
    assert week({"C-1": [visit(2, **data)]}).uncounted == {"v2-0": reason}


def test_who_left_before_or_begins_later_has_no_row() -> None:
    monday = START.date()
    for registered in (rep(active_until="2025-12-31"), rep(active_from="2026-12-31")):
        assert rep_week("R-1", monday, {}, {"R-1": registered}, Calendar(), monday) is None


def test_who_joins_in_mid_week_is_asked_for_the_days_worked() -> None:
    assert week({}, rep(active_from=on(2).date().isoformat())).target == 3


def test_half_a_working_time_rounds_half_up() -> None:
    assert week({}, rep(fte="0.5")).target == 3
