"""What an operator sees while MongoDB is stopped and Kafka hangs: health, lag, `guanxi status`; and afterwards."""

import json
import signal
from pathlib import Path

import pytest

from local.stack import kafka, mongod
from services import SERVICES
from tests.e2e.stand import Stand, a_stand

WHY_NOT = kafka.why_not() or mongod.why_not()
pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(WHY_NOT), reason=f"the servers are stopped here, so they must be our own: {WHY_NOT}"),
]
INBOX, LOG = "guanxi.inbox", "guanxi.log"
SENT_IN_QUIET, SENT_IN_OUTAGE = 6, 20


@pytest.mark.release("tests/compose pauses a store in CI; make faults stops and cuts all of them")
async def test_outages_show_and_pass(tmp_path: Path) -> None:
    async with a_stand(tmp_path) as stand:
        await _all_is_well(stand)
        await _mongo_is_stopped(stand)
        await _mongo_comes_back(stand)
        await _kafka_hangs(stand)
        await _a_service_ends(stand)


async def _all_is_well(stand: Stand) -> None:
    assert await stand.send(*(f"C-{n}" for n in range(SENT_IN_QUIET))) == 202
    for service in SERVICES.folding:
        await stand.until(f"{service} has read all", _read, stand, service, SENT_IN_QUIET)
    admitted = await stand.metric("ingest", "guanxi_inbox_records_total", outcome="accepted")
    door = await stand.metric("ingest", "guanxi_door_events_total", outcome="accepted")
    answered = await stand.metric("ingest", "guanxi_http_request_seconds_count", handler="post_events", status="202")
    assert (admitted, door, answered) == (SENT_IN_QUIET, SENT_IN_QUIET, 1)
    assert await stand.metric("tiering", "guanxi_log_records_total", outcome="folded") >= SENT_IN_QUIET
    for service, topic in (("ingest", INBOX), *((name, LOG) for name in SERVICES.folding)):
        assert await stand.metric(service, "guanxi_lag_records", topic=topic) == 0
        assert await stand.metric(service, "guanxi_lag_seconds", topic=topic) == 0
        assert await stand.metric(service, "guanxi_partitions_owned", topic=topic) == 3
        assert await stand.metric(service, "guanxi_delay_seconds_count", topic=topic) >= 1
        assert await stand.metric(service, "guanxi_ready") == 3  # Kafka, MongoDB, the topic
    status = await stand.status()
    assert (status.code, "all is well" in status.out) == (0, True), status
    assert status.err == ""


async def _mongo_is_stopped(stand: Stand) -> None:
    await stand.mongo.stop()
    for service in stand.services.names:
        await stand.until(f"{service} is not ready", _problem, stand, service, "MongoDB")
        assert (await stand.ready(service, "kafka"))[0] == 200
        assert (await stand.ready(service, "mongodb"))[0] == 503
    assert await stand.send(*(f"C-{n}" for n in range(SENT_IN_OUTAGE))) == 202  # the door needs Kafka alone
    assert await stand.metric("ingest", "guanxi_lag_records", topic=INBOX) == SENT_IN_OUTAGE
    assert await stand.metric("ingest", "guanxi_lag_seconds", topic=INBOX) > 0
    assert await stand.metric("ingest", "guanxi_ready", check="mongodb") == 0
    await stand.until("ingest tries again", stand.metric, "ingest", "guanxi_reader_restarts_total")
    status = await stand.status()
    assert status.code == 1
    assert "MongoDB is unreachable" in status.out
    assert "NOT READY" in status.out
    assert "Traceback" not in status.out + status.err


async def _mongo_comes_back(stand: Stand) -> None:
    await stand.start_mongo()
    for service in stand.services.names:
        await stand.until(f"{service} is ready", _is_ready, stand, service)
    total = SENT_IN_QUIET + SENT_IN_OUTAGE
    await stand.until("all is folded", _read, stand, "tiering", total)
    await stand.until("nothing is left", _no_lag, stand)
    assert await stand.metric("ingest", "guanxi_inbox_records_total", outcome="accepted") == total
    assert await stand.metric("tiering", "guanxi_transactions_total", outcome="committed") >= 1
    status = await stand.status()
    assert status.code == 0, status


async def _kafka_hangs(stand: Stand) -> None:
    stand.kafka.send(signal.SIGSTOP)
    try:
        for service in stand.services.names:
            await stand.until(f"{service} misses Kafka", _problem, stand, service, "Kafka does not answer")
        status = await stand.status()
    finally:
        stand.kafka.send(signal.SIGCONT)
    assert status.code == 1
    assert "Kafka at" in status.out
    assert "Traceback" not in status.out + status.err
    for service in stand.services.names:
        await stand.until(f"{service} is ready", _is_ready, stand, service)


async def _a_service_ends(stand: Stand) -> None:
    await stand.services.stop("engagement")
    status = await stand.status("--json")
    assert status.code == 1
    told = json.loads(status.out)
    assert told["well"] is False
    assert {one["service"]: one["ready"] for one in told["services"]} == {
        name: name != "engagement" for name in stand.services.names
    }


async def _read(stand: Stand, service: str, records: int) -> bool:
    """Whether at least so many facts were read; decisions come on top."""
    return await stand.metric(service, "guanxi_log_records_total") >= records


async def _no_lag(stand: Stand) -> bool:
    return not any([await stand.metric(service, "guanxi_lag_records") for service in stand.services.names])


async def _is_ready(stand: Stand, service: str) -> bool:
    return (await stand.ready(service))[0] == 200


async def _problem(stand: Stand, service: str, words: str) -> bool:
    code, body = await stand.ready(service)
    return code == 503 and any(words in problem for problem in body["problems"])
