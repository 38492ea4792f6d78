"""Health checks are red when they should be, and stopping drains."""

import pytest

from services import SERVICES
from tests.compose.project import Project, until

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]

RED_SECONDS = 120
STOPPED_BY_SIGNAL = 128 + 15


def red(project: Project, service: str) -> bool:
    """As Docker's health check does, without waiting for as many failures as it does."""
    return project.returned("docker", "exec", project.containers(service)[0], "python", "-m", "shared.ready") != 0


@pytest.mark.parametrize("store", ["mongo", "kafka"])
def test_services_are_not_ready_without_a_store_and_ready_when_it_is_back(project: Project, store: str) -> None:
    # Who asks MongoDB only goes on answering without Kafka.
    without = [*SERVICES] if store == "mongo" else [*SERVICES.positions]
    project.compose("pause", store)
    try:
        until(lambda: all(red(project, one) for one in without), f"not ready without {store}", seconds=RED_SECONDS)
        assert not [one for one in SERVICES if one not in without and red(project, one)]
    finally:
        project.compose("unpause", store)
    until(lambda: not any(red(project, one) for one in SERVICES), f"ready with {store} again", seconds=RED_SECONDS)


@pytest.mark.release("a paused store and one that comes back are tested above; e2e/test_real_outages stops them")
def test_services_wait_for_stores_that_come_later(project: Project) -> None:
    project.compose("stop", "kafka", "mongo")
    project.compose("restart", "-t", "30", *SERVICES)
    assert all(red(project, one) for one in SERVICES)
    assert {project.inspect(one)["State"]["Status"] for one in SERVICES} == {"running"}
    project.compose("start", "mongo", "kafka")
    until(lambda: not any(red(project, one) for one in SERVICES), "ready with both", seconds=RED_SECONDS)
    assert {project.inspect(one)["RestartCount"] for one in ("kafka", "mongo")} == {0}


@pytest.mark.parametrize("store", ["kafka", "mongo"])
def test_a_store_that_hangs_is_unhealthy(project: Project, store: str) -> None:
    (container,) = project.containers(store)

    def healthy() -> bool:
        return project.returned("docker", "exec", container, "bash", "/etc/guanxi/healthy") == 0

    assert healthy()
    project.docker("kill", "--signal", "STOP", container)
    try:
        assert not healthy()
    finally:
        project.docker("kill", "--signal", "CONT", container)
    until(healthy, f"{store} is healthy again", seconds=60)


def test_stopping_drains_within_the_grace_time(project: Project) -> None:
    project.compose("stop", *SERVICES, timeout_s=100)
    ended = {service: project.inspect(service)["State"] for service in SERVICES}
    assert {state["ExitCode"] for state in ended.values()} <= {0, STOPPED_BY_SIGNAL}
    assert not [state for state in ended.values() if state["OOMKilled"]]
    project.up()
