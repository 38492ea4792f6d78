"""Subscriptions by the running API, and what delivery sends to a receiver for them."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from tests.services.query.stand import Stand, sent

Json = dict[str, Any]
pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
PATH = "/v1/subscriptions"
PATIENCE_SECONDS = 60.0
STEP_SECONDS = 0.05


class Sink:
    """Takes everything, unless it is told to answer otherwise."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if sink.status < 300:
                    sink.taken.append((dict(self.headers), body))
                self.send_response(sink.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def of(self, kind: str) -> list[Json]:
        return [one for one in (json.loads(body) for _, body in self.taken) if one["type"].startswith(kind)]


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    thread = Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def ask(stand: Stand, method: str, path: str, body: Json | None = None, key: str = "all") -> httpx.Response:
    headers = {"Authorization": f"Bearer {stand.tokens[key]}"}
    with httpx.Client(trust_env=False, timeout=60) as client:
        return client.request(method, stand.url() + path, json=body, headers=headers)


def until(done: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(STEP_SECONDS)


def test_a_subscription_from_its_ping_over_how_all_stand_to_changes_and_its_end(stand: Stand, sink: Sink) -> None:
    answer = ask(stand, "POST", PATH, {"sink": sink.url, "backfill": True})
    assert answer.status_code == httpx.codes.CREATED, answer.text
    made = answer.json()["data"]
    one = answer.headers["Location"]

    customers = {one["_id"]: one.get("tier") for one in stand.documents("customer_keys_by_net")}
    until(lambda: len(sink.of("guanxi.customer.present")) >= len(customers), "all are told")
    assert {one["subject"]: one["data"]["tier"] for one in sink.of("guanxi.customer.present")} == customers
    assert sink.of("guanxi.subscription.ping")[0]["subject"] == made["id"]
    for headers, body in sink.taken:
        Webhook(made["secret"]).verify(body, headers)

    name = f"wh-{made['id']}"
    stand.settle(stand.post([sent("customer.registered", "C-001", name, 0, name="新名")]))
    until(lambda: [x for x in sink.of("guanxi.") if "sequence" in x and x["subject"] == "C-001"], "a change is told")

    assert ask(stand, "GET", one).json()["data"]["status"] == "active"
    assert made["id"] in {one["id"] for one in ask(stand, "GET", PATH).json()["data"]}
    assert "secret" not in ask(stand, "GET", one).json()["data"]
    assert ask(stand, "POST", f"{one}/pause").json()["data"]["status"] == "paused"
    assert ask(stand, "POST", f"{one}/resume").json()["data"]["status"] == "active"
    rotated = ask(stand, "POST", f"{one}/rotate").json()["data"]["secret"]
    assert rotated != made["secret"]
    before = len(sink.taken)
    replay = ask(stand, "POST", f"{one}/replay", {"since": datetime(2020, 1, 1, tzinfo=UTC).isoformat()})
    assert replay.status_code == httpx.codes.ACCEPTED, replay.text
    until(lambda: any(said.get("guanxi-replay") for said, _ in sink.taken[before:]), "it is told again, and marked")
    headers, body = sink.taken[-1]
    for secret in (made["secret"], rotated):
        Webhook(secret).verify(body, headers)
    assert ask(stand, "POST", f"{one}/filters", {"customers": ["C-002"]}).json()["data"]["filters"]["customers"]
    assert ask(stand, "GET", f"{one}/parked").json()["data"] == []
    assert ask(stand, "POST", f"{one}/retry").json()["data"] == {"retried": 0}
    assert ask(stand, "DELETE", one).status_code == httpx.codes.NO_CONTENT
    assert ask(stand, "GET", one).status_code == httpx.codes.NOT_FOUND


def test_frappe_38106_21062_what_a_sink_did_not_take_is_listed_comes_by_itself_and_can_be_replayed(
    stand: Stand, sink: Sink
) -> None:
    one = ask(stand, "POST", PATH, {"sink": sink.url, "filters": {"customers": ["C-003"]}}).headers["Location"]
    until(lambda: ask(stand, "GET", one).json()["data"]["status"] == "active", "it is active")
    since = datetime.now(UTC).isoformat()
    sink.status = 500
    stand.settle(stand.post([sent("customer.registered", "C-003", "frappe", 0, name="改名")]))

    def parked() -> list[Json]:
        found: list[Json] = ask(stand, "GET", f"{one}/parked").json()["data"]
        return found

    until(lambda: [each["customer"] for each in parked()] == ["C-003"], "what failed is listed")
    assert parked()[0]["failed"] >= 1
    assert "500" in parked()[0]["why"]
    assert sink.of("guanxi.customer.changed") == []
    sink.status = 204
    until(lambda: sink.of("guanxi.customer.changed"), "it is sent again by itself")
    until(lambda: not parked(), "nothing is parked any more")
    (told,) = sink.of("guanxi.customer.changed")
    before = len(sink.taken)
    assert ask(stand, "POST", f"{one}/replay", {"since": since}).status_code == httpx.codes.ACCEPTED
    until(lambda: sink.taken[before:], "it is replayed")
    assert json.loads(sink.taken[-1][1])["id"] == told["id"], "as the same change"
    ask(stand, "DELETE", one)


def test_a_sink_that_refuses_the_ping_is_unconfirmed_until_it_takes_it(stand: Stand, sink: Sink) -> None:
    sink.status = 500
    one = ask(stand, "POST", PATH, {"sink": sink.url}).headers["Location"]
    until(lambda: ask(stand, "GET", one).json()["data"]["status"] == "unconfirmed", "it is unconfirmed")
    sink.status = 204
    ask(stand, "POST", f"{one}/resume")
    until(lambda: sink.of("guanxi.subscription.ping"), "it is pinged again")
    until(lambda: ask(stand, "GET", one).json()["data"]["status"] == "active", "it is active")
    ask(stand, "DELETE", one)


@pytest.mark.parametrize(
    ("key", "asked", "status", "code"),
    [
        ("all", {"sink": "http://169.254.169.254/latest/meta-data"}, 400, "bad_value"),
        ("all", {"sink": "https://example.com/", "start": "x", "backfill": True}, 400, "bad_value"),
        ("all", {"sink": "https://example.com/", "start": "x"}, 400, "bad_position"),
        ("all", {"sink": "https://example.com/", "filters": {"types": ["guanxi.tier.changd.v1"]}}, 400, "bad_body"),
        ("reader", {"sink": "https://example.com/"}, 403, "scope_missing"),
    ],
)
def test_what_is_no_subscription_is_refused(stand: Stand, key: str, asked: Json, status: int, code: str) -> None:
    answer = ask(stand, "POST", PATH, asked, key)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (status, code), answer.text


def test_another_keys_subscription_is_not_there_and_rows_are_those_of_the_key(stand: Stand, sink: Sink) -> None:
    answer = ask(stand, "POST", PATH, {"sink": sink.url, "backfill": True}, "hooks of one's own")
    assert answer.status_code == httpx.codes.CREATED, answer.text
    one = answer.headers["Location"]
    for method, path in (("GET", one), ("DELETE", one), ("POST", f"{one}/pause"), ("POST", f"{one}/backfill")):
        assert ask(stand, method, path).status_code == httpx.codes.NOT_FOUND
    until(lambda: not ask(stand, "GET", one, key="hooks of one's own").json()["data"]["health"]["backfilling"], "told")
    owned = {one["_id"] for one in stand.documents("owned_keys", {"owned_by": "R-1"})}
    assert {said["subject"] for said in sink.of("guanxi.customer.present")} == owned
    ask(stand, "DELETE", one, key="hooks of one's own")
