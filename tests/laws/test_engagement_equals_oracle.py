"""Engagement is what its oracle says, for every history: the contact, what is decided about it, the last answer.

How many histories are tried: HYPOTHESIS_PROFILE (tests/conftest.py), half of its examples per test here.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from services.engagement.domain import Engagement
from shared.events.decisions import ContactLapsed, ContactResumed, Decision
from shared.policies.entitlements import make_entitlements
from tests.generate import CONTACTS, Seeded, end, histories, history
from tests.laws.drive import drive
from tests.laws.shown import expected_contact, shown_contact
from tests.oracle.engagement import Lapsed, Resumed, engagement
from tests.oracle.facts import Logged, identity

EXAMPLES = max(5, settings.default.max_examples // 2) if settings.default else 10
KEPT_DAYS = 790
"""State keeps 800 days; a few less, since a visit's own day may differ from its time."""
SHANGHAI = ZoneInfo("Asia/Shanghai")
ENTITLEMENTS = make_entitlements([(date(2024, 1, 1), None)])


def told(decisions: Sequence[Decision]) -> list[Lapsed | Resumed]:
    """The decisions about the contact, in the oracle's words."""
    contact: list[Lapsed | Resumed] = []
    for one in decisions:
        if isinstance(one, ContactLapsed):
            contact.append(Lapsed(one.effective_on, one.due_on))
        if isinstance(one, ContactResumed):
            contact.append(Resumed(one.effective_on, one.cause, one.lapsed_due_on))
    return contact


def check(log: Sequence[Logged], as_of: datetime) -> None:
    if reaches_what_is_forgotten(log):
        return
    expected = engagement(log, SHANGHAI, as_of)
    driven = drive(Engagement(ENTITLEMENTS, SHANGHAI), log, as_of)
    document = driven.document()
    assert document["tier"] == expected.tier
    assert shown_contact(document["contact"]) == expected_contact(expected)
    assert told(driven.decisions) == expected.decisions
    last = document["satisfaction"]["last"]
    answer = expected.last_answer
    assert (last and last["survey_id"]) == (answer and answer.data["survey_id"])


def reaches_what_is_forgotten(log: Sequence[Logged]) -> bool:
    """Whether a visit is amended or voided that state need not keep: it lies over 800 days back by then. (State keeps
    the latest contact before those days, but not which one comes next if that is voided.)
    """
    first_told: dict[tuple[str, ...], datetime] = {}
    clock = datetime.min.replace(tzinfo=UTC)
    for one in log:
        clock = max(clock, one.clock)
        if one.event["type"] == "guanxi.visit.logged.v1" or one.event["data"].get("kind") == "visit":
            told_first = first_told.setdefault(identity(one.event), one.time)
            if min(told_first, one.time) < clock - timedelta(KEPT_DAYS):
                return True
    return False


@given(histories(CONTACTS))
@settings(max_examples=EXAMPLES)
def test_of_contacts(history: tuple[list[Logged], datetime]) -> None:
    check(*history)


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_of_long_histories(seed: int) -> None:
    chance = Seeded(seed)
    log = history(chance, CONTACTS, most=80)
    check(log, end(log, chance))
