"""Movements between tiers: which held on a day, and which of them was known when (docs/changes.md)."""

from datetime import date, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.feed.rules.lines import OPEN
from shared.events.facts import AccountAssigned, CustomerRegistered
from tests.services.feed.given import ZONE, Story, tier_changed


def test_a_movement_says_from_what_to_what_since_when_and_the_money_then() -> None:
    story = Story()
    story.told(CustomerRegistered(name="华为", region="华南"), "2026-03-01")
    story.told(AccountAssigned(account_manager="r1", from_on=date(2026, 3, 1)), "2026-03-01")
    story.told(AccountAssigned(account_manager="r2", from_on=date(2026, 6, 1)), "2026-03-01")
    event = story.moved("general", "2026-03-02", net="46000.00")
    (movement,) = story.movements
    assert movement == {
        "customer": "c",
        "version": 1,
        "from": "potential",
        "to": "general",
        "from_on": "2026-03-02",
        "to_on": OPEN,
        "recorded_at": event.recorded_at,
        "ended_at": None,
        "net_365d": "46000.00",
        "policy": "default-cny",
        "policy_version": 1,
        "region": "华南",
        "account_manager": "r1",
        "offset": 3,
    }


def test_the_next_one_ends_it() -> None:
    story = Story()
    story.moved("general", "2026-03-02")
    second = story.moved("priority", "2026-05-10", before="general")
    first, _ = story.movements
    assert (first["to_on"], first["ended_at"]) == ("2026-05-09", second.recorded_at)


def test_what_changes_no_tier_that_is_shown_is_no_movement() -> None:
    story = Story()
    first = story.moved("general", "2026-03-02")
    story.told(tier_changed((2, first.id), "general", "2026-03-05", before="general"), "2026-03-05")
    assert [one["version"] for one in story.movements] == [1]


def test_the_account_manager_is_that_of_the_day_and_null_ends_it() -> None:
    story = Story()
    story.told(AccountAssigned(account_manager="r2", from_on=date(2026, 6, 1)), "2026-03-01")
    story.told(AccountAssigned(account_manager="r1", from_on=date(2026, 3, 1)), "2026-03-01")
    story.moved("general", "2026-03-02")
    story.moved("priority", "2026-06-02", before="general")
    story.told(AccountAssigned(account_manager=None, from_on=date(2026, 6, 3)), "2026-06-03")
    story.moved("general", "2026-06-04", before="priority")
    assert [one["account_manager"] for one in story.movements] == ["r1", "r2", None]
    assert len(story.entity.state.managers) == 1, "those that an other has followed are let go"


def test_a_later_told_earlier_region_does_not_win() -> None:
    story = Story()
    later, earlier = (datetime(2026, 3, day, 12, tzinfo=ZONE) for day in (5, 1))
    story.told(CustomerRegistered(name="B", region="north"), "2026-03-05", at=later)
    story.told(CustomerRegistered(name="A", region="south"), "2026-03-05", at=earlier)
    story.moved("general", "2026-03-06")
    assert story.movements[0]["region"] == "north"
    assert story.entity.state.name.value == "B"


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8))
def test_on_each_day_and_as_known_at_each_day_one_movement_holds(days: list[int]) -> None:
    """`on` and `known_at` are filters of one row each, and say what the list of decisions says."""
    story = Story()
    tiers: list[Any] = ["general", "priority"]
    days.sort()
    decided = []
    for number, day in enumerate(days):
        on = f"2026-03-{day + 10}"
        before = "potential" if not number else tiers[(number - 1) % 2]
        decided.append((on, story.moved(tiers[number % 2], on, before=before).recorded_at, number + 1))
    for day in range(12):
        for known_at in [recorded for _, recorded, _ in decided]:
            on = f"2026-03-{day + 9:02}"
            known = [version for from_on, at, version in decided if at <= known_at and from_on <= on]
            found = [
                one["version"]
                for one in story.movements
                if one["recorded_at"] <= known_at
                and one["from_on"] <= on
                and (one["to_on"] >= on or one["ended_at"] > known_at)
            ]
            assert found == known[-1:]
