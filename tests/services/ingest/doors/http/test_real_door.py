"""The HTTP door of the running service, and the commands beside it, on a real Kafka and MongoDB."""

import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.kafka.batches import Outgoing
from shared.topics import INBOX, LOG
from tests.events.wire import event, raw
from tests.services.ingest.doors.http.door import is_problem
from tests.services.ingest.doors.http.running import ingest
from tests.services.ingest.fakes import read_log
from tests.services.ingest.real import Servers, servers_of, until

pytestmark = pytest.mark.real

YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).isoformat()
NOWHERE = "127.0.0.1:1"


@pytest.fixture
async def servers(stack_settings: dict[str, str]) -> AsyncIterator[Servers]:
    async with servers_of(stack_settings) as made:
        yield made


def purchases(*ids: str, **attributes: Any) -> list[dict[str, Any]]:
    return [event(id=name, time=YESTERDAY, data={"purchase_id": name}, **attributes) for name in ids]


async def test_events_go_from_the_door_to_the_log_once(
    servers: Servers, stack_settings: dict[str, str], tmp_path: Path
) -> None:
    async with ingest(stack_settings, tmp_path) as running:
        bad = event(id="bad", time=YESTERDAY, data={"amount": "-1"})
        answer = await running.post([*purchases("a", "b"), bad, *purchases("c", subject="华芯科技")])
        assert [one["status"] for one in answer.json()["events"]] == ["accepted", "accepted", "refused", "accepted"]
        await until(servers.admitted_all)
        again = await running.post([*purchases("a"), *purchases("d")])
        assert [one["status"] for one in again.json()["events"]] == ["duplicate", "accepted"]
        conflict = await running.post(event(id="a", time=YESTERDAY, data={"purchase_id": "a", "amount": "9.99"}))
        assert is_problem(conflict, 422, "all_refused")
        await until(servers.admitted_all)
    facts = [fact for partition in read_log(await servers.read_outgoing(LOG)) for _, fact in partition]
    assert sorted(fact.id for fact in facts) == ["a", "b", "c", "d"]
    assert {fact.subject for fact in facts} == {"00042", "华芯科技"}


async def test_the_door_is_open_while_mongodb_is_away(
    servers: Servers, stack_settings: dict[str, str], tmp_path: Path
) -> None:
    away: dict[str, Any] = {"GUANXI_MONGO_URI": f"mongodb://{NOWHERE}/?serverSelectionTimeoutMS=500"}
    async with ingest(stack_settings, tmp_path, ready=False, **away) as running:
        begun = time.monotonic()
        answer = await running.post(purchases("a", "b"))
        assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
        assert time.monotonic() - begun < 10
    inbox = [json.loads(record.value or b"") for partition in await servers.read(INBOX) for record in partition]
    assert [document["id"] for document in inbox] == ["a", "b"]


async def test_without_kafka_the_door_says_so_and_when_to_come_again(
    servers: Servers, stack_settings: dict[str, str], tmp_path: Path
) -> None:
    del servers
    async with ingest(stack_settings, tmp_path, ready=False, GUANXI_KAFKA_BOOTSTRAP=NOWHERE) as running:
        answer = await running.post(purchases("a"))
        assert is_problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"]


async def test_send_goes_through_http_or_straight_to_kafka(
    servers: Servers, stack_settings: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(map(raw, [*purchases("f1", "f2"), event(id="old", time="2001-01-01T00:00:00Z")])))
    async with ingest(stack_settings, tmp_path) as running:
        sent = await running.guanxi("send", file)
        assert (sent.code, sent.err) == (1, "")
        assert [line.split()[1:3] for line in sent.out.splitlines()] == [
            ["f1", "accepted"], ["f2", "accepted"], ["old", "refused"],
        ]  # fmt: skip
        flags = [
            "--type",
            "guanxi.customer.registered.v1",
            "--subject",
            "C1",
            "--data",
            '{"name": "华芯科技"}',
            "--id",
            "x",
        ]
        assert (await running.guanxi("send", *flags)).code == 0
        straight = await running.guanxi("send", "-", "--kafka", stdin=raw(purchases("k1")[0]))
        assert (straight.code, straight.out.count("on the inbox")) == (0, 1)
        wrong = await running.guanxi("send", file, "--api-key", "nonsense")
        assert (wrong.code, "401" in wrong.err, "Traceback" in wrong.err) == (1, True, False)
        nobody = await running.guanxi("send", file, "--url", f"http://{NOWHERE}")
        assert (nobody.code, "Traceback" in nobody.err) == (1, False)
        await until(servers.admitted_all)
    facts = [fact.id for partition in read_log(await servers.read_outgoing(LOG)) for _, fact in partition]
    assert sorted(facts) == ["f1", "f2", "k1", "x"]


async def test_refused_records_are_listed_shown_and_replayed(
    servers: Servers, stack_settings: dict[str, str], tmp_path: Path
) -> None:
    odd = b"\x1b[2Jgone\xff"
    early = event(id="early", time=(datetime.now(UTC) + timedelta(minutes=5, seconds=4)).isoformat())
    await servers.send(
        [
            Outgoing(0, b"\x07key", odd, [("h", b"\x1b[31m")]),
            Outgoing(1, None, None, []),
            Outgoing(1, b"k", b" " * 2_000_000, []),
            Outgoing(2, b"customer:00042", raw(early), []),
        ]
    )
    async with ingest(stack_settings, tmp_path) as running:
        await until(servers.admitted_all)
        listed = await running.guanxi("rejected", "list")
        assert listed.code == 0
        assert {line.split()[1] for line in listed.out.splitlines() if line[:8].strip().isdigit()} == {
            "not_utf8", "empty", "too_large", "in_future",
        }  # fmt: skip
        shown = await running.guanxi("rejected", "show", "1/0/0")
        assert r"\x1b[2Jgone\xff" in shown.out
        assert r"\x07key" in shown.out
        assert "\x1b" not in shown.out
        assert "too_large" in (await running.guanxi("rejected", "list", "--reason", "too_large")).out
        nobody = await running.guanxi("rejected", "show", "1/0/99")
        assert (nobody.code, "no refused record" in nobody.err) == (1, True)

        cut = await running.guanxi("rejected", "replay", "1/1/1")
        assert "1 not replayed" in cut.out

        async def early_is_replayed() -> bool:
            await running.guanxi("rejected", "replay", "--reason", "in_future")
            await until(servers.admitted_all)
            return any(await servers.read(LOG))

        await until(early_is_replayed)
        assert (await running.guanxi("rejected", "replay", "--reason", "in_future")).code == 0
        await until(servers.admitted_all)
        too_many = await running.guanxi("rejected", "replay", "--all", "--limit", "1")
        assert (too_many.code, "--limit" in too_many.err) == (1, True)
    log = await servers.read(LOG)
    assert [json.loads(record.value or b"")["id"] for partition in log for record in partition] == ["early"]
    inbox = [record for partition in await servers.read(INBOX) for record in partition if record.value == raw(early)]
    assert {(record.key, tuple(record.headers)) for record in inbox} == {(b"customer:00042", ())}


async def test_refused_records_are_corrected_by_a_mapping_and_count_once(
    servers: Servers, stack_settings: dict[str, str], tmp_path: Path
) -> None:
    wrong = [json.loads(one) for one in map(raw, purchases("a", "b", "c"))]
    wrong = [{**one, "data": {**one["data"], "currency": "£"}} for one in wrong]
    wrong[2]["data"]["amount"] = "nothing"
    await servers.send([Outgoing(number, None, raw(one), []) for number, one in enumerate(wrong)])
    fix = tmp_path / "fix.yaml"
    fix.write_text("when: {source: erp}\nvalues: {data.currency: {£: GBP}}\n", encoding="utf-8")
    async with ingest(stack_settings, tmp_path) as running:
        await until(servers.admitted_all)
        tried = await running.guanxi("rejected", "fix", str(fix), "--all", "--dry-run")
        assert "2 would be replayed" in tried.out
        assert "1 not replayed: would be refused as invalid_amount" in tried.out
        assert not any(await servers.read(LOG))
        for _ in range(2):
            assert "2 replayed" in (await running.guanxi("rejected", "fix", str(fix), "--all")).out
            await until(servers.admitted_all)
    facts = [fact.id for partition in read_log(await servers.read_outgoing(LOG)) for _, fact in partition]
    assert sorted(facts) == ["a", "b"]
