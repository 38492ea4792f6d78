"""The queue's rule: one job of a kind at a time, leases, attempts, cancelling, expiry."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shared.jobs import (
    AGAIN_SECONDS,
    KEPT,
    MAX_ATTEMPTS,
    End,
    Job,
    Progress,
    Requester,
    Take,
    again,
    beaten,
    cancelled,
    ended,
    next_step,
    put_back,
    taken,
)
from shared.keys import Scope

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEASE = 60.0
WHO = Requester(key="abcd", scopes=(Scope.EXPORTS_READ,), rows="all")


def job(name: str = "a", minutes_ago: float = 0, **more: Any) -> Job:
    asked = NOW - timedelta(minutes=minutes_ago)
    return Job(id=name, kind="export", requester=WHO, parameters={}, created_at=asked).model_copy(update=more)


def running(name: str = "a", attempts: int = 1, at: datetime = NOW) -> Job:
    one = job(name, attempts=attempts - 1)
    return taken(one, f"worker of {name}", LEASE, at)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_the_oldest_is_taken_first() -> None:
    assert next_step([job("b", 1), job("a", 2), job("c", 0)], NOW) == Take(job("a", 2))
    assert next_step([], NOW) is None


def test_one_of_a_kind_runs_at_a_time() -> None:
    assert next_step([running(), job("b", 5)], later(LEASE - 1)) is None


def test_a_lost_one_is_taken_again_before_those_that_wait() -> None:
    lost = running()
    assert next_step([job("b", 5), lost], later(LEASE)) == Take(lost)
    second = taken(lost, "another", LEASE, later(LEASE))
    assert (second.attempts, second.owner, second.progress) == (2, "another", Progress())


def test_one_that_is_renewed_is_not_lost() -> None:
    kept = beaten(running(), Progress(done=3, total=9), LEASE, later(50))
    assert next_step([kept], later(LEASE + 40)) is None
    assert kept.progress.done == 3


def test_one_that_is_lost_too_often_fails_and_says_so() -> None:
    lost = running(attempts=MAX_ATTEMPTS)
    step = next_step([lost], later(LEASE))
    assert isinstance(step, End)
    assert (step.job, step.ended.status) == (lost, "failed")
    assert step.ended.error is not None
    assert step.ended.error["code"] == "lost"


def test_what_servers_kept_from_ending_is_tried_again_later_a_bounded_number_of_times() -> None:
    first = again(running(), ("unavailable", "MongoDB is away"), NOW)
    assert (first.status, first.owner) == ("queued", None)
    assert next_step([first], later(AGAIN_SECONDS - 1)) is None
    assert next_step([first], later(AGAIN_SECONDS)) == Take(first)
    second = again(running(attempts=2), ("unavailable", "MongoDB is away"), NOW)
    assert next_step([second], later(AGAIN_SECONDS * 2 - 1)) is None
    last = again(running(attempts=MAX_ATTEMPTS), ("unavailable", "MongoDB is away"), NOW)
    assert (last.status, last.expires_at) == ("failed", NOW + KEPT)


def test_one_whose_wait_is_long_does_not_hold_up_the_next() -> None:
    waits = again(running(), ("unavailable", ""), NOW)
    assert next_step([waits, job("b", 1)], NOW) == Take(job("b", 1))


def test_an_orderly_end_of_a_worker_costs_no_attempt() -> None:
    back = put_back(running(attempts=MAX_ATTEMPTS))
    assert (back.status, back.attempts) == ("queued", MAX_ATTEMPTS - 1)
    assert next_step([back], NOW) == Take(back)


def test_cancelling() -> None:
    waits = cancelled(job(), NOW)
    assert (waits.status, waits.expires_at) == ("cancelled", NOW + KEPT)
    runs = cancelled(running(), NOW)
    assert (runs.status, runs.cancel) == ("running", True)
    assert cancelled(runs, NOW) is runs
    over = ended(running(), "done", NOW, result={"rows": 1})
    assert cancelled(over, NOW) is over


def test_one_that_is_cancelled_while_its_worker_is_gone_ends() -> None:
    step = next_step([cancelled(running(), NOW)], later(LEASE))
    assert isinstance(step, End)
    assert step.ended.status == "cancelled"


def test_what_is_over_is_kept_for_a_day_and_what_is_open_never_expires() -> None:
    assert ended(running(), "done", NOW).expires_at == NOW + timedelta(days=1)
    assert [one.expires_at for one in (job(), running(), put_back(running()))] == [None, None, None]


@pytest.mark.parametrize(
    "change",
    [
        lambda one: taken(one, "b", LEASE, NOW),
        lambda one: beaten(one, Progress(), LEASE, NOW),
        lambda one: ended(one, "done", NOW),
        lambda one: again(one, ("a", "b"), NOW),
        put_back,
        lambda one: cancelled(one, NOW),
    ],
)
def test_each_change_is_a_version(change: Any) -> None:
    assert change(running()).version == running().version + 1


def test_another_run_of_a_job_is_not_ones_own() -> None:
    mine = running()
    assert mine.holds(beaten(mine, Progress(), LEASE, NOW))
    assert not mine.holds(taken(mine, mine.owner or "", LEASE, later(LEASE)))  # the same worker, a later attempt
    assert not mine.holds(put_back(mine))


class Workers(RuleBasedStateMachine):
    """Three workers and four jobs on a store that compares versions, as MongoDB does: whatever they do, whoever crashes
    and goes on, one runs at a time, and in the end every job is over.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.stored = {name: job(name, minutes) for minutes, name in enumerate("dcba")}
        self.held: dict[int, Job] = {}

    def write(self, before: Job, after: Job) -> None:
        runs = [one for one in self.stored.values() if one.id != after.id and one.status == "running"]
        if self.stored[before.id].version == before.version and not (after.status == "running" and runs):
            self.stored[before.id] = after

    def look(self, worker: int) -> None:
        match next_step([one for one in self.stored.values() if one.open], self.now):
            case Take(one):
                assert one.status == "queued" or (one.lease_until or self.now) <= self.now
                self.held[worker] = taken(one, str(worker), LEASE, self.now)
                self.write(one, self.held[worker])
            case End(one, over):
                self.write(one, over)

    @rule(seconds=st.sampled_from([1.0, 30.0, LEASE, 100.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(worker=st.integers(0, 2))
    def take(self, worker: int) -> None:
        if worker not in self.held:
            self.look(worker)

    @rule(worker=st.integers(0, 2))
    def crash(self, worker: int) -> None:
        self.held.pop(worker, None)

    @rule(name=st.sampled_from("abcd"))
    def cancel(self, name: str) -> None:
        self.write(self.stored[name], cancelled(self.stored[name], self.now))

    @rule(worker=st.integers(0, 2), way=st.sampled_from(["beat", "done", "again", "back"]))
    def go_on(self, worker: int, way: str) -> None:
        mine = self.held.get(worker)
        if mine is None:
            return
        there = self.stored[mine.id]
        if way != "beat":
            del self.held[worker]
        if not mine.holds(there):
            self.held.pop(worker, None)
        else:
            ways = {
                "beat": lambda: beaten(there, Progress(), LEASE, self.now),
                "done": lambda: ended(there, "done", self.now),
                "again": lambda: again(there, ("a", "b"), self.now),
                "back": lambda: put_back(there),
            }
            self.write(there, ways[way]())

    @invariant()
    def one_runs_and_attempts_are_bounded(self) -> None:
        assert len([one for one in self.stored.values() if one.status == "running"]) <= 1
        assert all(one.attempts <= MAX_ATTEMPTS for one in self.stored.values())

    def teardown(self) -> None:
        for _ in range(4 * (MAX_ATTEMPTS + 2)):  # everybody is gone
            self.now += timedelta(seconds=1000)
            self.look(0)
        assert not [one for one in self.stored.values() if one.open]


TestWorkers = Workers.TestCase
