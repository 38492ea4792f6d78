"""10,000 events by HTTP and by Kafka while containers are scaled, killed, restarted: none lost, none counted twice."""

from typing import Any

import httpx
import pytest

from services import SERVICES
from tests.compose.project import Project, until
from tests.compose.purchases import by_kafka, purchases, shown, sums

pytestmark = [pytest.mark.compose, pytest.mark.slow, pytest.mark.timeout(900)]

EVENTS, REQUEST = 10_000, 500
FOLDED_SECONDS = 180


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    """10,000 of them."""
    return purchases("many", EVENTS)


@pytest.fixture(scope="module")
def token(project: Project) -> str:
    """A key of the door, made as documented."""
    return project.compose("run", "--rm", "-T", "cli", "guanxi", "keys", "create", "--source", "erp").strip()


def crash(project: Project, service: str) -> None:
    """Kill every process of its first container but the one that waits for them."""
    project.docker("exec", project.containers(service)[0], "python", "-c", "import os; os.kill(-1, 9)", check=False)


def by_http(project: Project, token: str, events: list[dict[str, Any]]) -> None:
    """In requests of many, each until it is taken, as a careful sender does."""
    with httpx.Client(base_url=project.door(), trust_env=False, timeout=30) as client:
        for start in range(0, len(events), REQUEST):

            def taken(batch: Any = events[start : start + REQUEST]) -> bool:
                try:
                    answer = client.post("/v1/events", json=batch, headers={"Authorization": f"Bearer {token}"})
                except httpx.TransportError:
                    return False
                return answer.status_code == httpx.codes.ACCEPTED

            until(taken, "the door takes a request", seconds=120)


def test_all_arrive_once_through_scaling_kills_and_restarts(
    project: Project, events: list[dict[str, Any]], token: str
) -> None:
    by_http(project, token, events[:2_000])
    by_kafka(project, events[2_000:4_000])
    project.compose("up", "-d", "--wait", "--no-recreate", "--scale", "tiering=3", timeout_s=240)
    assert len(project.compose("ps", "-q", "tiering").split()) == 3
    by_http(project, token, events[4_000:5_000])
    by_kafka(project, events[5_000:6_000])
    for service in SERVICES:
        crash(project, service)  # Docker starts it again, as it would after an end of its own
    by_kafka(project, events[5_500:7_000])  # half a thousand of them again
    project.compose("restart", "-t", "20", "kafka")
    by_http(project, token, events[6_500:8_500])
    project.compose("restart", "-t", "20", "mongo")
    by_http(project, token, events[8_500:])
    expected = sums(events)
    until(lambda: shown(project, "many") == expected, "every purchase is in a view, once", seconds=FOLDED_SECONDS)
    checked = project.compose("run", "--rm", "-T", "cli", "guanxi", "rebuild", "tiering", "--check", timeout_s=240)
    assert "differs" not in checked


@pytest.mark.release("test_7_tls makes the containers anew over the same volumes too")
def test_down_and_up_again_with_volumes_keeps_all(project: Project, events: list[dict[str, Any]], token: str) -> None:
    project.docker("rm", "-f", project.probe)
    project.compose("down", "-t", "40", timeout_s=240)
    project.up()
    project.start_probe()
    assert shown(project, "many") == sums(events)
    by_http(project, token, events[:500])  # known ones: duplicates
    by_kafka(project, events[-1:])
    assert shown(project, "many") == sums(events)
