"""Tiering is what its oracle says, for every history: each decision with its reasons, and the row at the end.

How many histories are tried: HYPOTHESIS_PROFILE (tests/conftest.py), a sixth of its examples per test here, half of
that for long ones.
"""

from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from services.tiering.domain import Tiering
from shared.events.decisions import Decision, TierChanged, TierProposed
from tests.generate import PURCHASING, Seeded, ends, history, watched_histories
from tests.laws.drive import drive
from tests.laws.policies import service_policies
from tests.oracle.facts import Logged
from tests.oracle.policies import Policy, default_cny, stricter, wholesale_gbp
from tests.oracle.tiering import Changed, Outcome, Proposed, tiering, tierings
from tests.oracle.would_change import WouldChange

pytestmark = pytest.mark.timeout(600)  # a failure is shrunk for up to five minutes
EXAMPLES = max(4, settings.default.max_examples // 6) if settings.default else 8
SHANGHAI, LONDON = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/London")
CNY = default_cny(date(2024, 1, 1))
CNY_TWICE_REVISED = (CNY, stricter(CNY, date(2024, 4, 1), -12), stricter(CNY, date(2025, 2, 1), 3))
GBP = (wholesale_gbp(date(2024, 1, 1)),)


def told(decision: Decision) -> Changed | Proposed:
    """A decision of the service in the oracle's words."""
    if isinstance(decision, TierProposed):
        return Proposed(decision.version, decision.effective_on, decision.proposed_tier, Fraction(decision.score))
    assert isinstance(decision, TierChanged)
    return Changed(
        version=decision.version,
        effective_on=decision.effective_on,
        from_tier=decision.from_tier,
        to_tier=decision.to_tier,
        cause=decision.cause,
        computed_tier=decision.computed_tier,
        dormant=decision.dormant,
        score=Fraction(decision.score),
        points={name: Fraction(factor["points"]) for name, factor in decision.factors.items()},
        known=frozenset(name for name, factor in decision.factors.items() if factor["known"]),
        known_weight=decision.known_weight,
        policy_version=decision.policy_version,
        entitled_tier=decision.entitled_tier,
        entitled_until=decision.entitled_until,
    )


def weighed(one: Changed | Proposed, policy: Policy) -> Changed | Proposed:
    """The oracle's decision without the factors that the policy does not weigh, which the service leaves out."""
    if isinstance(one, Proposed):
        return one
    names = {name for name, weight in policy.weights.items() if weight}
    points = {name: points for name, points in one.points.items() if name in names}
    return Changed(**{**vars(one), "points": points, "known": one.known & names})


def row(document: dict[str, Any]) -> dict[str, Any]:
    """What the service's row says, where it leaves out what is as expected, filled in."""
    tier = document["tier"]
    return {
        "tier": tier,
        "computed_tier": document.get("computed_tier", tier),
        "dormant": document.get("dormant", False),
        "proposed_tier": document.get("proposed_tier"),
        "score": document["score"],
        "known_weight": document["known_weight"],
        "net_365d": document["net_365d"],
        "net_730d": document["net_730d"],
        "at_risk": document.get("at_risk", False),
        "unconverted": set(document.get("flags", {}).get("unconverted", ())),
        "entitled_tier": document.get("entitled_tier", tier),
        "entitled_until": document.get("entitled_until"),
    }


def expected_row(outcome: Outcome) -> dict[str, Any]:
    until = outcome.entitled_until
    return {
        "tier": outcome.tier,
        "computed_tier": outcome.computed_tier,
        "dormant": outcome.dormant,
        "proposed_tier": outcome.proposed_tier,
        "score": float(outcome.judged.score),
        "known_weight": outcome.judged.known_weight,
        "net_365d": money(outcome.judged.net_365d),
        "net_730d": money(outcome.judged.net_730d),
        "at_risk": outcome.at_risk,
        "unconverted": outcome.unconverted,
        "entitled_tier": outcome.entitled_tier,
        "entitled_until": None if until is None else until.isoformat(),
    }


def money(value: Fraction) -> str:
    pence = round(value * 100)
    return f"{'-' if pence < 0 else ''}{abs(pence) // 100}.{abs(pence) % 100:02}"


def check(log: Sequence[Logged], as_of: Sequence[datetime], policies: tuple[Policy, ...], zone: ZoneInfo) -> None:
    expected = tierings(log, policies, zone, as_of)
    driven = drive(Tiering(service_policies(policies), zone), log)
    for outcome in expected:
        driven.review(outcome.as_of)
        assert row(driven.document()) == expected_row(outcome), outcome.as_of
    assert [told(one) for one in driven.decisions] == [weighed(one, policies[0]) for one in expected[-1].decisions]


def told_changes(changes: dict[str, Any]) -> WouldChange:
    purchase, falls_on = changes["purchase"], changes["falls_on"]
    return WouldChange(
        purchase=int(Fraction(purchase["amount"]) * 100) if purchase else None,
        blocked_by=frozenset(changes.get("blocked_by", ())),
        payment=changes["payment"],
        rating={name: Fraction(step["points"]) if step else None for name, step in changes["rating"].items()},
        falls_on=date.fromisoformat(falls_on) if falls_on else None,
    )


@given(watched_histories(most=8))
@settings(max_examples=EXAMPLES // 2)
def test_what_would_change_a_tier(history: tuple[list[Logged], list[datetime]]) -> None:
    log, (as_of, *_) = history
    expected = tiering(log, CNY_TWICE_REVISED, SHANGHAI, as_of, explained=True)
    driven = drive(Tiering(service_policies(CNY_TWICE_REVISED), SHANGHAI), log)
    driven.review(as_of)
    changed = [one for one in driven.decisions if isinstance(one, TierChanged)]
    assert {one.version: told_changes(one.would_change or {}) for one in changed} == expected.explained


@given(watched_histories(PURCHASING, currency="GBP"))
@settings(max_examples=EXAMPLES)
def test_of_purchases_alone(history: tuple[list[Logged], list[datetime]]) -> None:
    check(*history, GBP, LONDON)


@given(watched_histories())
@settings(max_examples=EXAMPLES)
def test_of_everything(history: tuple[list[Logged], list[datetime]]) -> None:
    check(*history, CNY_TWICE_REVISED, SHANGHAI)


@pytest.mark.parametrize("seed", range(EXAMPLES // 2))
def test_of_long_histories(seed: int) -> None:
    chance = Seeded(seed)
    log = history(chance, most=60)
    check(log, ends(log, chance), CNY_TWICE_REVISED, SHANGHAI)
