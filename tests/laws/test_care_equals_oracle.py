"""Concerns, the relationship and the outcomes of goals are what their oracles say, for every history.

How many histories are tried: HYPOTHESIS_PROFILE (tests/conftest.py), half of its examples per test here.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from services.engagement.domain import Engagement
from services.engagement.views.in_python import whole
from shared.events.decisions import ConcernOverdue
from shared.policies.entitlements import make_entitlements
from tests.generate import CONCERNS, GOALS, RELATIONS, Seeded, ends, history, watched_histories
from tests.laws.drive import drive
from tests.oracle.concerns import Counts, concerns, deadlines, overdue
from tests.oracle.engagement import DECISIONS, TierChange, tier_change
from tests.oracle.facts import REVIEWED, Fact, Logged, business_day, standing
from tests.oracle.relationship import relationship

pytestmark = pytest.mark.timeout(600)  # a failure is shrunk for up to five minutes
EXAMPLES = max(5, settings.default.max_examples // 2) if settings.default else 10
SHANGHAI = ZoneInfo("Asia/Shanghai")
ENTITLEMENTS = make_entitlements([(date(2024, 1, 1), None)])
KEPT = timedelta(790)
"""How long state keeps all that was said of a concern."""
TICK = timedelta(milliseconds=1)


def known(log: Sequence[Logged]) -> tuple[list[Fact], list[TierChange]]:
    tiers = [change for one in log if one.event["type"] in DECISIONS for change in tier_change(one)]
    return standing([one for one in log if one.event["type"] not in DECISIONS], SHANGHAI), tiers


def shown_counts(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in expected_counts(Counts())}


def expected_counts(counts: Counts) -> dict[str, Any]:
    rate = counts.loop_rate
    return {
        "open": counts.open_by_severity.total(),
        "open_by_severity": {name: counts.open_by_severity[name] for name in ("critical", "major", "minor")},
        "open_overdue": counts.open_overdue,
        "answered_in_time": counts.answered_in_time,
        "overdue": counts.overdue,
        "reopened": counts.reopened,
        "loop_rate": None if rate is None else float(round(rate, 2)),
    }


def told_overdue(log: Sequence[Logged], until: datetime) -> list[tuple[date, tuple[str, str, int]]]:
    """Every broken promise once, on the day it is first seen: at each record that is no history, and whenever one falls
    due before it.
    """
    told: dict[tuple[str, str, int], date] = {}
    clock: datetime | None = None
    in_history = False

    def look(at: datetime, upto: int) -> None:
        facts, tiers = known(log[:upto])
        for one in overdue(facts, tiers, at):
            told.setdefault(one, business_day(at, SHANGHAI))

    for count, one in enumerate([*log, Logged({"type": REVIEWED, "time": until.isoformat()}, until)]):
        is_decision = one.event["type"] in DECISIONS
        in_history = one.backfill or (is_decision and in_history)
        moment = one.time if is_decision else one.clock
        now = max(clock or moment, moment)
        facts, tiers = known(log[:count])
        if clock is not None and not in_history:
            look(clock, count)
            for due in sorted(deadlines(facts, tiers)):
                if clock < due + TICK <= now:
                    look(due + TICK, count)
        clock = now
        if not in_history:
            look(clock, count + 1)
    return sorted((on, which) for which, on in told.items())


def check_concerns(log: Sequence[Logged], as_of: Sequence[datetime]) -> None:
    first = min((one.time for one in log if one.event["type"] != REVIEWED), default=as_of[0])
    as_of = [instant for instant in as_of if instant < first + KEPT]
    if not as_of:
        return
    driven = drive(Engagement(ENTITLEMENTS, SHANGHAI), log)
    for instant in as_of:
        driven.review(instant)
        counts = concerns(*known(log), instant, SHANGHAI)
        row = whole(driven.document())["concerns"]
        assert shown_counts(row) == expected_counts(counts)
        assert min(row["open"], row["open_overdue"], row["answered_in_time"], row["overdue"], row["reopened"]) >= 0
    said = [
        (one.effective_on, (one.concern_source, one.concern_id, one.round))
        for one in driven.decisions
        if isinstance(one, ConcernOverdue)
    ]
    assert sorted(said) == told_overdue(log, as_of[-1])


def check_relationship(log: Sequence[Logged], as_of: Sequence[datetime]) -> None:
    driven = drive(Engagement(ENTITLEMENTS, SHANGHAI), log)
    for instant in as_of:
        driven.review(instant)
        facts, _ = known(log)
        expected = relationship(facts, business_day(instant, SHANGHAI))
        row = whole(driven.document())["relationship"]
        assert row["persons_met_365d"] == len(expected.persons_met)
        assert row["departments_met_365d"] == sorted(expected.departments_met)
        assert row["key_relationship"] == (None if expected.kcr is None else float(round(expected.kcr, 2)))
        assert row["deciders"] == len(expected.deciders)
        assert row["deciders_met_90d"] == len(expected.deciders_met_90d)
        assert set(row["deciders_never_met"]) == expected.deciders_never_met
        assert row["executive_meetings_365d"] == expected.executive_meetings
        assert row["company_tours_365d"] == expected.company_tours
        assert row["deciders_met_90d"] + len(row["deciders_never_met"]) <= row["deciders"]


def check_outcomes(log: Sequence[Logged], as_of: datetime) -> None:
    """A goal's outcome is what was shown of it at the end of its last day."""
    driven = drive(Engagement(ENTITLEMENTS, SHANGHAI), log)
    driven.review(as_of)
    for goal in whole(driven.document())["goals"]:
        ends_at = _end_of(date.fromisoformat(goal["due_on"]))
        if as_of <= ends_at:
            assert goal["outcome"] is None
            continue
        then = drive(Engagement(ENTITLEMENTS, SHANGHAI), _by(log, ends_at))
        then.review(ends_at)
        shown = {one["metric"]: one for one in whole(then.document())["goals"]}.get(goal["metric"])
        is_the_same = shown is not None and all(shown[name] == goal[name] for name in ("due_on", "target"))
        value = shown["value"] if shown is not None and is_the_same else None
        assert goal["outcome"] == value
        if value is not None:
            assert goal["outcome_progress"] == round(Fraction(str(value)) * 100 / 50) / 100


def _by(log: Sequence[Logged], until: datetime) -> list[Logged]:
    """What was appended by then, history when it occurred, and the tiers of then, however late they were decided."""
    return [one for one in log if (one.time if one.event["type"] in DECISIONS else one.clock) <= until]


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(1), time(0), SHANGHAI).astimezone(UTC) - TICK


@given(watched_histories(CONCERNS, most=20))
@settings(max_examples=EXAMPLES)
def test_of_concerns(history: tuple[list[Logged], list[datetime]]) -> None:
    check_concerns(*history)


@given(watched_histories(RELATIONS, most=20))
@settings(max_examples=EXAMPLES)
def test_of_relationships(history: tuple[list[Logged], list[datetime]]) -> None:
    check_relationship(*history)


@given(watched_histories(GOALS, most=20))
@settings(max_examples=EXAMPLES)
def test_of_outcomes(history: tuple[list[Logged], list[datetime]]) -> None:
    check_outcomes(history[0], history[1][-1])


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_of_long_histories(seed: int) -> None:
    chance = Seeded(seed)
    for actions, check in ((CONCERNS, check_concerns), (RELATIONS, check_relationship)):
        log = history(chance, actions, most=60)
        check(log, ends(log, chance))
