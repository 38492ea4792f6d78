"""Entitlements as a policy file says them."""

from datetime import date
from typing import Any

import pytest

from shared.errors import Malformed
from shared.events.types import TIERS
from shared.policies.entitlements import make_entitlements, read_entitlements


def test_what_a_policy_leaves_out_is_the_methods_default() -> None:
    cadences = [entitlement.cadence_days for entitlement in read_entitlements({"general": {"cadence_days": 60}})]
    assert dict(zip(TIERS, cadences, strict=True)) == {
        "potential": None,
        "general": 60,
        "priority": 30,
        "partner": 14,
        "strategic": 7,
    }


def test_the_version_in_force_on_a_day_counts_and_before_the_first_the_first() -> None:
    versions = [(date(2026, 3, 1), {"general": {"cadence_days": 30}}), (date(2025, 1, 1), None)]
    entitlements = make_entitlements(versions)
    days = (date(2020, 1, 1), date(2026, 2, 28), date(2026, 3, 1))
    assert [entitlements.at(day)[1].cadence_days for day in days] == [90, 90, 30]


def test_of_versions_that_begin_on_one_day_the_last_adopted_holds() -> None:
    day = date(2026, 3, 1)
    entitlements = make_entitlements([(day, None), (day, {"general": {"cadence_days": 30}})])
    assert entitlements.at(day)[1].cadence_days == 30


@pytest.mark.parametrize(
    ("section", "place"),
    [
        ([], "entitlements"),
        ({"gold": {}}, "entitlements.gold"),
        ({"general": 90}, "entitlements.general"),
        ({"general": {"cadence": 90}}, "entitlements.general.cadence"),
        ({"general": {"cadence_days": 0}}, "entitlements.general.cadence_days"),
        ({"general": {"cadence_days": True}}, "entitlements.general.cadence_days"),
        ({"general": {"executive_meetings": None}}, "entitlements.general.executive_meetings"),
        ({"general": {"discount_band": 3}}, "entitlements.general.discount_band"),
    ],
)
def test_a_policy_says_where_its_entitlements_are_wrong(section: Any, place: str) -> None:
    with pytest.raises(Malformed, match=place):
        read_entitlements(section)
