"""Seeds of the simulated delivery, and bugs planted to see that they are found."""

import pytest

from tests.services.delivery.plants import PLANTS
from tests.services.delivery.world import run

SEEDS = range(10)
MOST_SEEDS = 40


@pytest.mark.parametrize("seed", SEEDS)
def test_no_gap_no_reorder_never_stuck(seed: int) -> None:
    run(seed)


@pytest.mark.release  # a minute
@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_found(name: str) -> None:
    with PLANTS[name]():
        for seed in range(MOST_SEEDS):
            try:
                run(seed)
            except Exception:  # noqa: BLE001 - however it shows
                return
    pytest.fail(f"{name}: not found in {MOST_SEEDS} seeds")
