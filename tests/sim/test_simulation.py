"""The promises hold in simulated runs, and the simulation finds the bugs that break them.

The numbers of seeds here are those of every day; `python -m tests.sim --seeds 100000` runs more.
"""

from collections.abc import Iterable
from itertools import islice

import pytest

from tests.sim.chance import Chance
from tests.sim.plants import PLANTS
from tests.sim.run import Case, Outcome, case_of, run
from tests.sim.shrink import Shrinker

SEEDS = 60
SERVICE_SEEDS = 8
SOON = 150
"""Seeds within which each of the quicker bugs is found."""
LATE = 4000
RARE = {
    "commit-believed": 1,
    "judged-by-the-clock": 31,
    "kept-across-assignments": 136,
    "kept-for-good": 101,
    "moved-unchecked": 184,
    "no-after": 73,
    "no-position-check": 91,
    "older-seek-wins": 144,
    "pending-kept": 2,
    "pipelined-batches": 211,
    "producer-kept": 8,
    "torn-read": 805,
}
"""Bugs that need several things to go wrong at once, and a seed that last found each: it is tried first."""


def _told(outcomes: list[Outcome]) -> str:
    return "\n".join(
        f"{o.broken}: {o.details}\n  python -m tests.sim --trace --case '{o.case.text()}'" for o in outcomes
    )


def _first_found(plant: str, seeds: Iterable[int]) -> Outcome | None:
    outcomes = (run(Case(seed, PLANTS[plant].scenario), PLANTS[plant].parts) for seed in seeds)
    return next((outcome for outcome in outcomes if outcome.broken), None)


def test_every_promise_holds_whatever_goes_wrong() -> None:
    outcomes = [run(Case(seed)) for seed in range(SEEDS)]
    assert not (broken := [outcome for outcome in outcomes if outcome.broken]), _told(broken)
    assert sum(outcome.records for outcome in outcomes) > 5 * SEEDS, "the runs have something to do"
    assert sum(outcome.decisions for outcome in outcomes) > SEEDS, "and something to decide"


def test_every_promise_holds_for_the_services_that_decide() -> None:
    outcomes = [run(Case(seed, "services")) for seed in range(SERVICE_SEEDS)]
    assert not (broken := [outcome for outcome in outcomes if outcome.broken]), _told(broken)


def test_every_promise_holds_for_the_feed() -> None:
    outcomes = [run(Case(seed, "feed")) for seed in range(SERVICE_SEEDS)]
    assert not (broken := [outcome for outcome in outcomes if outcome.broken]), _told(broken)


@pytest.mark.parametrize("plant", sorted(PLANTS.keys() - RARE.keys()))
def test_a_planted_bug_is_found(plant: str) -> None:
    assert _first_found(plant, range(SOON)) is not None, PLANTS[plant].breaks


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("plant", sorted(RARE))
def test_a_rare_planted_bug_is_found(plant: str) -> None:
    assert _first_found(plant, [RARE[plant], *range(LATE)]) is not None, PLANTS[plant].breaks


def test_the_same_case_is_the_same_run() -> None:
    first, second = run(Case(3)), run(Case(3))
    assert (first.steps, first.deviations, first.records) == (second.steps, second.deviations, second.records)


def test_a_run_replays_from_its_choices_alone() -> None:
    lines: list[str] = []
    again: list[str] = []
    outcome = run(Case(5), trace=lines.append)
    run(Case(5, deviations=tuple(outcome.deviations.items())), trace=again.append)
    assert lines == again


def test_a_failing_case_becomes_small_and_replays_from_its_text() -> None:
    plant = PLANTS["position-moved-first"].parts
    outcomes = (run(Case(seed), plant) for seed in range(SOON))
    found = list(islice((outcome for outcome in outcomes if outcome.broken), 2))  # one may end in a local minimum
    assert len(found) == 2, "a common bug"
    smaller = [Shrinker(outcome, plant, max_runs=120).shrink() for outcome in found]
    assert all(
        len(small.case.sends or ()) < len(outcome.case.plan().sends)
        for small, outcome in zip(smaller, found, strict=True)
    )
    small = min(smaller, key=lambda outcome: len(outcome.case.sends or ()))
    assert len(small.case.sends or ()) <= 2
    replayed = run(case_of(small.case.text()), plant)
    assert (replayed.broken, replayed.details) == (small.broken, small.details)
    assert not run(case_of(small.case.text())).broken, "it is the bug that breaks it"


def test_without_deviations_every_choice_is_the_plain_one() -> None:
    chance = Chance("any", {})
    assert [chance.pick(9) for _ in range(50)] == [0] * 50
    assert not any(chance.happens(0.99) for _ in range(50))
    assert not chance.taken
