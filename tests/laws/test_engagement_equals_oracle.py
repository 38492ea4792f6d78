"""Engagement is what its oracle says, for every history: the contact, what is decided about it, the last answer.

How many histories are tried: HYPOTHESIS_PROFILE (tests/conftest.py), half of its examples per test here.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from services.engagement.domain import Engagement
from services.engagement.views.in_python import whole
from shared.events.decisions import ContactLapsed, ContactResumed, Decision, SatisfactionDropped
from shared.policies.entitlements import make_entitlements
from tests.generate import ANSWERS, CONTACTS, Seeded, ends, history, watched_histories
from tests.laws.drive import drive
from tests.laws.shown import expected_contact, expected_satisfaction, shown_contact, shown_satisfaction
from tests.oracle.engagement import Lapsed, Resumed, engagement
from tests.oracle.facts import Logged
from tests.oracle.satisfaction import Dropped

pytestmark = pytest.mark.timeout(600)  # a failure is shrunk for up to five minutes
EXAMPLES = max(5, settings.default.max_examples // 2) if settings.default else 10
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


def told_drops(decisions: Sequence[Decision]) -> list[Dropped]:
    return sorted_drops(
        Dropped(one.effective_on, one.instrument, one.survey_id)
        for one in decisions
        if isinstance(one, SatisfactionDropped)
    )


def sorted_drops(drops: Iterable[Dropped]) -> list[Dropped]:
    """What is decided at one moment has no order that matters."""
    return sorted(drops, key=lambda one: (one.effective_on, one.instrument, one.survey_id or ""))


def check(log: Sequence[Logged], as_of: Sequence[datetime]) -> None:
    driven = drive(Engagement(ENTITLEMENTS, SHANGHAI), log)
    for instant in as_of:
        driven.review(instant)
        expected, document = engagement(log, SHANGHAI, instant), whole(driven.document())
        assert document["tier"] == expected.tier
        assert shown_contact(document["contact"]) == expected_contact(expected)
        assert told(driven.decisions) == expected.decisions
        assert shown_satisfaction(document["satisfaction"]) == expected_satisfaction(expected)
        assert told_drops(driven.decisions) == sorted_drops(expected.drops)
        last, answer = document["satisfaction"]["last"], expected.last_answer
        assert (last and last["survey_id"]) == (answer and answer.data["survey_id"])


@given(watched_histories(CONTACTS))
@settings(max_examples=EXAMPLES)
def test_of_contacts(history: tuple[list[Logged], list[datetime]]) -> None:
    check(*history)


@given(watched_histories(ANSWERS, most=20))
@settings(max_examples=EXAMPLES)
def test_of_answers(history: tuple[list[Logged], list[datetime]]) -> None:
    check(*history)


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_of_long_histories(seed: int) -> None:
    chance = Seeded(seed)
    log = history(chance, CONTACTS, most=80)
    check(log, ends(log, chance))
