"""Archives is what its oracle says, for every history: what is shown of profiles, and what is decided about them.

How many histories are tried: HYPOTHESIS_PROFILE (tests/conftest.py), half of its examples per test here.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.archives.domain import Archives
from services.archives.rules.templates import Templates
from services.archives.template_file import read_template
from shared.events.decisions import Decision, ProfileLapsed, ProfileRestored
from tests.generate import PROFILES, START, Seeded, ends, history, watched_histories
from tests.laws.drive import drive, events
from tests.oracle import archives as oracle
from tests.oracle.facts import REVIEWED, Logged

pytestmark = pytest.mark.timeout(600)  # a failure is shrunk for up to five minutes
EXAMPLES = max(5, settings.default.max_examples // 2) if settings.default else 10
SHANGHAI = ZoneInfo("Asia/Shanghai")
SECOND = START.date() + timedelta(150)
CP = """
name: t
version: {version}
profile: cp
effective_on: {on}
min_chars: {least}
sections:
  macro: [{{item: a, required_of: [strategic, partner, priority]}}, {{item: b, required_of: [strategic, partner]}}]
  pain: [{{item: c, required_of: {c}}}]
"""
VP = """
name: v
version: 1
profile: vp
effective_on: 2024-01-01
sections: {macro: [{item: a, required_of: [strategic, partner]}], pain: [{item: d, required_of: [strategic]}]}
"""
FILES = (
    CP.format(version=1, on="2024-01-01", least=10, c="[strategic]"),
    CP.format(version=2, on=SECOND, least=6, c="[strategic, priority]"),
    VP,
)


def templates() -> Templates:
    read = [read_template(text, "file") for text in FILES]
    return {kind: tuple(one for one in read if one.profile == kind) for kind in ("cp", "vp")}


TEMPLATES = templates()
PLAIN: dict[str, list[oracle.Template]] = {
    kind: [
        oracle.Template(
            date.fromordinal(one.effective_on),
            one.min_chars,
            {item.name: (item.section, item.required_of) for item in one.items},
        )
        for one in versions
    ]
    for kind, versions in TEMPLATES.items()
}


def told(decisions: Sequence[Decision]) -> list[oracle.Told]:
    found = []
    for one in decisions:
        assert isinstance(one, ProfileLapsed | ProfileRestored)
        key = (one.profile, one.vendor_id or "")
        if isinstance(one, ProfileLapsed):
            found.append(oracle.Told(one.effective_on, "lapsed", key, one.due_on))
        else:
            found.append(oracle.Told(one.effective_on, "restored", key, one.lapsed_due_on))
    return found


def share(exact: Fraction | None) -> str | None:
    return None if exact is None else str(round(Decimal(exact.numerator) / exact.denominator, 2))


def expected_row(key: oracle.Key, one: oracle.Shown, grade: str) -> dict[str, Any]:
    return {
        "profile": key[0],
        "vendor_id": key[1] or None,
        "required": one.required,
        "filled": one.filled,
        "late": one.late,
        "completeness": share(one.completeness),
        "freshness": share(one.freshness),
        "due_on": None if one.due_on is None else one.due_on.isoformat(),
        "grade": grade,
    }


def check(log: Sequence[Logged], as_of: Sequence[datetime]) -> None:
    driven = drive(Archives(TEMPLATES, SHANGHAI), log)
    for instant in as_of:
        driven.review(instant)
    shown, decided = oracle.archives(log, PLAIN, SHANGHAI, as_of[-1])
    expected = [expected_row(key, *one) for key, one in sorted(shown.items())]
    assert [{name: one[name] for name in expected[0]} for one in driven.document()["profiles"]] == expected
    assert told(driven.decisions) == decided


@given(watched_histories(PROFILES, most=15))
@settings(max_examples=EXAMPLES)
def test_of_profiles(history: tuple[list[Logged], list[datetime]]) -> None:
    check(*history)


@pytest.mark.parametrize("seed", range(EXAMPLES // 2))
def test_of_long_histories(seed: int) -> None:
    chance = Seeded(seed)
    log = history(chance, PROFILES, most=25)
    check(log, ends(log, chance))


@given(watched_histories(PROFILES, most=15), st.data())
@settings(max_examples=EXAMPLES)
def test_sweeps_anywhere_change_nothing(history: tuple[list[Logged], list[datetime]], data: st.DataObject) -> None:
    """Nor does storing and loading the customer before every record."""
    log, as_of = history
    swept: list[Logged] = []
    for one in log:
        if swept and not one.backfill and not swept[-1].backfill and data.draw(st.booleans()):
            gap = one.clock - swept[-1].clock
            if gap > timedelta(0):
                review = {"type": REVIEWED, "id": "sweep", "data": {}}
                swept.append(Logged(review, swept[-1].clock + gap * data.draw(st.floats(0, 1))))
        swept.append(one)
    plain = drive(Archives(TEMPLATES, SHANGHAI), log)
    often = drive(Archives(TEMPLATES, SHANGHAI), swept, reload=True)
    for driven in (plain, often):
        driven.review(as_of[-1])
    assert often.decisions == plain.decisions
    assert often.document() == plain.document()


@given(watched_histories(PROFILES, most=12, backfills=False), st.randoms(use_true_random=False))
@settings(max_examples=EXAMPLES)
def test_the_order_of_facts_changes_nothing_that_is_shown(
    history: tuple[list[Logged], list[datetime]], random: Any
) -> None:
    """Facts told in any order, once all of them are there: tiers first, then the facts."""
    log, as_of = history
    end = as_of[-1]
    domain = Archives(TEMPLATES, SHANGHAI)
    made = [event for event in events(log) if event.type in domain.folds and event.type != REVIEWED]
    records = [event for event in made if event.type.startswith(("guanxi.access", "guanxi.record"))]
    tiers = [event for event in made if event.type.startswith("guanxi.tier")]
    facts = [event for event in made if event.type.startswith("guanxi.profile")]
    random.shuffle(facts)
    one = drive(domain, log)
    other = drive(domain, [])
    for event in (*tiers, *records, *facts):
        event.recorded_at = end
        other.fold(event)
    for driven in (one, other):
        driven.review(end)
    assert other.document()["profiles"] == one.document()["profiles"]
