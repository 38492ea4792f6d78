"""Jobs on a real MongoDB, asked for by HTTP: who may, what is refused, what a worker does, and what it leaves."""

import asyncio
import csv
import io
import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx
import pytest
import yaml
from pyarrow import parquet
from pymongo.errors import DuplicateKeyError

from operations.jobs import app
from operations.jobs.app import Worker
from operations.jobs.made import Made, Work
from services.query.api.jobs_asked import MAX_BODY_BYTES
from services.query.api.resources import FOLDED, Order, Resource
from shared.errors import Malformed, Transient
from shared.jobs import KEPT, MAX_ATTEMPTS, MAX_OPEN_PER_KEY, MAX_RESULTS_PER_KEY, PIECE_BYTES, Job, ended
from shared.mongo.jobs import Change, Queue
from tests.operations.jobs.yard import CUSTOMERS, EXPORT, Yard
from tests.services.query.test_real_api import is_problem

Json = dict[str, Any]
pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
ORDERS = [(resource, order) for resource in FOLDED if resource.name != "rep-weeks" for order in resource.orders]
"""Representatives' weeks are compared where services have written them (tests/services/query/test_real_jobs.py)."""


async def pages(yard: Yard, client: httpx.AsyncClient, path: str, query: str, key: str = "all") -> list[Json]:
    rows: list[Json] = []
    cursor = None
    while True:
        more = "&".join(part for part in ("size=7", query, f"cursor={cursor}" if cursor else "") if part)
        body = (await yard.get(client, f"{path}?{more}", key)).json()
        rows += body["data"]
        cursor = body["page"]["next"]
        if cursor is None:
            return rows


@pytest.mark.parametrize(("resource", "order"), ORDERS, ids=lambda one: getattr(one, "name", ""))
async def test_an_export_is_the_pages_row_for_row(
    yard: Yard, client: httpx.AsyncClient, resource: Resource, order: Order
) -> None:
    query = f"sort={order.name}" + "".join(f"&{name}=C0001" for name in resource.one_of)
    expected = await pages(yard, client, resource.path, query)
    assert expected
    asked = {"kind": "export", "resource": resource.name, "query": query}
    told, lines = await yard.result(client, {**asked, "format": "ndjson"})
    assert [json.loads(line) for line in lines.splitlines()] == expected
    assert (told["rows"], told["exact"], told["bytes"]) == (len(expected), True, len(lines))
    assert told["sha256"] == sha256(lines).hexdigest()
    assert [column["name"] for column in told["columns"]] == [*resource.fields]
    _, raw = await yard.result(client, {**asked, "format": "csv"})
    table = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert table[0] == [*resource.fields]
    assert len(table) == 1 + len(expected)
    _, raw = await yard.result(client, {**asked, "format": "parquet"})
    (first,) = {"customer", "id"} & {*resource.fields}
    assert [row[first] for row in parquet.read_table(io.BytesIO(raw)).to_pylist()] == [row[first] for row in expected]


async def test_filters_and_fields_are_those_of_the_list(yard: Yard, client: httpx.AsyncClient) -> None:
    query = "tier=strategic&tier=partner&net_365d_min=0&fields=customer,net_365d"
    bad = await yard.ask(client, {**EXPORT, "query": query})
    assert is_problem(bad, "repeated_parameter")
    query = "tier=strategic&net_365d_min=0&fields=customer,net_365d"
    expected = await pages(yard, client, "/v1/customers", query)
    assert 0 < len(expected) < CUSTOMERS
    told, lines = await yard.result(client, {**EXPORT, "query": query})
    assert [json.loads(line) for line in lines.splitlines()] == expected
    assert [column["name"] for column in told["columns"]] == ["customer", "net_365d"]
    _, raw = await yard.result(client, {**EXPORT, "format": "csv", "query": "customer=C0001&fields=name"})
    assert raw.decode("utf-8-sig").split() == ["name", "'=客户1"]


async def test_an_export_holds_the_rows_of_its_key(yard: Yard, client: httpx.AsyncClient) -> None:
    everybody = await pages(yard, client, "/v1/customers", "")
    theirs = await pages(yard, client, "/v1/customers", "", "own")
    assert 0 < len(theirs) < len(everybody)
    _, lines = await yard.result(client, EXPORT, "own")
    assert [json.loads(line) for line in lines.splitlines()] == theirs


RIGHTS: dict[tuple[str, str], str | None] = {
    ("customers", "all"): None,
    ("customers", "exporter"): None,
    ("customers", "reader"): "scope_missing",
    ("customers", "ops"): "scope_missing",
    ("key-persons", "all"): None,
    ("key-persons", "exporter"): "scope_missing",
    ("key-persons", "secret"): None,
    ("verify", "ops"): None,
    ("verify", "exporter"): "scope_missing",
    ("verify", "own"): "rows_not_all",
    ("simulate", "ops"): None,
    ("simulate", "reader"): "scope_missing",
    ("simulate", "own"): "rows_not_all",
    ("adopt", "all"): None,
    ("adopt", "ops"): "scope_missing",
    ("try a fix", "ops"): None,
    ("try a fix", "reader"): "scope_missing",
    ("try a fix", "own"): "rows_not_all",
    ("send a fix", "ops"): "scope_missing",
}


@pytest.mark.parametrize(("what", "key"), RIGHTS)
async def test_who_may_ask_for_what(yard: Yard, client: httpx.AsyncClient, what: str, key: str) -> None:
    asked: Json = {"kind": what} if what in {"verify", "simulate", "adopt"} else {"kind": "export", "resource": what}
    asked |= {"policy": "name: x"} if what in {"simulate", "adopt"} else {}
    asked |= {"on": "2026-04-01", "latest": "x/1"} if what == "adopt" else {}
    if what.endswith("fix"):
        asked = {"kind": "fix", "reason": "not_json", "send": what.startswith("send")}
    answer = await yard.ask(client, asked, key)
    code = RIGHTS[what, key]
    assert answer.status_code == httpx.codes.ACCEPTED if code is None else is_problem(answer, code)


async def test_without_a_key_nothing_is_told(client: httpx.AsyncClient) -> None:
    for path in ("/v1/jobs", "/v1/jobs/x", "/v1/jobs/x/result"):
        answer = await client.get(path, headers={"Authorization": ""})
        assert answer.status_code == httpx.codes.UNAUTHORIZED


BAD: list[tuple[Any, str]] = [
    (b"", "bad_body"),
    (b"{", "bad_body"),
    (b"[]", "bad_body"),
    (b"\xff\xfe", "bad_body"),
    (b"[" * 100_000, "bad_body"),
    (b" " * (MAX_BODY_BYTES + 1), "body_too_large"),
    ({}, "bad_body"),
    ({"kind": "rebuild"}, "bad_body"),
    ({"kind": "export"}, "bad_body"),
    ({**EXPORT, "more": 1}, "bad_body"),
    ({**EXPORT, "format": "xlsx"}, "bad_body"),
    ({**EXPORT, "resource": "customer"}, "bad_value"),
    ({**EXPORT, "resource": "status"}, "bad_value"),
    ({**EXPORT, "resource": "../customers"}, "bad_value"),
    ({**EXPORT, "query": "teir=strategic"}, "unknown_parameter"),
    ({**EXPORT, "query": "size=5"}, "unknown_parameter"),
    ({**EXPORT, "query": "cursor=abc"}, "unknown_parameter"),
    ({**EXPORT, "query": "after=abc"}, "unknown_parameter"),
    ({**EXPORT, "query": "sort=name"}, "unknown_sort"),
    ({**EXPORT, "query": "sort=customer&sort=customer"}, "repeated_parameter"),
    ({**EXPORT, "query": "fields=secret"}, "unknown_field"),
    ({**EXPORT, "query": "tier=gold"}, "bad_value"),
    ({**EXPORT, "query": "tier=strategic&account_manager=R-1"}, "filter_not_indexed"),
    ({**EXPORT, "query": "customer=%ff"}, "bad_value"),
    ({**EXPORT, "query": "x" * 9000}, "bad_body"),
    ({**EXPORT, "query": {"$gt": ""}}, "bad_body"),
    ({**EXPORT, "resource": "rep-weeks"}, "filter_missing"),
    ({"kind": "verify", "checks": ["typo"]}, "bad_value"),
    ({"kind": "verify", "checks": ["log"] * 21}, "bad_body"),
    ({"kind": "verify", "sample": "-5"}, "bad_body"),
    ({"kind": "verify", "sample": "101%"}, "bad_body"),
    ({"kind": "simulate"}, "bad_body"),
    ({"kind": "simulate", "policy": ""}, "bad_body"),
    ({"kind": "simulate", "policy": "x" * (256 * 1024 + 1)}, "bad_body"),
    ({"kind": "simulate", "policy": "x", "on": "soon"}, "bad_body"),
    ({"kind": "adopt", "policy": "x", "latest": "x/1"}, "bad_body"),
    ({"kind": "adopt", "policy": "x", "on": "2026-04-01"}, "bad_body"),
    ({"kind": "fix"}, "bad_value"),
    ({"kind": "fix", "reason": "no_such"}, "bad_body"),
    ({"kind": "fix", "positions": ["../1"]}, "bad_body"),
    ({"kind": "fix", "positions": ["1/1/1"] * 101}, "bad_body"),
    ({"kind": "fix", "reason": "not_json", "change": "set", "path": "$where", "new": 1}, "bad_body"),
    ({"kind": "fix", "reason": "not_json", "change": "set", "path": "data.x"}, "bad_value"),
    ({"kind": "fix", "reason": "not_json", "change": "rename", "path": "data.x", "new": 7}, "bad_value"),
    ({"kind": "fix", "reason": "not_json", "change": "replace", "path": "data.x", "new": "y"}, "bad_value"),
]


@pytest.mark.parametrize(("body", "code"), BAD, ids=lambda one: str(one)[:50])
async def test_bad_input_is_refused_with_a_code_and_queues_nothing(
    yard: Yard, client: httpx.AsyncClient, body: Any, code: str
) -> None:
    assert is_problem(await yard.ask(client, body), code)
    assert yard.raw["jobs"].count_documents({}) == 0


async def test_methods_and_parameters_that_are_not_taken(yard: Yard, client: httpx.AsyncClient) -> None:
    put = await client.put("/v1/jobs", headers=yard.as_key("all"))
    assert is_problem(put, "method_not_allowed")
    assert put.headers["Allow"] == "GET, POST"
    assert is_problem(await client.delete("/v1/jobs", headers=yard.as_key("all")), "method_not_allowed")
    assert is_problem(await yard.get(client, "/v1/jobs?status=done"), "unknown_parameter")
    long = await yard.ask(client, EXPORT, **{"Idempotency-Key": "x" * 256})
    assert is_problem(long, "bad_value")


async def test_another_keys_job_is_not_there(yard: Yard, client: httpx.AsyncClient) -> None:
    job = await yard.asked(client)
    for path in (f"/v1/jobs/{job}", f"/v1/jobs/{job}/result", "/v1/jobs/no-such"):
        assert is_problem(await yard.get(client, path, "other"), "not_found")
    refused = await client.delete(f"/v1/jobs/{job}", headers=yard.as_key("other"))
    assert is_problem(refused, "not_found")
    assert (await yard.get(client, "/v1/jobs", "other")).json() == {"data": []}
    mine = (await yard.get(client, "/v1/jobs")).json()["data"]
    assert [(one["id"], one["status"]) for one in mine] == [(job, "queued")]
    assert is_problem(await yard.get(client, f"/v1/jobs/{job}/result"), "job_not_done")


async def test_what_a_key_lost_since_it_may_not_fetch(yard: Yard, client: httpx.AsyncClient) -> None:
    job = await yard.asked(client, {**EXPORT, "resource": "key-persons"}, "secret")
    async with yard.worker() as worker:
        await yard.step(worker, "export")
    assert (await yard.get(client, f"/v1/jobs/{job}/result", "secret")).status_code == httpx.codes.OK
    with changed_key(yard, "secret", scopes=["exports:read"]):
        assert is_problem(await yard.get(client, f"/v1/jobs/{job}/result", "secret"), "scope_missing")
    with changed_key(yard, "secret", rows="own:R-1"):
        assert is_problem(await yard.get(client, f"/v1/jobs/{job}/result", "secret"), "not_found")


class changed_key:  # noqa: N801 - reads as a sentence
    """A key that is otherwise meanwhile."""

    def __init__(self, yard: Yard, key: str, **fields: Any) -> None:
        self.file, self.id, self.fields = yard.settings.api_keys_file, yard.key_ids[key], fields
        self.text = self.file.read_text(encoding="utf-8")

    def __enter__(self) -> None:
        document = yaml.safe_load(self.text)
        next(one for one in document["keys"] if one["id"] == self.id).update(self.fields)
        self.file.write_text(yaml.safe_dump(document), encoding="utf-8")

    def __exit__(self, *_: object) -> None:
        self.file.write_text(self.text, encoding="utf-8")


@pytest.mark.parametrize(
    "fields",
    [{"scopes": ["customers:read"]}, {"rows": "own:R-1"}, {"revoked": "2026-01-01T00:00:00Z"}],
    ids=lambda one: next(iter(one)),
)
async def test_what_a_key_lost_before_its_job_starts_it_does_not_get(
    yard: Yard, client: httpx.AsyncClient, fields: Json
) -> None:
    job = await yard.asked(client, EXPORT, "exporter")
    async with yard.worker() as worker:
        with changed_key(yard, "exporter", **fields):
            await yard.step(worker, "export")
    found = (await yard.get(client, f"/v1/jobs/{job}", "exporter")).json()["data"]
    assert (found["status"], found["error"]["code"]) == ("failed", "refused")
    assert yard.raw["job_pieces"].count_documents({}) == 0


async def test_a_document_that_asks_for_more_than_its_kind_is_not_run(yard: Yard, client: httpx.AsyncClient) -> None:
    changes: list[Json] = [
        {"parameters": {"kind": "rebuild"}},
        {"parameters": {"kind": "verify"}},
        {"requester.scopes": []},
    ]
    for change in changes:
        job = await yard.asked(client)
        yard.raw["jobs"].update_one({"_id": job}, {"$set": change})
        async with yard.worker() as worker:
            await yard.step(worker, "export")
        assert (yard.raw["jobs"].find_one({"_id": job}) or {})["status"] == "failed"


async def test_the_same_idempotency_key_is_the_same_job(yard: Yard, client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "once"}
    first, second = [(await yard.ask(client, EXPORT, **key)).json()["data"]["id"] for _ in range(2)]
    assert first == second
    assert yard.raw["jobs"].count_documents({}) == 1
    assert is_problem(await yard.ask(client, {**EXPORT, "format": "csv"}, **key), "idempotency_mismatch")
    others = (await yard.ask(client, EXPORT, "other", **key)).json()["data"]["id"]
    assert others != first


async def test_a_key_has_a_bounded_number_of_open_jobs_however_fast_it_asks(
    yard: Yard, client: httpx.AsyncClient
) -> None:
    answers = await asyncio.gather(*(yard.ask(client) for _ in range(3 * MAX_OPEN_PER_KEY)))
    accepted = [one for one in answers if one.status_code == httpx.codes.ACCEPTED]
    assert len(accepted) == MAX_OPEN_PER_KEY == yard.raw["jobs"].count_documents({})
    refused = [one for one in answers if one.status_code != httpx.codes.ACCEPTED]
    assert all(is_problem(one, "too_many_jobs") for one in refused)
    await client.delete(accepted[0].headers["Location"], headers=yard.as_key("all"))
    assert (await yard.ask(client)).status_code == httpx.codes.ACCEPTED


# What workers do


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Has `export` do something else."""

    def instead(work: Any) -> None:
        monkeypatch.setattr(app, "WORK", {**app.WORK, "export": work})

    return instead


async def test_cancelling_a_job_that_waits_and_one_that_is_over(yard: Yard, client: httpx.AsyncClient) -> None:
    waits, over = await yard.asked(client), await yard.asked(client)
    answer = await client.delete(f"/v1/jobs/{waits}", headers=yard.as_key("all"))
    assert answer.json()["data"]["status"] == "cancelled"
    async with yard.worker() as worker:
        await yard.step(worker, "export")
    answer = await client.delete(f"/v1/jobs/{over}", headers=yard.as_key("all"))
    assert answer.json()["data"]["status"] == "done"
    assert (await yard.get(client, f"/v1/jobs/{over}/result")).status_code == httpx.codes.OK


async def test_cancelling_a_job_that_runs_ends_it(yard: Yard, client: httpx.AsyncClient, kinds: Any) -> None:
    ended_how: list[str] = []

    async def for_ever(work: Work) -> Made:
        work.told.begin("waiting", 9)
        work.told.add(3)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended_how.append("cancelled")
            raise
        raise AssertionError

    kinds(for_ever)
    job = await yard.asked(client)
    async with yard.worker(job_lease_seconds=1) as worker, asyncio.TaskGroup() as group:
        group.create_task(yard.step(worker, "export"))
        await yard.until(job, lambda one: one["progress"]["done"] == 3)
        shown = (await yard.get(client, f"/v1/jobs/{job}")).json()["data"]
        assert (shown["status"], shown["progress"]) == ("running", {"done": 3, "total": 9, "text": "waiting"})
        answer = (await client.delete(f"/v1/jobs/{job}", headers=yard.as_key("all"))).json()["data"]
        assert (answer["status"], answer["cancelling"]) == ("running", True)
    assert ended_how == ["cancelled"]
    assert (await yard.get(client, f"/v1/jobs/{job}")).json()["data"]["status"] == "cancelled"


async def test_two_workers_run_one_of_a_kind_at_a_time_and_each_once(
    yard: Yard, client: httpx.AsyncClient, kinds: Any
) -> None:
    running, most, runs = 0, 0, Counter[str]()

    async def slow(work: Work) -> Made:
        nonlocal running, most
        running += 1
        most = max(most, running)
        runs[work.job.id] += 1
        await work.database.command("ping")
        work.file.write(b"x")
        running -= 1
        return Made("x", "text/plain")

    kinds(slow)
    jobs = [await yard.asked(client, EXPORT, key) for key in ("all", "other") for _ in range(MAX_OPEN_PER_KEY)]

    async def work(worker: Worker) -> None:
        while yard.raw["jobs"].count_documents({"status": {"$in": ["queued", "running"]}}):
            await yard.step(worker, "export")
            await asyncio.sleep(0)

    async with yard.worker() as one, yard.worker() as other:
        other.owner = "another"
        await asyncio.gather(*(work(worker) for worker in (one, one, other, other)))
    assert (most, runs) == (1, Counter(dict.fromkeys(jobs, 1)))


def test_the_database_itself_lets_one_job_of_a_kind_run(yard: Yard) -> None:
    running = {"kind": "verify", "status": "running"}
    yard.raw["jobs"].insert_one({"_id": "a", **running})
    with pytest.raises(DuplicateKeyError):
        yard.raw["jobs"].insert_one({"_id": "b", **running})
    yard.raw["jobs"].insert_one({"_id": "c", **running, "kind": "export"})
    yard.raw["jobs"].insert_one({"_id": "d", **running, "status": "queued"})


async def test_kinds_do_not_wait_for_one_another(yard: Yard, client: httpx.AsyncClient) -> None:
    await yard.asked(client)
    await yard.asked(client, {"kind": "verify"})
    async with yard.worker() as worker:
        assert await worker.queue.take("verify", "a", 60)
        assert await worker.queue.take("export", "a", 60)
        assert await worker.queue.take("export", "b", 60) is None


async def test_who_lost_the_lease_ends_nothing(yard: Yard, client: httpx.AsyncClient) -> None:
    job = await yard.asked(client)
    async with yard.worker() as worker:
        queue = worker.queue
        first = await queue.take("export", "a", 60)
        assert first is not None
        past = datetime.now(UTC) - timedelta(seconds=1)
        yard.raw["jobs"].update_one({"_id": job}, {"$set": {"lease_until": past}})
        second = await queue.take("export", "a", 60)
        assert second is not None
        assert second.attempts == 2
        assert await queue.beat(first, first.progress, 60) is None
        assert await queue.finish(first, lambda held, now: ended(held, "done", now, result={"pieces": 0})) is None
        assert await queue.beat(second, second.progress, 60) is not None
        done = await queue.finish(second, lambda held, now: ended(held, "done", now, result={"pieces": 0}))
        assert done is not None


async def test_a_worker_that_lost_the_lease_stops_what_it_does(
    yard: Yard, client: httpx.AsyncClient, kinds: Any
) -> None:
    async def for_ever(_: Work) -> Made:
        await asyncio.Event().wait()
        raise AssertionError

    kinds(for_ever)
    job = await yard.asked(client)
    async with yard.worker(job_lease_seconds=1) as worker, asyncio.TaskGroup() as group:
        group.create_task(yard.step(worker, "export"))
        await yard.until(job, lambda one: one["status"] == "running")
        yard.raw["jobs"].update_one({"_id": job}, {"$set": {"owner": "another"}, "$inc": {"version": 1}})
    assert (yard.raw["jobs"].find_one({"_id": job}) or {})["owner"] == "another"


async def test_servers_that_do_not_answer_are_asked_again_a_bounded_number_of_times(
    yard: Yard, client: httpx.AsyncClient, kinds: Any
) -> None:
    async def away(_: Work) -> Made:
        raise Transient("Kafka did not answer")

    kinds(away)
    job = await yard.asked(client)
    async with yard.worker() as worker:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            await yard.step(worker, "export")
            found = yard.raw["jobs"].find_one({"_id": job}) or {}
            assert (found["attempts"], found["error"]["code"]) == (attempt, "unavailable")
            assert await yard.step(worker, "export") is None
            yard.raw["jobs"].update_one({"_id": job}, {"$set": {"not_before": None}})
    assert (yard.raw["jobs"].find_one({"_id": job}) or {})["status"] == "failed"


@pytest.mark.parametrize(("error", "code"), [(Malformed("no policy"), "refused"), (RuntimeError("secret"), "internal")])
async def test_what_cannot_be_done_fails_at_once_and_says_why(
    yard: Yard, client: httpx.AsyncClient, kinds: Any, error: Exception, code: str
) -> None:
    async def fails(_: Work) -> Made:
        raise error

    kinds(fails)
    job = await yard.asked(client)
    async with yard.worker() as worker:
        await yard.step(worker, "export")
    found = (await yard.get(client, f"/v1/jobs/{job}")).json()["data"]
    assert (found["status"], found["error"]["code"], found["attempts"]) == ("failed", code, 1)
    assert "secret" not in found["error"]["detail"]
    assert is_problem(await yard.get(client, f"/v1/jobs/{job}/result"), "job_not_done")


async def test_a_worker_that_ends_in_order_puts_its_job_back(yard: Yard, client: httpx.AsyncClient, kinds: Any) -> None:
    async def for_ever(_: Work) -> Made:
        await asyncio.Event().wait()
        raise AssertionError

    kinds(for_ever)
    job = await yard.asked(client)
    async with yard.worker() as worker:
        running = asyncio.create_task(yard.step(worker, "export"))
        await yard.until(job, lambda one: one["status"] == "running")
        running.cancel()
        await asyncio.wait([running])
    found = yard.raw["jobs"].find_one({"_id": job}) or {}
    assert (found["status"], found["attempts"], found["owner"]) == ("queued", 0, None)


async def test_a_job_that_is_being_taken_when_the_worker_is_told_to_end_goes_back(
    yard: Yard, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await yard.asked(client)
    async with yard.worker() as worker:
        take, written, told = worker.queue.take, asyncio.Event(), asyncio.Event()

        async def answered_late(*given: Any) -> Any:
            mine = await take(*given)
            written.set()
            await told.wait()
            return mine

        monkeypatch.setattr(worker.queue, "take", answered_late)
        taking = asyncio.create_task(worker.take("export"))
        await written.wait()
        taking.cancel()
        told.set()
        await asyncio.wait([taking])
        assert taking.cancelled()
    found = yard.raw["jobs"].find_one({"_id": job}) or {}
    assert (found["status"], found["attempts"], found["owner"]) == ("queued", 0, None)


async def test_a_result_of_many_pieces_is_whole(yard: Yard, client: httpx.AsyncClient, kinds: Any) -> None:
    content = bytes(range(256)) * (PIECE_BYTES // 256 * 2) + b"the end"

    async def large(work: Work) -> Made:
        work.file.write(content)
        return Made("large.bin", "application/octet-stream")

    kinds(large)
    told, found = await yard.result(client, EXPORT)
    assert found == content
    assert (told["bytes"], told["sha256"]) == (len(content), sha256(content).hexdigest())
    assert yard.raw["job_pieces"].count_documents({}) == 3


async def test_a_result_is_stored_before_its_job_is_done(yard: Yard, client: httpx.AsyncClient, kinds: Any) -> None:
    async def small(work: Work) -> Made:
        work.file.write(b"all of it")
        return Made("small.txt", "text/plain")

    kinds(small)
    job = await yard.asked(client)
    seen: list[tuple[str, Any]] = []
    async with yard.worker() as worker:
        put = worker.queue.put

        async def watched(of: Job, number: int, piece: bytes) -> None:
            answer = await yard.get(client, f"/v1/jobs/{job}/result")
            seen.append(((yard.raw["jobs"].find_one({"_id": job}) or {})["status"], answer.json().get("code")))
            await put(of, number, piece)

        worker.queue.put = watched  # type: ignore[method-assign,assignment]
        await yard.step(worker, "export")
    assert seen == [("running", "job_not_done")]
    assert (await yard.get(client, f"/v1/jobs/{job}/result")).content == b"all of it"


async def test_who_cancels_at_the_last_moment_is_not_told_that_it_is_done(
    yard: Yard, client: httpx.AsyncClient, kinds: Any
) -> None:
    async def quick(work: Work) -> Made:
        work.file.write(b"x")
        return Made("x", "text/plain")

    kinds(quick)
    job = await yard.asked(client)
    async with yard.worker() as worker:
        finish = worker.queue.finish

        async def cancelled_before(of: Job, change: Change) -> Job | None:
            answer = await client.delete(f"/v1/jobs/{job}", headers=yard.as_key("all"))
            assert answer.json()["data"]["cancelling"]
            return await finish(of, change)

        worker.queue.finish = cancelled_before  # type: ignore[method-assign,assignment]
        await yard.step(worker, "export")
    found = (await yard.get(client, f"/v1/jobs/{job}")).json()["data"]
    assert (found["status"], found["result"]) == ("cancelled", None)


async def test_a_result_that_is_too_large_is_refused(
    yard: Yard, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "MAX_RESULT_BYTES", 100)
    job = await yard.asked(client)
    async with yard.worker() as worker:
        await yard.step(worker, "export")
    found = yard.raw["jobs"].find_one({"_id": job}) or {}
    assert found["status"] == "failed"
    assert "100 are the most" in found["error"]["detail"]
    assert yard.raw["job_pieces"].count_documents({}) == 0


async def test_a_key_keeps_its_newest_results(yard: Yard, client: httpx.AsyncClient, kinds: Any) -> None:
    async def small(work: Work) -> Made:
        work.file.write(b"x")
        return Made("x", "text/plain")

    kinds(small)
    async with yard.worker() as worker:
        jobs = []
        for _ in range(MAX_RESULTS_PER_KEY + 2):
            jobs.append(await yard.asked(client))
            await yard.step(worker, "export")
    kept = {one["_id"] for one in yard.raw["jobs"].find()}
    assert kept == {*jobs[2:]}
    assert {one["_id"].partition("/")[0] for one in yard.raw["job_pieces"].find()} == kept


async def test_what_is_over_expires_and_its_pieces_not_before_it(yard: Yard, client: httpx.AsyncClient) -> None:
    await yard.result(client, EXPORT)
    (job,) = yard.raw["jobs"].find()
    (piece,) = yard.raw["job_pieces"].find()
    assert job["expires_at"] == job["finished_at"] + KEPT
    assert piece["expires_at"] > job["expires_at"]
    for name in ("jobs", "job_pieces"):
        indexes = yard.raw[name].index_information().values()
        (one,) = [one for one in indexes if "expireAfterSeconds" in one]
        assert (one["key"], one["expireAfterSeconds"]) == ([("expires_at", 1)], 0)
    open_job = await yard.asked(client)
    assert "expires_at" not in (yard.raw["jobs"].find_one({"_id": open_job}) or {})


async def test_the_queues_looks_are_served_by_indexes(yard: Yard) -> None:
    for query in ({"kind": "export", "status": {"$in": ["queued", "running"]}}, {"requester.key": "abcd"}):
        plan = yard.raw["jobs"].find(query).explain()["queryPlanner"]["winningPlan"]
        assert "COLLSCAN" not in str(plan)


# Processes


@pytest.fixture
def many(yard: Yard) -> Iterator[int]:
    """Customers whose export takes some seconds."""
    yield from _many(yard, 30_000)


def _many(yard: Yard, number: int) -> Iterator[int]:
    base = yard.base("tiering", "tiering")
    (like,) = base.find({"_id": "C0001"})
    base.insert_many({**like, "_id": f"D{place:06}"} for place in range(number))
    yield number + CUSTOMERS
    base.delete_many({"_id": {"$gte": "D"}})


async def test_a_job_whose_worker_is_killed_is_done_by_another(
    yard: Yard, client: httpx.AsyncClient, many: int
) -> None:
    job = await yard.asked(client)
    first = yard.start_worker()
    await yard.until(job, lambda one: one["progress"]["text"] == "writing rows" and one["progress"]["done"] > 0)
    first.send_signal(signal.SIGKILL)
    first.wait()
    left = yard.raw["jobs"].find_one({"_id": job}) or {}
    assert (left["status"], left["attempts"]) == ("running", 1)
    assert not [one for one in yard.folder.iterdir() if one.name.startswith("tmp")], "the spool is left"
    yard.start_worker()
    done = await yard.until(job, lambda one: one["status"] not in {"queued", "running"})
    assert (done["status"], done["attempts"], done["result"]["rows"]) == ("done", 2, many)
    answer = await yard.get(client, f"/v1/jobs/{job}/result")
    lines = answer.content.splitlines()
    assert sha256(answer.content).hexdigest() == done["result"]["sha256"]
    ids = [json.loads(line)["customer"] for line in lines]
    assert len(ids) == many
    assert ids == sorted({*ids})


async def test_a_worker_that_is_stopped_and_goes_on_as_a_zombie_does_no_harm(
    yard: Yard, client: httpx.AsyncClient, many: int
) -> None:
    job = await yard.asked(client)
    first = yard.start_worker()
    await yard.until(job, lambda one: one["progress"]["text"] == "writing rows")
    first.send_signal(signal.SIGSTOP)
    try:
        yard.start_worker()
        done = await yard.until(job, lambda one: one["status"] not in {"queued", "running"})
    finally:
        first.send_signal(signal.SIGCONT)
    assert (done["status"], done["attempts"]) == ("done", 2)
    another = await yard.asked(client)  # the zombie, or the other one, does the next
    await yard.until(another, lambda one: one["status"] == "done")
    assert (yard.raw["jobs"].find_one({"_id": job}) or {}) == done
    content = (await yard.get(client, f"/v1/jobs/{job}/result")).content
    assert sha256(content).hexdigest() == done["result"]["sha256"]
    assert content.count(b"\n") == many


async def test_the_queue_goes_by_the_servers_clock(yard: Yard) -> None:
    async with yard.worker() as worker:
        said = await Queue(worker.database).now()
    assert said.tzinfo is not None
    assert abs(said - datetime.now(UTC)) < timedelta(minutes=1)
