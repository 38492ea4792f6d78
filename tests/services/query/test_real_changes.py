"""Following changes of the running services: while events come in, cut and gone on, by stream, by page, by the
client of the docs; who may, and what is refused.
"""

import asyncio
import json
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from local.stack.paths import REPOSITORY
from services.query.changes import CHANGED
from services.query.limits import MAX_STREAMS, MAX_STREAMS_PER_KEY
from shared.keys import Scope
from shared.keys.edit import create_key, revoke_key
from shared.positions import Mark, Of, decode, encode
from tests.services.query.changes_world import Client
from tests.services.query.stand import Stand, sent
from tests.services.query.test_real_api import is_problem

Json = dict[str, Any]
pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
STREAM = {"Accept": "text/event-stream"}
LOOK_SECONDS = 60
"""Longer than anything here takes on a busy machine; reaching it is a failure."""


@contextmanager
def stream(stand: Stand, token: str | None, key: str = "all", **asked: Any) -> Iterator[Iterator[bytes]]:
    headers = {"Authorization": f"Bearer {stand.tokens[key]}", **STREAM}
    headers |= {"Last-Event-ID": token} if token else {}
    with (
        httpx.Client(trust_env=False, timeout=LOOK_SECONDS) as client,
        client.stream("GET", f"{stand.url()}/v1/changes", params=asked, headers=headers) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        yield answer.iter_raw()


def follow(stand: Stand, client: Client, until: int, key: str = "all", cut_at: int | None = None, **asked: Any) -> None:
    """Reads a stream until so many changes are had, or cuts it at a byte."""
    left = cut_at if cut_at is not None else 10**9
    with stream(stand, client.id, key, **asked) as data:
        for part in data:
            client.take(part[:left])
            left -= len(part)
            if left <= 0 or len(client.had) >= until:
                break
    client.cut()


def bought(customer: str, name: str) -> Json:
    return sent("purchase.recorded", customer, name, 0.1, purchase_id=name, amount="5.00")


def now(stand: Stand) -> str:
    return str(stand.get("/v1/changes").json()["page"]["next"])


def of_pages(stand: Stand, token: str, key: str = "all", **asked: Any) -> tuple[list[Json], str]:
    """All changes that are known, and where to go on."""
    found: list[Json] = []
    while True:
        asked |= {"from": token}
        page = stand.get("/v1/changes", key, **asked).json()
        found += page["data"]
        token = page["page"]["next"]
        if not page["data"] and page["freshness"]["behind"] == 0:
            return found, token


def numbers(changes: list[Json]) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = {}
    for one in changes:
        found.setdefault(one["subject"], []).append((one["epoch"], int(one["sequence"])))
    return found


def test_htmx_184_whatwg_8297_who_is_cut_while_events_come_in_has_every_change_once(stand: Stand) -> None:
    client = Client(id=now(stand))
    begun = client.id
    customers = [f"L-{number}" for number in range(5)]

    def send() -> None:
        for number in range(30):
            stand.post([bought(customer, f"live-{customer}-{number}") for customer in customers])

    sending = threading.Thread(target=send)
    sending.start()
    for cut_at in (1, 40, 333, 1_500, 2_222, 7_001, 12_345):
        follow(stand, client, 10**9, cut_at=cut_at)
    sending.join()
    last = stand.post([bought(customer, f"live-{customer}-last") for customer in customers])
    stand.settle(last)
    assert begun is not None
    told, _ = of_pages(stand, begun, size=500)
    wanted = {(one["subject"], one["epoch"], int(one["sequence"])) for one in told}
    assert {*customers} <= {customer for customer, *_ in wanted}
    assert sum(one["type"] == CHANGED for one in told) >= 31 * len(customers)
    follow(stand, client, len(wanted))
    assert client.resets == []
    assert sorted(client.had) == sorted(wanted)
    for customer in customers:
        mine = [number for name, _, number in client.had if name == customer]
        assert mine == list(range(1, len(mine) + 1))


def test_a_change_can_be_read_with_its_position(stand: Stand) -> None:
    client = Client(id=now(stand))
    stand.post([bought("P-1", "pos-1")])
    page = stand.get("/v1/changes", headers={"Prefer": "wait=30"}, **{"from": client.id}).json()
    change = page["data"][0]
    shown = stand.get("/v1/customers/P-1", after=change["position"], headers={"Prefer": "wait=20"})
    assert shown.status_code == 200, shown.text
    assert shown.json()["data"]["net_365d"] == "5.00"


def test_what_was_read_is_gone_on_from_its_position(stand: Stand) -> None:
    stand.settle(stand.post([bought("Q-1", "q-1")]))
    position = stand.get("/v1/customers").headers["guanxi-position"]
    assert of_pages(stand, position, customer="Q-1")[0] == []
    stand.settle(stand.post([bought("Q-1", "q-2")]))
    found, _ = of_pages(stand, position, customer="Q-1")
    assert [one["subject"] for one in found] == ["Q-1"]
    assert found[0]["type"] == CHANGED


def test_a_process_that_begins_later_gives_the_same_from_kafka(stand: Stand, portal: Any) -> None:
    begun = now(stand)
    stand.settle(stand.post([bought(f"K-{number}", f"k-{number}") for number in range(40)]))
    before, _ = of_pages(stand, begun)
    portal.call(stand.services.stop, "query")
    portal.call(stand.services.start, "query")
    for _ in range(LOOK_SECONDS * 10):
        if stand.get("/v1/changes").status_code == 200:
            break
        time.sleep(0.1)
    after, _ = of_pages(stand, begun, size=7)
    assert numbers(before)
    assert numbers(after) == numbers(before)
    # Everything since the beginning, by a position of the log that has seen nothing.
    everything, _ = of_pages(stand, encode(Mark(Of.LOG, 1, {})), size=500)
    for customer, mine in numbers(everything).items():
        assert [number for _, number in dict.fromkeys(mine)] == list(range(1, len({*mine}) + 1)), customer


def test_a_key_hears_of_its_own_rows_alone(stand: Stand) -> None:
    begun = now(stand)
    owners = {one["_id"]: one.get("owned_by", []) for one in stand.documents("engagement")}
    mine = next(one for one, owned in owners.items() if owned == ["R-1"])
    other = next(one for one, owned in owners.items() if owned == ["R-3"])
    stand.settle(stand.post([bought(mine, "own-1"), bought(other, "own-2")]))
    assert {one["subject"] for one in of_pages(stand, begun, "own")[0]} == {mine}
    assert {one["subject"] for one in of_pages(stand, begun, "team")[0]} == {mine}
    assert of_pages(stand, begun, "nobody")[0] == []
    assert {one["subject"] for one in of_pages(stand, begun, "reader")[0]} >= {mine, other}
    assert is_problem(stand.get("/v1/changes", "own", customer=other), "not_found")
    assert is_problem(stand.get("/v1/changes", "own", customer=[mine, "C-nobody"]), "not_found")
    assert stand.get("/v1/changes", "own", customer=mine).status_code == 200
    assert is_problem(stand.get("/v1/changes", "secret"), "scope_missing")
    assert is_problem(stand.get("/v1/changes", None), "unauthorized")


BAD: list[tuple[str, str, str]] = [
    ("?from=x", "bad_position", "position"),
    ("?from=", "bad_position", "position"),
    (f"?from={encode(Mark(Of.INBOX, 1, {0: 1}))}", "bad_position", "Guanxi-Position"),
    (f"?from={encode(Mark(Of.CHANGES, 1, {0: 1}))[:-1]}", "bad_position", "position"),
    ("?type=guanxi.tier.chnaged.v1", "bad_value", "'guanxi.tier.changed.v1'"),
    ("?type=guanxi.purchase.recorded.v1", "bad_value", "type"),
    ("?customer=", "bad_value", "id"),
    (f"?{'&'.join(f'customer=C{n}' for n in range(101))}", "bad_value", "100"),
    ("?size=0", "bad_value", "500"),
    ("?size=501", "bad_value", "500"),
    ("?from=a&from=b", "repeated_parameter", "from"),
    ("?form=x", "unknown_parameter", "'from'"),
    ("?section=concerns", "unknown_parameter", "there are"),
    (f"?from={encode(Mark(Of.CHANGES, 9, dict.fromkeys(range(12), 0)))}", "reset", "counted anew"),
    (f"?from={encode(Mark(Of.CHANGES, 1, dict.fromkeys(range(12), 10**9)))}", "reset", "not come"),
    (f"?from={encode(Mark(Of.CHANGES, 1, {0: 0}))}", "reset", "not come"),
]


@pytest.mark.parametrize(("query", "code", "says"), BAD, ids=[f"{n}-{bad[1]}" for n, bad in enumerate(BAD)])
def test_bad_input_is_told_with_a_code_and_a_hint(query: str, code: str, says: str, stand: Stand) -> None:
    answer = stand.get(f"/v1/changes{query}")
    assert is_problem(answer, code)
    assert says in answer.json()["detail"]
    if code == "reset":
        assert stand.get("/v1/changes", **{"from": answer.json()["next"]}).status_code == 200
        assert stand.get("/v1/customers", after=answer.json()["position"], headers={"Prefer": "wait=20"}).is_success
    else:
        assert is_problem(stand.get(f"/v1/changes{query}", headers=STREAM), code)


def test_a_wait_over_30_s_is_refused(stand: Stand) -> None:
    assert is_problem(stand.get("/v1/changes", headers={"Prefer": "wait=31"}), "bad_value")


def test_the_last_id_goes_before_from_since_a_browser_sends_both(stand: Stand) -> None:
    begun = now(stand)
    stand.settle(stand.post([bought("B-1", "b-1")]))
    _, end = of_pages(stand, begun)
    assert stand.get("/v1/changes", headers={"Last-Event-ID": end}, **{"from": begun}).json()["data"] == []
    assert stand.get("/v1/changes", headers={"Last-Event-ID": begun}, **{"from": end}).json()["data"]
    assert is_problem(stand.get("/v1/changes", headers={"Last-Event-ID": "x"}, **{"from": end}), "bad_position")


def test_a_stream_that_is_lost_gets_one_reset_and_goes_on(stand: Stand) -> None:
    client = Client(id=encode(Mark(Of.CHANGES, 9, dict.fromkeys(range(12), 0))))
    with stream(stand, client.id) as data:
        while not client.resets:
            client.take(next(data))
        assert client.resets[0]["reason"] == "another_epoch"
        stand.post([bought("Z-1", "z-1")])
        while not client.had:
            client.take(next(data))
    assert client.id is not None
    assert decode(client.id).of is Of.CHANGES


def test_a_revoked_key_s_stream_ends(stand: Stand) -> None:
    keys = stand.folder / "keys.yaml"
    key, token = create_key(keys, [], now=datetime.now(UTC), scopes=[Scope.CUSTOMERS_READ])
    stand.tokens["leaves"] = token
    with stream(stand, None, "leaves") as data:
        assert next(data)
        revoke_key(keys, key.id, now=datetime.now(UTC))
        for _ in data:
            pass  # heartbeats at most, then the end
    assert is_problem(stand.get("/v1/changes", "leaves"), "unauthorized")


def test_the_client_of_the_docs_follows_without_a_gap(stand: Stand) -> None:
    text = (REPOSITORY / "docs" / "readers.md").read_text(encoding="utf-8")
    code = next(part for part in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "def changes(" in part)
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 20
    scope: Json = {}
    exec(code, scope)  # noqa: S102 - the docs' own code
    begun = now(stand)
    stand.post([bought("D-1", f"docs-{number}") for number in range(20)])
    found = []
    for change, token in scope["changes"](stand.url(), stand.tokens["all"], begun):
        found.append((change["subject"], int(change["sequence"]), decode(token).of))
        if sum(subject == "D-1" for subject, *_ in found) >= 20:
            break
    assert [number for subject, number, _ in found if subject == "D-1"] == list(range(1, 21))
    assert {of for *_, of in found} == {Of.CHANGES}


def test_streams_end_cleanly_when_the_process_stops(stand: Stand, portal: Any) -> None:
    ended: list[bytes] = []

    def read() -> None:
        with stream(stand, None) as data:
            ready.set()
            ended.extend(data)  # raises where the end is no clean one

    def wait() -> None:
        headers = {"Authorization": f"Bearer {stand.tokens['all']}", "Prefer": "wait=30"}
        with httpx.Client(trust_env=False, timeout=LOOK_SECONDS) as client:
            client.get(f"{stand.url()}/v1/status", headers=headers)
            connected.set()
            ended.append(client.get(f"{stand.url()}/v1/changes", headers=headers).content)

    ready, connected = threading.Event(), threading.Event()
    threads = [threading.Thread(target=read), threading.Thread(target=wait)]
    for thread in threads:
        thread.start()
    assert ready.wait(LOOK_SECONDS)
    assert connected.wait(LOOK_SECONDS)
    stand.services.signal("query", signal.SIGTERM)
    for thread in threads:
        thread.join(LOOK_SECONDS)
    assert len(ended) >= 2
    portal.call(stand.services.stop, "query")
    portal.call(stand.services.start, "query")
    assert json.loads(stand.get("/v1/status").content)["data"]


FOLLOWERS_BYTES = 160 * 1024 * 1024
"""Of a process with as many followers as may be: 147 MiB measured, of which 102 are there without any."""


async def opened(stand: Stand, token: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    url = httpx.URL(stand.url())
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = f"GET /v1/changes HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer {token}\r\n\r\n"
    writer.write(head.encode())
    await writer.drain()
    assert b" 200 " in await reader.readline()
    await reader.readuntil(b"id: ")
    return reader, writer


def test_a_thousand_follow_within_the_memory_promised_and_one_more_is_refused(stand: Stand, portal: Any) -> None:
    keys = stand.folder / "keys.yaml"
    tokens = [
        create_key(keys, [], now=datetime.now(UTC), scopes=[Scope.CUSTOMERS_READ])[1]
        for _ in range(MAX_STREAMS // MAX_STREAMS_PER_KEY)
    ]

    alone = stand.services.rss_bytes("query")

    async def all_follow() -> int:
        streams = []
        for number, token in enumerate(tokens):
            streams += [await opened(stand, token) for _ in range(MAX_STREAMS_PER_KEY)]
            if number == 0:
                stand.tokens["full"] = token
                answer = await asyncio.to_thread(stand.get, "/v1/changes", "full")
                assert is_problem(answer, "too_many_requests")
        try:
            assert is_problem(await asyncio.to_thread(stand.get, "/v1/changes"), "too_many_streams")
            await asyncio.to_thread(stand.post, [bought("T-1", f"t-{number}") for number in range(50)])
            async with asyncio.timeout(LOOK_SECONDS):
                for reader, _ in streams:
                    await reader.readuntil(b'"subject":"T-1"')
            answer = await asyncio.to_thread(stand.get, "/v1/customers")
            assert answer.status_code == 200, "who follows shuts nobody else out"
            return stand.services.rss_bytes("query")
        finally:
            for _, writer in streams:
                writer.close()

    used = portal.call(all_follow)
    print(f"{MAX_STREAMS} followers: {used / 1024 / 1024:.0f} MiB, before them {alone / 1024 / 1024:.0f}")
    assert used < FOLLOWERS_BYTES
