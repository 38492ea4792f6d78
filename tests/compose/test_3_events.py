"""10,000 events by HTTP and by Kafka while containers are scaled, killed, restarted: none lost, none counted twice."""

from typing import Any

import httpx
import pytest

from local.stack.paths import REPOSITORY
from services import API, SERVICES
from shared.keys import Scope
from tests.compose.project import Project, until
from tests.compose.purchases import by_kafka, purchases, shown, sums
from tests.events.wire import event

pytestmark = [pytest.mark.compose, pytest.mark.slow, pytest.mark.timeout(900)]

POLICY = REPOSITORY / "deploy" / "policies" / "default-cny.yaml"
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


def test_what_was_sent_is_read_verified_and_exported_over_http(
    project: Project, events: list[dict[str, Any]], token: str
) -> None:
    """By the users and rights of this deployment; the worker may read all that verifying needs."""
    del token
    visit = event("visit.logged", id="visit-with-names", subject=events[0]["subject"], time=events[0]["time"])
    by_kafka(project, [visit, visit])
    assert "no differences" in project.compose("run", "--rm", "-T", "cli", "guanxi", "verify", "log", timeout_s=240)
    project.compose("run", "--rm", "-T", "cli", "guanxi", "person", "due")
    scopes = [word for scope in Scope for word in ("--scope", scope)]
    made = project.compose("run", "--rm", "-T", "cli", "guanxi", "keys", "create", "--source", "erp", *scopes)
    with httpx.Client(base_url=project.published(API), trust_env=False, timeout=60) as client:
        client.headers["Authorization"] = f"Bearer {made.strip()}"
        subject = events[0]["subject"]
        shown = client.get(f"/v1/customers/{subject}", params={"include": "engagement,timeline"})
        assert shown.status_code == httpx.codes.OK, shown.text
        assert shown.json()["data"]["timeline"]
        for resource in ("key-persons", "relationship-assessments"):
            assert client.get(f"/v1/{resource}").status_code == httpx.codes.OK
        customers = {one["subject"] for one in events}
        for asked in (
            {"kind": "export", "resource": "customers", "format": "parquet"},
            {"kind": "export", "resource": "key-persons", "format": "csv"},
            {"kind": "verify", "checks": ["log", "views"], "sample": "5%"},
            {"kind": "simulate", "policy": POLICY.read_text(encoding="utf-8"), "on": "2026-01-01"},
        ):
            asked_for = client.post("/v1/jobs", json=asked)
            assert asked_for.status_code == httpx.codes.ACCEPTED, asked_for.text
            path = asked_for.headers["Location"]

            def over(path: str = path) -> bool:
                return client.get(path).json()["data"]["status"] in {"done", "failed"}

            until(over, f"{asked['kind']} is over", seconds=FOLDED_SECONDS)
            job = client.get(path).json()["data"]
            assert job["status"] == "done", job["error"]
            assert client.get(f"{path}/result").status_code == httpx.codes.OK
            if asked["kind"] == "verify":
                assert job["result"]["differences"] == 0
            if asked.get("resource") == "customers":
                assert job["result"]["rows"] >= len(customers)


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
