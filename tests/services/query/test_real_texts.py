"""The door to texts as a running process: who reads what, what the trail has, and that without it no text leaves."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal

from local.stack.backing import Backing
from local.stack.services import Services
from shared.trail import SEALED_AFTER, Chains
from tests.services.query.stand import KEYS, Stand, on, sent
from tests.services.query.test_real_commands import by_views, run

Json = dict[str, Any]
AT_ONCE = 96
"""Readings by three readers at two processes."""
pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
SECRET = "他们的痛点是计划每周都变"
MENTIONS = "王芳不同意这个方案的时间"
GRADES = {"C-text-1": "secret", "C-text-2": "secret", "C-text-3": "top_secret"}
ENDS = {"C-text-1": 30, "C-text-2": -1, "C-text-3": 30}


def items() -> list[Json]:
    return [
        {"item": "pains", "text": SECRET},
        {"item": "obstacles", "text": MENTIONS, "mentions": ["p-wang"]},
        {"item": "our_answer", "none_known": True},
        {"item": "of_no_template", "text": "an item that no template has"},
    ]


def facts() -> list[Json]:
    """Three customers of R-1, whose manager is R-2, and grants of secret for R-7: one holds, has ended, is too low."""
    said = [sent("representative.registered", "R-1", "reg-text", 5, name="代表", team="east", manager="R-2")]
    for customer, grade in GRADES.items():
        grant = {"grant_id": f"g-{customer}", "grantee": "R-7", "max_grade": "secret", "expires_on": on(ENDS[customer])}
        said += [
            sent("customer.registered", customer, f"cr-{customer}", 90, name=customer),
            sent("purchase.recorded", customer, f"p-{customer}", 40, purchase_id=f"p-{customer}", amount="1.00"),
            sent("account.assigned", customer, f"as-{customer}", 80, account_manager="R-1", from_on=on(-80)),
            sent("profile.revised", customer, f"pr-{customer}", 8, grade=grade, items=items()),
            sent("access.granted", customer, f"ag-{customer}", 40, **grant),
        ]
    return said


@pytest.fixture(scope="module")
def told(stand: Stand) -> Stand:
    answer = stand.post(facts())
    assert not answer["refused"], answer["events"]
    stand.settle(answer)
    return stand


@pytest.fixture
def down(told: Stand) -> Iterator[None]:
    """MongoDB takes no entry more."""
    told.command({"collMod": "trail", "validator": {"nothing": {"$exists": True}}})
    yield
    told.command({"collMod": "trail", "validator": {}})


def trail(stand: Stand, **wanted: Any) -> list[Json]:
    return sorted(stand.documents("trail", wanted), key=lambda one: (one["reader"], one["seq"]))


def why(answer: httpx.Response) -> str:
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "text_denied"
    assert SECRET not in answer.text
    return str(answer.json()["why"])


def test_worked_example_4_gives_three_entries(told: Stand) -> None:
    """A grant of secret while it holds: allowed; once it has ended: grant_ended; of top secrets: grade."""
    before = len(trail(told, reader="R-7"))
    found = told.texts("C-text-1", key="grantee")
    assert found.json()["data"]["items"] == [{"item": "pains", "state": "text", "text": SECRET}]
    assert why(told.texts("C-text-2", key="grantee")) == "grant_ended"
    assert why(told.texts("C-text-3", key="grantee")) == "grade"
    added = trail(told, reader="R-7")[before:]
    assert [(one["customer"], one["grade"], one["allowed"], one["by"]) for one in added] == [
        ("C-text-1", "secret", True, "grant"),
        ("C-text-2", "secret", False, "grant_ended"),
        ("C-text-3", "top_secret", False, "grade"),
    ]
    assert [one["seq"] for one in added] == [before + 1, before + 2, before + 3]


def test_each_right_reads(told: Stand) -> None:
    for who, by, customer in (
        ("owner", "owner", "C-text-3"),
        ("lead", "chain", "C-text-3"),
        ("steward", "steward", "C-text-3"),
        ("executive", "executive", "C-text-1"),
    ):
        answer = told.texts(customer, "pains", "our_answer", "of_no_template", "vision", key=who)
        assert answer.status_code == HTTPStatus.OK, answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers
        data = answer.json()["data"]
        assert (data["by"], data["grade"]) == (by, GRADES[customer])
        assert [one["text"] for one in data["items"]] == [SECRET, None, "an item that no template has", None]
        assert [one["state"] for one in data["items"]] == ["text", "none_known", "text", "missing"]


def test_who_has_no_right_reads_nothing_and_each_attempt_is_on_the_trail(told: Stand) -> None:
    before = len(trail(told))
    attempts = {
        "all": "no_content_role",  # every scope, and no person
        "reader": "no_content_role",
        "secret": "no_content_role",
        "own": "no_content_role",  # the owner, by a key for figures
        "ops": "no_content_role",
        "sender": "no_content_role",
        "auditor": "no_content_role",
        "executive": "grade",
        "grantee": "grade",
    }
    for who, expected in attempts.items():
        assert why(told.texts("C-text-3", key=who)) == expected, who
    assert why(told.texts("C-nobody-knows", key="owner")) == "no_right"
    added = trail(told)
    assert len(added) == before + len(attempts) + 1
    assert sum(not one["allowed"] for one in added) >= len(attempts) + 1
    assert told.texts("C-text-3", key=None).status_code == HTTPStatus.UNAUTHORIZED


def test_no_other_door_has_the_text(told: Stand) -> None:
    token = SECRET[:6]
    for who in KEYS:
        for path in (
            "/v1/profiles?customer=C-text-1",
            "/v1/customers/C-text-1?include=timeline,plan,concerns,engagement",
            "/v1/timeline?customer=C-text-1",
            "/v1/grants?customer=C-text-1",
            "/v1/access-trail?customer=C-text-1",
            "/v1/emergency-reads",
            f"/v1/search?q={token}",
            "/v1/profiles.csv?customer=C-text-1",
            "/v1/customers/C-text-1/texts",
        ):
            assert token not in told.get(path, key=who).text, (who, path)
    for file in told.folder.rglob("*.log"):
        assert token not in file.read_text(encoding="utf-8", errors="replace"), file


@pytest.mark.usefixtures("down")
def test_no_trail_no_text(told: Stand) -> None:
    before = len(trail(told))
    answer = told.texts("C-text-1")
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer.json()["code"] == "no_trail"
    assert int(answer.headers["retry-after"]) > 0
    assert SECRET not in answer.text
    assert len(trail(told)) == before


def test_an_emergency_reads_is_counted_and_told_to_the_owner_alone(told: Stand) -> None:
    assert why(told.texts("C-text-3", key="grantee")) == "grade"
    found = told.texts("C-text-3", key="grantee", emergency={"reason": "工厂着火"})
    assert (found.json()["data"]["by"], found.json()["data"]["items"][0]["text"]) == ("break_glass", SECRET)
    assert told.texts("C-text-3", "vision", key="grantee").json()["data"]["by"] == "break_glass", "for four hours"
    rows = told.get("/v1/emergency-reads", key="owner").json()["data"]
    mine = [(one["reader"], one["reason"]) for one in rows if one["customer"] == "C-text-3"]
    assert mine == [("R-7", "工厂着火")] * 2
    of_lead = told.get("/v1/emergency-reads", key="lead").json()["data"]
    assert {one["customer"] for one in of_lead} == {"C-001"}, "R-2 owns none of the others"
    counted = told.get("/metrics", key=None).text
    assert 'guanxi_text_reads_total{by="break_glass",outcome="allowed"}' in counted


def test_auditors_read_the_trail_by_customer_reader_and_time(told: Stand) -> None:
    told.texts("C-text-1")
    told.texts("C-text-2", key="lead")

    def rows(**asked: Any) -> list[Json]:
        found = told.get("/v1/access-trail", key="auditor", **asked)
        assert found.headers["cache-control"] == "no-store"
        data: list[Json] = found.json()["data"]
        return data

    assert {one["customer"] for one in rows(customer="C-text-1")} == {"C-text-1"}
    of_lead = rows(reader="R-2")
    assert {one["reader"] for one in of_lead} == {"R-2"}
    assert [one["at"] for one in of_lead] == sorted((one["at"] for one in of_lead), reverse=True)
    assert of_lead[0]["customer"] == "C-text-2"
    assert rows(at_after=on(1) + "T00:00:00Z") == []
    assert len(rows(at_before=on(1) + "T00:00:00Z", size="500")) == len(trail(told))
    pages = 0
    cursor: Json = {}
    while True:
        page = told.get("/v1/access-trail", key="auditor", size="3", **cursor).json()
        pages += len(page["data"])
        if page["page"]["next"] is None:
            break
        cursor = {"cursor": page["page"]["next"]}
    assert pages == len(trail(told))
    for who in ("all", "auditor"):
        assert told.get("/v1/access-trail", key=who).status_code == HTTPStatus.OK
    for who in ("owner", "steward", "secret", "reader"):
        assert told.get("/v1/access-trail", key=who).json()["code"] == "scope_missing"


def test_who_reads_at_once_has_one_chain(told: Stand) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: told.texts("C-text-1", key="steward").status_code, range(24)))
    assert answers == [HTTPStatus.OK] * 24
    chains = Chains(datetime.now(UTC))
    for one in trail(told):
        chains.look(one)
    assert chains.faults == []


def test_two_processes_have_one_chain_for_each_reader(
    told: Stand, stack: Backing, portal: BlockingPortal, tmp_path: Path
) -> None:
    readers = {"steward": "R-9", "lead": "R-2", "executive": "R-8"}  # the last one is refused
    before = {who: len(trail(told, reader=reader)) for who, reader in readers.items()}
    other = Services(stack, print, settings=told.environment, names=("query",), logs=tmp_path)
    with portal.wrap_async_context_manager(other) as second, ThreadPoolExecutor(12) as pool:
        doors = (told.url(), second.url("query"))

        def read(number: int) -> tuple[str, httpx.Response]:
            who = [*readers][number // 2 % 3]
            return who, told.texts("C-text-3", key=who, door=doors[number % 2])

        answers = list(pool.map(read, range(AT_ONCE)))
    for who, reader in readers.items():
        mine = [answer for one, answer in answers if one == who]
        added = trail(told, reader=reader)[before[who] :]
        assert [one["seq"] for one in added] == list(range(before[who] + 1, before[who] + len(mine) + 1)), who
        if who == "executive":
            assert {(why(one)) for one in mine} == {"grade"}
        else:
            assert sorted(one.json()["data"]["seq"] for one in mine) == [one["seq"] for one in added], who
    assert "each as it was written" in run(["trail", "--check"], with_kafka(told))


def with_kafka(stand: Stand) -> dict[str, str]:
    return {**by_views(stand), "GUANXI_KAFKA_BOOTSTRAP": stand.services.environment["GUANXI_KAFKA_BOOTSTRAP"]}


def test_an_erased_text_reads_as_erased(told: Stand) -> None:
    assert told.texts("C-text-1", "obstacles").json()["data"]["items"][0]["text"] == MENTIONS
    erased = sent("person.erased", "C-text-1", "erase-wang", 0, person_id="p-wang", requested_on=on(-1))
    restricted = {"mode": "restrict", "until": on(60), "basis": "pipl_47"}
    hidden = sent("person.erased", "C-text-2", "hide-wang", 0, person_id="p-wang", requested_on=on(-1), **restricted)
    answer = told.post([erased, hidden])
    assert not answer["refused"], answer["events"]
    told.settle(answer)
    for customer in ("C-text-1", "C-text-2"):
        data = told.texts(customer, "obstacles", "pains").json()["data"]
        assert [(one["state"], one["text"]) for one in data["items"]] == [("erased", None), ("text", SECRET)]


def test_the_command_lists_and_checks_the_trail(told: Stand) -> None:
    told.texts("C-text-1", "pains", "vision", key="lead")
    environment = with_kafka(told)
    newest = run(["trail", "C-text-1", "--limit", "1"], environment)
    assert newest.endswith("R-2 read pains, vision of cp (secret) of C-text-1  [chain]\n")
    found = json.loads(run(["trail", "--reader", "R-7", "--denied", "--json"], environment))
    assert found
    assert {(one["reader"], one["allowed"]) for one in found} == {("R-7", False)}
    assert {one["by"] for one in json.loads(run(["trail", "--emergency", "--json"], environment))} == {"break_glass"}
    assert "nobody asked" in run(["trail", "--on", "2001-01-01"], environment)
    run(["trail", "--on", "2026-01-01", "--since", "2026-01-01"], environment, 2)
    checked = run(["trail", "--check"], environment)
    assert "each as it was written" in checked
    assert f"sealed on the log through {(datetime.now(UTC) - SEALED_AFTER).date() - timedelta(days=1)}" in checked
    changed = trail(told, reader="R-2")[0]
    told.update("trail", changed["_id"], {"$set": {"customer": "C-other"}})
    assert f"entry {changed['seq']} of R-2 was changed" in run(["trail", "--check"], environment, 1)
    told.update("trail", changed["_id"], {"$set": {"customer": changed["customer"]}})
    assert json.loads(run(["trail", "--check", "--json"], environment))["faults"] == []
