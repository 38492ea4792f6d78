"""Trying a policy over a log: the same policy moves nobody, another one does what tiering itself would do by it.

How many histories: HYPOTHESIS_PROFILE (tests/conftest.py), a third of its examples per law.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from operations.policy.replay import End, Replay
from services.tiering.domain import Tiering
from services.tiering.policy import Policies
from shared.events.event import Event
from shared.fold.entity import new_entity
from tests.generate import PURCHASING, TIERING, histories
from tests.laws.drive import KEY, Driven, begin, events
from tests.oracle.facts import Logged
from tests.services.tiering.given import CNY, SHANGHAI, Said, approved, assigned, best, policy, purchase
from tests.services.tiering.given import given as told

EXAMPLES = max(5, settings.default.max_examples // 3) if settings.default else 15
STRICTER = policy("default-cny", version=2, effective_on=date(2025, 2, 1), unknown=200)
LAXER = policy("default-cny", version=9, ladder=tuple(replace(one, enter=one.hold) for one in CNY.ladder))
History = tuple[list[Logged], datetime]
UNANSWERED = tuple(action for action in TIERING if action not in {"approval", "bloom"})


def decided(facts: Iterable[Event], policies: Policies) -> list[Event]:
    """A log as tiering leaves it: each fact, and after it the decisions that it set off."""
    entity = new_entity(Tiering(policies, SHANGHAI), KEY)
    log = []
    for event in facts:
        made = [replace(one, recorded_at=event.recorded_at) for one in entity.fold(event, deciding=True)]
        log += [event, *made]
        for one in made:
            assert not [*entity.fold(one, deciding=True)]
    return log


def tried(log: Iterable[Event], adopted: Policies, policies: Policies, as_of: datetime) -> End:
    replay = Replay(adopted, policies, SHANGHAI)
    twin = replay.begin(KEY)
    for event in log:
        if event.type in replay.folds:
            replay.fold(twin, event)
    again = replay.load(KEY, json.loads(json.dumps(replay.dump(twin))))  # what goes to the file comes back the same
    assert replay.dump(again) == replay.dump(twin)
    return replay.end(again, as_of)


def by_tiering(facts: Iterable[Event], policies: Policies, as_of: datetime) -> Driven[Any, Any]:
    domain = Tiering(policies, SHANGHAI)
    run = begin(domain)
    for event in facts:
        if event.type in domain.folds:
            run.fold(event)
    run.review(as_of)
    return run


@given(histories(), st.integers(0, 8))
@settings(max_examples=EXAMPLES)
def test_trying_what_is_in_force_moves_nobody(history: History, lag: int) -> None:
    """However far the decisions stand behind their facts, an answer to a proposal behind it included."""
    log, as_of = history
    behind = lagging(decided(events(log), (CNY, STRICTER)), lag)
    end = tried(behind, (CNY, STRICTER), (CNY, STRICTER), as_of)
    assert (end.trial.rank, end.trial.computed) == (end.real.rank, end.real.computed)
    assert (end.trial.proposal is None) == (end.real.proposal is None)
    assert end.tried.score == end.real_score


def test_an_approval_counts_that_stands_before_its_proposal_on_the_log() -> None:
    facts = [purchase("500", "2025-12-20"), *best("2026-01-10")]
    version = proposal_of(facts, (CNY,))
    log = decided(map(told().event, [*facts, approved(version, "2026-01-12")]), (CNY,))
    behind = sorted(log, key=lambda event: event.type in Tiering.decides)
    end = tried(behind, (CNY,), (CNY,), behind[-1].recorded_at)
    assert (end.real.rank, end.trial.rank) == (4, 4)


def lagging(log: Iterable[Event], lag: int) -> Iterator[Event]:
    """The same log, each decision so many facts later."""
    behind: deque[tuple[int, Event]] = deque()
    for place, event in enumerate(log):
        while behind and behind[0][0] <= place:
            yield behind.popleft()[1]
        if event.type in Tiering.decides:
            behind.append((place + lag, event))
        else:
            yield event
    yield from (event for _, event in behind)


@given(histories(UNANSWERED))
@settings(max_examples=EXAMPLES)
def test_another_policy_does_what_tiering_would_have_done_by_it(history: History) -> None:
    log, as_of = history
    end = tried(decided(events(log), (CNY,)), (CNY,), (LAXER,), as_of)
    wanted = by_tiering(events(log), (LAXER,), as_of)
    assert (end.trial.rank, end.trial.computed) == (wanted.standing.rank, wanted.standing.computed)
    assert end.tried.score / 10 == wanted.document()["score"]


@given(histories(PURCHASING))
@settings(max_examples=EXAMPLES)
def test_a_policy_for_a_day_decides_from_that_day(history: History) -> None:
    log, as_of = history
    halfway = as_of - timedelta(200)
    later = replace(LAXER, effective_on=halfway.date())
    end = tried(decided(events(log), (CNY,)), (CNY,), (CNY, later), as_of)
    wanted = by_tiering(events(log), (CNY, later), as_of)
    assert end.trial.rank == wanted.standing.rank


def test_who_was_approved_on_the_log_is_approved_in_the_trial_under_whatever_version() -> None:
    """On the log tiers were shown before the proposal; in the trial nothing has a version of the log's."""
    facts = [purchase("500", "2025-12-20"), *best("2026-01-10")]
    version = proposal_of(facts, (CNY,))
    assert version == 4
    end = end_of([*facts, approved(version, "2026-01-12")], (CNY,), (LAXER,))
    assert (end.real.rank, end.trial.rank) == (4, 4)
    assert end_of([*facts, approved(version + 1, "2026-01-12")], (CNY,), (LAXER,)).trial.rank == 3


def test_what_nobody_was_asked_stays_unanswered() -> None:
    lenient = replace(CNY, ladder=tuple(replace(rung, approval=False) for rung in CNY.ladder))
    end = end_of([*best("2026-01-10")], (lenient,), (CNY,))
    assert (end.real.rank, end.trial.rank) == (4, 3)
    assert end.trial.proposal is not None


def test_an_approval_by_the_account_manager_counts_in_neither() -> None:
    facts = [assigned("2026-01-01", account_manager="ann"), *best("2026-01-10")]
    version = proposal_of(facts, (CNY,))
    end = end_of([*facts, approved(version, "2026-01-12", by="ann")], (CNY,), (LAXER,))
    assert (end.real.rank, end.trial.rank) == (3, 3)
    assert end_of([*facts, approved(version, "2026-01-12", by="bo")], (CNY,), (LAXER,)).trial.rank == 4


def proposal_of(facts: list[Said], policies: Policies) -> int:
    """The version under which becoming strategic was proposed."""
    log = decided(map(told().event, facts), policies)
    return next(int(event.data.version) for event in log if event.type == "guanxi.tier.proposed.v1")


def end_of(facts: list[Said], adopted: Policies, policies: Policies) -> End:
    log = decided(map(told().event, facts), adopted)
    return tried(log, adopted, policies, log[-1].clock + timedelta(1))
