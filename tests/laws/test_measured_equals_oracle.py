"""The relationship is measured on the days and with the values that its oracle says, for every history.

How many histories are tried: HYPOTHESIS_PROFILE (tests/conftest.py), half of its examples per test here.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.engagement.domain import Engagement
from shared.events.decisions import Decision, RelationshipMeasured
from shared.policies.entitlements import make_entitlements
from tests.generate import MEASURED, Seeded, ends, history, watched_histories
from tests.laws.drive import drive
from tests.oracle.facts import REVIEWED, Logged
from tests.oracle.measured import measured

pytestmark = pytest.mark.timeout(600)  # a failure is shrunk for up to five minutes
EXAMPLES = max(5, settings.default.max_examples // 2) if settings.default else 10
SHANGHAI = ZoneInfo("Asia/Shanghai")
ENTITLEMENTS = make_entitlements([(date(2024, 1, 1), None)])
OF_THE_DECISION = {"version", "after", "effective_on"}


def told(decisions: Sequence[Decision]) -> list[tuple[date, dict[str, Any]]]:
    return [
        (one.effective_on, one.model_dump(exclude=OF_THE_DECISION))
        for one in decisions
        if isinstance(one, RelationshipMeasured)
    ]


def check(log: Sequence[Logged], as_of: Sequence[datetime], *, reload: bool = False) -> None:
    driven = drive(Engagement(ENTITLEMENTS, SHANGHAI), log, reload=reload)
    for instant in as_of:
        driven.review(instant)
    assert told(driven.decisions) == [*measured(log, SHANGHAI, as_of[-1]).items()]


@given(watched_histories(MEASURED, most=15))
@settings(max_examples=EXAMPLES)
def test_of_any_history(history: tuple[list[Logged], list[datetime]]) -> None:
    check(*history)


@pytest.mark.parametrize("seed", range(EXAMPLES // 2))
def test_of_long_histories(seed: int) -> None:
    chance = Seeded(seed)
    log = history(chance, MEASURED, most=30)
    check(log, ends(log, chance))


@given(watched_histories(MEASURED, most=12), st.data())
@settings(max_examples=EXAMPLES)
def test_reviews_anywhere_change_nothing(history: tuple[list[Logged], list[datetime]], data: st.DataObject) -> None:
    """In live history, where a service decides; each is as old as the record before it."""
    log, as_of = history
    more: list[Logged] = []
    for number, one in enumerate(log):
        more.append(one)
        if not one.backfill and data.draw(st.booleans()):
            more.append(Logged({"type": REVIEWED, "id": f"r{number}", "data": {}}, one.recorded_at))
    few, many = (drive(Engagement(ENTITLEMENTS, SHANGHAI), one) for one in (log, more))
    for driven in (few, many):
        driven.review(as_of[-1])
    assert told(many.decisions) == told(few.decisions)
