"""What services fold alike: laws that hold in whichever order facts come, and however the clock moves."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.event import Event, LogPosition
from shared.events.facts import AccountAssigned, Fact, GoalSet
from shared.events.registry import NAMES
from shared.facts import goals
from shared.facts.days import NEVER, Days, iso, to_instant, to_micros
from shared.facts.goals import NO_GOALS
from shared.facts.latest import ALWAYS, NOTHING, Entry, Latest, Order
from shared.facts.owners import NOBODY, OWNING_ROLES, Assignment, Owners, assignment_of

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
ZONES = ("Asia/Shanghai", "Europe/London", "America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia")
orders = st.builds(Order, st.integers(0, 3), st.sampled_from("ab"), st.sampled_from("xy"))
fields = st.dictionaries(st.sampled_from("fgh"), st.none() | st.integers(0, 9), min_size=1)
entries = st.lists(st.builds(Entry, orders, st.integers(1, 9), fields), unique_by=lambda one: one.order, max_size=8)
roles = st.dictionaries(st.sampled_from(OWNING_ROLES), st.none() | st.sampled_from("AB"), min_size=1)
assignments = st.lists(
    st.builds(Assignment, st.integers(1, 9), orders, roles), unique_by=lambda one: (one.from_on, one.order), max_size=8
)


def told(fact: Fact, hours: int = 0, name: str = "e1") -> Event:
    at = AT + timedelta(hours=hours)
    return Event(NAMES[type(fact)], name, "crm", "c", at, fact, at, LogPosition(1, 0, 0))


@given(entries, st.randoms(), st.lists(st.integers(1, 9)).map(sorted), st.integers(9, 12))
def test_of_each_field_the_greatest_order_that_has_begun_wins(
    said: list[Entry], random: Any, clock: list[int], today: int
) -> None:
    """In any order, with the clock in any steps between."""
    shuffled = random.sample(said, len(said))
    latest, now = NOTHING, 1
    for index, entry in enumerate(shuffled):
        now = max(now, clock[index] if index < len(clock) else now)
        latest = latest.settled(now).put(entry, now)
    for day in range(now, today + 1):
        expected: dict[str, Any] = {}
        for entry in sorted(one for one in said if one.day <= day):
            expected |= entry.fields
        assert latest.values(day) == expected
        assert {name: latest.value(name, day) for name in expected} == expected
    assert latest.settled(today) == _all_at_once(said, today)


def _all_at_once(said: list[Entry], today: int) -> Latest:
    return Latest(tuple(sorted(said, key=lambda one: one.order))).settled(today)


@given(entries, st.integers(1, 9))
def test_nothing_is_kept_that_can_win_no_more(said: list[Entry], today: int) -> None:
    latest = _all_at_once(said, today)
    for entry in latest.entries:
        assert any(latest.holding(name, max(entry.day, today)) == entry for name in entry.fields)
    waiting = [one.day for one in latest.entries if one.day > today]
    assert latest.next_day(today) == min(waiting, default=NEVER)


@given(entries)
def test_what_counts_at_once_waits_for_no_day(said: list[Entry]) -> None:
    latest = NOTHING
    for entry in said:
        latest = latest.put(entry._replace(day=ALWAYS), ALWAYS)
    names = [name for entry in latest.entries for name in entry.fields]
    assert len(names) == len(set(names)), "one entry for each field"


@given(assignments, st.randoms(), st.integers(1, 9))
def test_the_owner_of_a_day_is_the_greatest_that_has_begun(said: list[Assignment], random: Any, first: int) -> None:
    owners = NOBODY
    for one in random.sample(said, len(said)):
        owners = owners.put(one)
    assert owners == Owners(tuple(sorted(said, key=lambda one: (one.from_on, one.order))))
    settled = owners.settled(first)
    for role in OWNING_ROLES:
        for day in range(1, 12):
            named = [one for one in sorted(said, key=lambda one: one[:2]) if one.from_on <= day and role in one.roles]
            assert owners.on(role, day) == (named[-1].roles[role] if named else None)
            if day >= first:
                assert settled.on(role, day) == owners.on(role, day)
    assert settled.begins() == sorted(settled.begins())
    assert sum(begin <= first for begin in settled.begins()) <= len(OWNING_ROLES)


def test_an_assignment_speaks_of_the_roles_that_it_names() -> None:
    fact = AccountAssigned.model_validate({"from_on": "2026-03-02", "account_manager": None})
    one = assignment_of(told(fact), known_from=7)
    assert (iso(one.from_on), one.roles, one.known_from) == ("2026-03-02", {"account_manager": None}, 7)
    silent = assignment_of(told(AccountAssigned.model_validate({"from_on": "2026-03-02"})))
    assert NOBODY.put(silent) is NOBODY


def goal(due_on: str, target: str = "2") -> GoalSet:
    given = {"scope": "customer", "metric": "kcr", "baseline": "0.5", "target": target, "due_on": due_on}
    return GoalSet.model_validate(given)


def test_the_latest_goal_of_a_metric_holds_whichever_comes_first() -> None:
    early, late = told(goal("2026-03-10"), 0, "e1"), told(goal("2026-04-10", "3"), 1, "e2")
    today = AT.toordinal()
    one = goals.put(goals.put(NO_GOALS, early, today), late, today)
    assert one == goals.put(goals.put(NO_GOALS, late, today), early, today)
    assert (one["kcr"].baseline, one["kcr"].target, iso(one["kcr"].due_on)) == (50, 300, "2026-04-10")


def test_what_came_of_a_goal_is_noted_once_as_its_last_day_ends() -> None:
    today = AT.toordinal()
    one = goals.put(NO_GOALS, told(goal("2026-03-10")), today)
    due_on = one["kcr"].due_on
    assert goals.last_days(one, today) == [due_on] == goals.last_days(one, due_on, due_on + 1)
    assert goals.last_days(one, due_on + 1) == goals.last_days(one, today, due_on) == []
    assert goals.settled(one, due_on - 1, lambda _: 1) == one
    ended = goals.settled(one, due_on, lambda _: Decimal(1))
    assert (ended["kcr"].passed, ended["kcr"].outcome) == (True, 1)
    assert goals.settled(ended, due_on, lambda _: Decimal(2)) == ended
    assert goals.put(NO_GOALS, told(goal("2026-02-28")), today)["kcr"].passed, "set after its own last day"


@pytest.mark.parametrize("zone", ZONES)
@given(st.integers(0, 41 * 365 * 24 * 4).map(lambda quarters: datetime(1999, 1, 1, tzinfo=UTC) + quarters * QUARTER))
def test_an_instant_lies_in_the_business_day_of_its_zone(zone: str, instant: datetime) -> None:
    days = Days(ZoneInfo(zone))
    day = days.day(instant)
    assert day == instant.astimezone(ZoneInfo(zone)).toordinal()
    assert days.start(day) <= instant < days.start(day + 1)
    assert to_instant(to_micros(instant)) == instant


def test_a_fact_counts_on_the_day_that_it_names_else_on_that_of_its_time() -> None:
    days = Days(ZoneInfo("Asia/Shanghai"))
    late = datetime(2026, 3, 1, 17, tzinfo=UTC)
    assert iso(days.counts_on(goal("2026-03-10"), late)) == "2026-03-02"
    named = AccountAssigned.model_validate({"from_on": "2026-03-02", "occurred_on": "2026-02-27"})
    assert iso(days.counts_on(named, late)) == "2026-02-27"
