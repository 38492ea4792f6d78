"""Twice the partitions, by the command and the two variables that docs/rebuilding.md names."""

import pytest

from services import SERVICES
from tests.compose.conftest import PARTITIONS
from tests.compose.project import Project, until
from tests.compose.purchases import by_kafka, purchases, shown, sums
from tests.operations.doctor.said import checks_with_symptoms

pytestmark = [
    pytest.mark.compose,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.release("operations/relog does the same on real servers"),
]

EVENTS = 1_000
FOLDED_SECONDS = 120


def test_twice_the_partitions(project: Project) -> None:
    events = purchases("relogged", 2 * EVENTS)
    before, expected = sums(events[:EVENTS]), sums(events)
    by_kafka(project, events[:EVENTS])
    until(lambda: shown(project, "relogged") == before, "the first half is in a view", seconds=FOLDED_SECONDS)
    relog = ("run", "--rm", "-T", "cli", "guanxi", "relog", "--partitions", str(2 * PARTITIONS))
    assert "still runs" in project.compose(*relog, check=False)
    project.compose("stop", *SERVICES)
    by_kafka(project, events[EVENTS : EVENTS + 100])
    said = project.compose(*relog, timeout_s=240)
    settings = {"GUANXI_PARTITIONS": str(2 * PARTITIONS), "GUANXI_LOG_GENERATION": "2"}
    assert all(f"{name}={value}" in said for name, value in settings.items())
    project.environment = {**project.environment, **settings}
    project.up()
    by_kafka(project, events)  # of half of them it knows
    until(lambda: shown(project, "relogged") == expected, "every purchase is in a view, once", seconds=FOLDED_SECONDS)
    assert "no differences" in project.compose("run", "--rm", "-T", "cli", "guanxi", "verify", timeout_s=240)
    doctor = project.compose("run", "--rm", "-T", "cli", "guanxi", "doctor", timeout_s=240)
    assert checks_with_symptoms(doctor) == set(), doctor
