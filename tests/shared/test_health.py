"""What a process says of itself, and how soon."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from shared import health as health_module
from shared import metrics
from shared.health import Health
from shared.serving import make_app


async def fine() -> str | None:
    return None


async def away() -> str | None:
    return "MongoDB: no primary"


async def broken() -> str | None:
    raise RuntimeError("a bug")


@pytest.fixture
def health(monkeypatch: pytest.MonkeyPatch) -> Health:
    monkeypatch.setattr(health_module, "KEEP_SECONDS", -1.0)
    return Health("test")


@asynccontextmanager
async def asking(
    health: Health, *, metrics_port: int | None = None, port: int = 8080
) -> AsyncIterator[httpx.AsyncClient]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield

    app: Any = make_app(health, [Mount("/", app=Starlette())], lifespan, metrics_port)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://service:{port}") as client:
        yield client


async def test_a_process_that_waits_for_its_servers_is_alive_and_says_what_it_waits_for(health: Health) -> None:
    health.waiting_for = "MongoDB: connection refused"
    async with asking(health) as client:
        assert (await client.get("/livez")).status_code == 200
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["starting: waiting for MongoDB: connection refused"]


async def test_the_answer_names_the_check_that_fails_and_its_reason(health: Health) -> None:
    health.checks |= {"kafka": fine, "mongodb": away}
    health.details["lag"] = lambda: 7
    async with asking(health) as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()) == (
            503,
            {
                "service": "test",
                "ready": False,
                "problems": ["MongoDB: no primary"],
                "checks": {"kafka": "ok", "mongodb": "MongoDB: no primary"},
                "lag": 7,
            },
        )
        health.checks["mongodb"] = fine
        assert (await client.get("/readyz")).status_code == 200


@pytest.mark.parametrize(("port", "shown"), [(8080, False), (9464, True)])
async def test_counters_are_not_shown_at_the_public_port(health: Health, port: int, *, shown: bool) -> None:
    health.checks["kafka"] = fine
    health.details["lag"] = lambda: 7
    async with asking(health, metrics_port=9464, port=port) as client:
        body = (await client.get("/readyz")).json()
    assert body["ready"]
    assert ("lag" in body) is shown


async def test_one_check_can_be_asked_by_itself_as_a_balancer_before_the_door_does(health: Health) -> None:
    health.checks |= {"kafka": fine, "mongodb": away}
    async with asking(health) as client:
        assert (await client.get("/readyz/kafka")).status_code == 200
        assert (await client.get("/readyz/mongodb")).status_code == 503
        assert (await client.get("/readyz/moon")).status_code == 404


async def test_before_the_start_a_single_check_is_not_passed(health: Health) -> None:
    async with asking(health) as client:
        assert (await client.get("/readyz/kafka")).status_code == 503


async def test_a_check_that_hangs_is_reported_in_time_and_not_asked_again_meanwhile(
    health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "CHECK_SECONDS", 0.05)
    asked, answer = 0, asyncio.Event()

    async def hangs() -> str | None:
        nonlocal asked
        asked += 1
        await answer.wait()
        return None

    health.checks |= {"kafka": fine, "mongodb": hangs}
    assert await health.problems() == ["mongodb: no answer within 0.05 s"]
    assert await health.problems() == ["mongodb: no answer within 0.05 s"]
    assert asked == 1
    answer.set()
    assert await health.problems() == []


async def test_a_check_with_a_bug_is_a_failed_check(health: Health) -> None:
    health.checks["odd"] = broken
    assert await health.problems() == ["odd: a bug"]


async def test_who_cannot_go_on_is_neither_alive_nor_ready(health: Health) -> None:
    health.checks["kafka"] = fine
    health.stopped = "the stored position lies outside what Kafka holds"
    async with asking(health) as client:
        alive, ready = await client.get("/livez"), await client.get("/readyz")
    assert (alive.status_code, ready.status_code) == (503, 503)
    assert alive.json()["stopped"] == health.stopped
    assert ready.json()["problems"] == [health.stopped]


async def test_a_report_is_kept_for_a_moment_so_that_asking_often_costs_nothing() -> None:
    asked = 0

    async def counts() -> str | None:
        nonlocal asked
        asked += 1
        return None

    health = Health("test", checks={"kafka": counts})
    for _ in range(5):
        await health.kept_report()
    assert asked == 1


async def test_metrics_show_the_checks_and_are_asked_for_when_read(health: Health) -> None:
    health.checks |= {"kafka": fine, "mongodb": away}
    health.exports.append(lambda: metrics.DUE.set(41))
    async with asking(health) as client:
        text = (await client.get("/metrics")).text
    assert 'guanxi_ready{check="kafka"} 1.0' in text
    assert 'guanxi_ready{check="mongodb"} 0.0' in text
    assert "guanxi_due_reviews 41.0" in text


async def test_metrics_are_kept_for_a_moment_so_that_asking_often_costs_nothing(health: Health) -> None:
    written: list[bool] = []
    health.exports.append(lambda: written.append(True))
    async with asking(health) as client:
        texts = {(await client.get("/metrics")).text for _ in range(5)}
    assert len(texts) == len(written) == 1


@pytest.mark.parametrize(("port", "status"), [(8080, 404), (9464, 200)])
async def test_with_a_port_of_their_own_metrics_answer_there_alone(health: Health, port: int, status: int) -> None:
    async with asking(health, metrics_port=9464, port=port) as client:
        assert (await client.get("/metrics")).status_code == status


async def test_requests_are_counted_by_handler_and_status_and_never_by_path(health: Health) -> None:
    def count(handler: str, status: str) -> float:
        name = "guanxi_http_request_seconds_count"
        return metrics.REGISTRY.get_sample_value(name, {"handler": handler, "status": status}) or 0.0

    before = count("livez", "200"), count("none", "404")
    async with asking(health) as client:
        await client.get("/livez")
        for name in ("a", "b", "c/d"):
            await client.get(f"/customers/{name}")
    assert (count("livez", "200") - before[0], count("none", "404") - before[1]) == (1, 3)
