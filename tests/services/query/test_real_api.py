"""The API as a running process: what it answers, to whom, and what it says of what it does not."""

import csv
import io
import json
import re
import signal
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from anyio.from_thread import BlockingPortal
from pydantic import TypeAdapter

from local.stack.paths import REPOSITORY
from services.query.api.columns import BOM, cell
from services.query.api.openapi import openapi
from services.query.api.problems import CODES
from services.query.api.resources import INCLUDES, RESOURCES, TABLES, Resource, Table, fields_of
from services.query.api.rows import Customer, Explanation, Fate, Group, Row
from services.query.limits import MAX_IDS, MAX_SIZE
from shared.positions import Mark, Of, decode, encode
from tests.services.query.stand import CUSTOMERS, GREAT, GROUP, KEYS, STRANGE, Stand, on, sent

Json = dict[str, Any]
pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
WEEK = datetime.now(UTC).date().strftime("%G-W%V")
NEEDED: dict[str, Json] = {
    "rep-weeks": {"representative": "R-1"},
    "goals": {"subject": "C-000"},
    "boards/coverage": {"week": WEEK},
    "boards/held": {"on": on(-1)},
    "boards/movements": {"from_on_after": "2000-01-01", "from_on_before": "2999-01-01"},
    "search": {"q": "客户"},
    "timeline": {"customer": "C-001"},
}
SINGLE = {
    "customers/{id}": ("/v1/customers/C-001", "customers:read"),
    "explanation": ("/v1/customers/C-001/explanation", "customers:read"),
    "groups/{id}": (f"/v1/groups/{GROUP}", "confidential:read"),
    "status": ("/v1/status", "ops:read"),
    "fate": ("/v1/events/erp/cr-1", "events:write"),
}
EVERYTHING: list[Resource | Table] = [*RESOURCES, *TABLES]


def is_problem(answer: Any, code: str) -> bool:
    """The documented status, a hint, no word of what is inside."""
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["code"] == code, body
    assert answer.status_code == CODES[code].status == body["status"]
    assert body["detail"]
    assert not re.search(r"Traceback|pymongo|\$match|_g\d|mongodb://", answer.text, re.IGNORECASE)
    return True


def check(row: type[Row], shown: Json, *, more: tuple[str, ...] = ()) -> None:
    """Exactly the declared fields, each of its declared kind."""
    assert {*shown} - {*more} == {*fields_of(row)}
    TypeAdapter(row).validate_python({name: value for name, value in shown.items() if name not in more})


@pytest.mark.parametrize("one", EVERYTHING, ids=lambda one: one.name)
def test_rows_are_as_declared(one: Resource | Table, stand: Stand) -> None:
    found = stand.get(one.path, **NEEDED.get(one.name, {})).json()
    assert found["data"], one.name
    for row in found["data"]:
        check(one.row, row)
    assert {*found} == {"data", "page", "freshness"}


def test_a_customer_comes_with_what_is_asked_for(stand: Stand) -> None:
    for customer in ("C-000", "C-005", "C-010"):
        data = stand.get(f"/v1/customers/{customer}", include=",".join(INCLUDES)).json()["data"]
        check(Customer, data, more=(*INCLUDES,))
        for name, row in INCLUDES.items():
            part = data[name]
            for shown in part if isinstance(part, list) else [part] if part else []:
                check(row, shown)
    assert {*stand.get("/v1/customers/C-000", fields="tier,net_365d").json()["data"]} == {"tier", "net_365d"}


def test_each_filter_and_sort_gives_what_the_view_has(stand: Stand) -> None:
    customers = stand.documents("customers")
    mine = {one["_id"] for one in customers if one["account_manager"] == "R-2"}
    assert ids(stand, "customers", account_manager="R-2") == sorted(mine)
    partners = {one["_id"] for one in customers if one["tier"] == "partner"}
    assert {*ids(stand, "customers", tier="partner")} == partners
    by_net = [float(one["net_365d"]) for one in every(stand, "customers", sort="-net_365d")]
    assert by_net == sorted(by_net, reverse=True)
    assert len(by_net) == len(customers)
    middle = sorted(float(one["net_365d"]) for one in customers)[20]
    above = {one["_id"] for one in customers if float(one["net_365d"]) >= middle}
    assert {*ids(stand, "customers", net_365d_min=f"{middle:.2f}")} == above
    assert {*ids(stand, "customers", net_365d_min=f"{middle + 0.01:.2f}")} < above
    assert ids(stand, "customers", customer=["C-003", "C-001"]) == ["C-001", "C-003"]
    plan = [one["_id"] for one in stand.documents("contact_plan", {"owned_by": "R-2"})]
    assert [one["id"] for one in every(stand, "contact-plan", owned_by="R-2", size=3)] == plan
    concerns = every(stand, "concerns", size=1)
    assert len(concerns) == len(stand.documents("concerns"))
    assert [one["week"] for one in every(stand, "rep-weeks", representative="R-1", size=4)] == sorted(
        one["week"] for one in stand.documents("rep_weeks", {"representative": "R-1"})
    )


def test_what_the_feed_has_is_read(stand: Stand) -> None:
    lines = every(stand, "timeline", customer="C-001", size=2)
    stored = stand.documents("timeline", {"customer": "C-001"})
    assert [one["offset"] for one in lines] == sorted((one["offset"] for one in stored), reverse=True)
    assert [one["offset"] for one in lines if one["kind"] == "visit.logged"] == [
        one["offset"] for one in every(stand, "timeline", customer="C-001", kind="visit.logged")
    ]
    assert stand.get("/v1/customers/C-001", include="timeline").json()["data"]["timeline"] == lines
    moved = every(stand, "movements", customer="C-001", size=1)
    assert [one["version"] for one in moved] == sorted(one["version"] for one in moved)
    assert moved[-1]["to_on"] is None
    assert every(stand, "movements", size=7, sort="from_on") == sorted(
        every(stand, "movements"), key=lambda one: (one["from_on"], one["to_on"] or "9999", one["customer"])
    )
    flows = stand.get("/v1/boards/movements", **NEEDED["boards/movements"]).json()["data"]
    assert sum(one["customers"] for one in flows) == len(every(stand, "movements"))


@pytest.mark.parametrize("asked", ["on", "known_at"])
def test_the_tier_of_a_day_is_the_same_by_movements_and_by_decisions(asked: str, stand: Stand) -> None:
    decisions = sorted(stand.documents("tier_history"), key=lambda one: (one["customer"], one["version"]))
    times = sorted({one["recorded_at"] for one in decisions})
    instants = [times[0], times[len(times) // 2], datetime.now(UTC)]
    for days_ago in (0, 1, 29, 30, 31, 39, 40, 41, 400):
        day = on(-days_ago)
        for instant in instants if asked == "known_at" else [None]:
            held: dict[str, str] = {}
            for one in decisions:
                told = instant is None or one["recorded_at"] <= instant
                if told and one["kind"] == "changed" and one["effective_on"] <= day:
                    held[one["customer"]] = one["to"]
            known = {} if instant is None else {"known_at": instant.isoformat()}
            found = every(stand, "movements", size=40, on=day, **known)
            assert len(found) == len({one["customer"] for one in found})
            assert {one["customer"]: one["to"] for one in found} == held


def test_a_question_finds_names_and_ids(stand: Stand) -> None:
    def found(question: str, key: str = "all") -> set[str]:
        return {one["customer"] for one in stand.get("/v1/search", key, q=question).json()["data"]}

    assert found("c-01") == {f"C-01{digit}" for digit in range(10)}
    assert "客户-一号" in found("客户-一")
    assert found("!?") == found("户客") == set()
    own = {one["_id"] for one in stand.documents("engagement", {"owned_by": "R-1"})}
    assert found("c-01", "own") == {f"C-01{digit}" for digit in range(10)} & own


def test_a_proposal_is_listed_until_it_ends(stand: Stand) -> None:
    assert ids(stand, "proposals") == [GREAT]
    assert ids(stand, "proposals", "own") == []


def every(stand: Stand, name: str, key: str = "all", **asked: Any) -> list[Json]:
    rows: list[Json] = []
    cursor: Json = {}
    while True:
        page = stand.get(f"/v1/{name}", key, **asked, **cursor).json()
        rows += page["data"]
        if page["page"]["next"] is None:
            return rows
        cursor = {"cursor": page["page"]["next"]}


def ids(stand: Stand, name: str, key: str = "all", **asked: Any) -> list[str]:
    return [one["customer"] for one in every(stand, name, key, **asked, fields="customer")]


@pytest.mark.parametrize("customer", STRANGE)
def test_an_id_of_any_kind_is_found(customer: str, stand: Stand) -> None:
    for path in ("", "/explanation"):
        found = stand.get(f"/v1/customers/{quote(customer, safe='')}{path}").json()
        assert found["data"]["customer"] == customer
    assert ids(stand, "customers", customer=customer) == [customer]


def test_a_list_is_read_whole_as_csv(stand: Stand) -> None:
    for one in RESOURCES:
        asked = NEEDED.get(one.name, {})
        answer = stand.get(f"{one.path}.csv", "all", **asked)
        assert answer.status_code == 200, (one.name, answer.text)
        assert answer.headers["content-type"].startswith("text/csv")
        lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
        rows = every(stand, one.name, **asked)
        assert lines[0] == list(one.fields)
        assert [line[0] for line in lines[1:]] == [cell(row[one.fields[0]]) for row in rows], one.name
    password = b64encode(f"anything:{stand.tokens['all']}".encode()).decode()
    basic = {"Authorization": f"Basic {password}"}
    chosen = stand.get("/v1/customers.csv", None, basic, fields="customer,net_365d", account_manager="R-1")
    assert chosen.status_code == 200
    assert chosen.text.splitlines()[0].lstrip(BOM) == "customer,net_365d"
    assert stand.get("/v1/boards/tiers.csv", None, basic).text.startswith(f"{BOM}tier,customers,net_365d,currency")
    assert is_problem(stand.get("/v1/customers", None, basic), "unauthorized")
    assert is_problem(stand.get("/v1/customers.csv", "reader"), "scope_missing")
    assert is_problem(stand.get("/v1/customers.csv", size=10), "unknown_parameter")
    assert is_problem(stand.get("/v1/customers.csv", tier="great"), "bad_value")


# ------------------------------------------------------------------------------------------------------------- rights


def needs_all(one: Resource | Table) -> bool:
    return one.all_rows if isinstance(one, Table) else one.rows_of == "all"


def cases() -> Iterator[tuple[str, str, str, Json, str, bool]]:
    """Every key with every route: name of the key, route, path, parameters, scope, whether it needs all rows."""
    for key in KEYS:
        for one in EVERYTHING:
            yield key, one.name, one.path, NEEDED.get(one.name, {}), one.scope, needs_all(one)
        for name, (path, scope) in SINGLE.items():
            yield key, name, path, {}, scope, name == "groups/{id}"


OWNED = {
    "all": None,
    "reader": None,
    "secret": None,
    "ops": None,
    "sender": None,
    "auditor": None,
    "owner": {"R-1"},
    "lead": {"R-2"},
    "own": {"R-1"},
    "hooks of one's own": {"R-1"},
    "team": {"R-1", "R-2"},
}


@pytest.mark.parametrize("case", [*cases()], ids=lambda case: f"{case[0]}-{case[1]}")
def test_who_may_read_what(case: tuple[str, str, str, Json, str, bool], stand: Stand) -> None:
    key, name, path, asked, scope, all_rows = case
    scopes, rows = KEYS[key]
    answer = stand.get(path, key, **asked)
    if scope not in scopes:
        assert is_problem(answer, "scope_missing")
        assert answer.json()["scope"] == scope
    elif all_rows and rows != "all":
        assert is_problem(answer, "rows_not_all")
    elif answer.status_code == 404:
        assert rows != "all"  # another's customer or representative
        assert is_problem(answer, "not_found")
    else:
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        for row in data if isinstance(data, list) else [data]:
            assert is_theirs(stand, row, OWNED.get(key, set())), (name, row)


def is_theirs(stand: Stand, row: Json, reps: set[str] | None) -> bool:
    """Whether a row is of these representatives, as the views say."""
    if reps is None:
        return True
    if "representative" in row:
        return row["representative"] in reps
    customer = row.get("customer") or row.get("id") or row.get("subject")
    owners = stand.documents("engagement", {"_id": customer})[0].get("owned_by", [])
    return bool(reps & {*owners})


@pytest.mark.parametrize("key", ["own", "team", "nobody"])
def test_a_key_reads_all_of_its_own_and_nothing_else(key: str, stand: Stand) -> None:
    reps = OWNED.get(key, set())
    wanted = [one["_id"] for one in stand.documents("engagement") if {*one.get("owned_by", [])} & (reps or set())]
    assert ids(stand, "customers", key, size=7) == sorted(wanted)
    assert {*ids(stand, "customers", key, sort="-net_365d", size=7)} == {*wanted}
    assert {*ids(stand, "tier-history", key)} == {*wanted}
    assert {one["id"] for one in every(stand, "contact-plan", key, size=3)} <= {*wanted}
    assert {*ids(stand, "key-persons", key)} <= {*wanted}
    assert {*ids(stand, "profiles", key)} <= {*wanted}
    assert {*ids(stand, "plans", key)} <= {*wanted}
    theirs = {one["representative"] for one in every(stand, "rep-weeks", key, week=last_week(stand))}
    assert theirs == (reps or set())


def last_week(stand: Stand) -> str:
    return str(max(one["week"] for one in stand.documents("rep_weeks", {"representative": "R-1"})))


def test_anothers_customer_is_as_one_that_does_not_exist(stand: Stand) -> None:
    theirs = next(one["_id"] for one in stand.documents("engagement", {"owned_by": "R-3"}))
    for path in ("", "/explanation", "?include=plan"):
        other, none = (stand.get(f"/v1/customers/{name}{path}", "own") for name in (theirs, "C-nobody"))
        assert is_problem(other, "not_found")
        assert other.json() == none.json()
    assert is_problem(stand.get("/v1/goals", "own", subject=theirs), "not_found")
    assert ids(stand, "customers", "own", customer=theirs) == []


@pytest.mark.parametrize("header", [None, "", "Bearer x", "Bearer gx_nobody22_" + "A" * 43, "Basic eDp5"])
@pytest.mark.parametrize("path", ["/v1/customers", "/v1/customers/C-000", "/v1/status"])
def test_without_a_key_nothing_is_read(path: str, header: str | None, stand: Stand) -> None:
    assert is_problem(stand.get(path, None, {"Authorization": header} if header is not None else {}), "unauthorized")


# ---------------------------------------------------------------------------------------------------------- bad input

BAD: list[tuple[str, str, str]] = [
    ("/v1/customers?teir=partner", "unknown_parameter", "'tier'"),
    ("/v1/customers?cursro=x", "unknown_parameter", "'cursor'"),
    ("/v1/customers?tier=partner&tier=general", "repeated_parameter", "tier"),
    ("/v1/customers?size=1&size=2", "repeated_parameter", "size"),
    ("/v1/customers?size=0", "bad_value", "1 to 500"),
    ("/v1/customers?size=100000", "bad_value", str(MAX_SIZE)),
    ("/v1/customers?size=-1", "bad_value", "size"),
    ("/v1/customers?size=٣", "bad_value", "size"),
    ("/v1/customers?tier=platinum", "bad_value", "strategic"),
    ("/v1/customers?tier=partner&account_manager=R-1", "filter_not_indexed", "sort=-net_365d with tier"),
    ("/v1/customers?sort=name", "unknown_sort", "-net_365d"),
    ("/v1/customers?sort=customer&tier=partner", "filter_not_indexed", "possible"),
    ("/v1/customers?net_365d_min=1e9", "bad_value", "1234.50"),
    ("/v1/customers?fields=tier,nett_365d", "unknown_field", "'net_365d'"),
    ("/v1/customers?customer=", "bad_value", "id"),
    ("/v1/customers?customer=%FF", "bad_value", "UTF-8"),
    (f"/v1/customers?{'&'.join(f'customer=C{n}' for n in range(MAX_IDS + 1))}", "bad_value", str(MAX_IDS)),
    ("/v1/customers?cursor=x", "bad_cursor", "begin again"),
    ("/v1/customers?cursor=", "bad_cursor", "begin again"),
    ("/v1/customers?name=x", "unknown_parameter", "there are"),
    ("/v1/contact-plan?due_on_before=2026-03-01", "filter_not_indexed", "owned_by"),
    ("/v1/contact-plan?owned_by=R-1&due_on_before=2026-02-30", "bad_value", "2026-03-01"),
    ("/v1/tier-history?customer=C-1&known_at=2026-03-01", "bad_value", "instant"),
    ("/v1/tier-history?customer=C-1&known_at=2026-03-01T00:00:00", "bad_value", "instant"),
    ("/v1/rep-weeks", "filter_missing", "week"),
    ("/v1/rep-weeks?week=2026-W54", "bad_value", "2026-W47"),
    ("/v1/rep-weeks?team=east", "filter_missing", "week"),
    ("/v1/timeline", "filter_missing", "customer"),
    ("/v1/timeline?kind=visit.logged", "filter_missing", "customer"),
    ("/v1/movements?known_at=2026-03-05T00:00:00Z", "filter_not_indexed", "on"),
    ("/v1/movements?on=2026-03-05&customer=C-001", "filter_not_indexed", "possible"),
    ("/v1/movements?on=9999-12-31", "on_in_future", "without on"),
    ("/v1/search", "filter_missing", "q"),
    (f"/v1/search?q={'x' * 101}", "bad_value", "100"),
    ("/v1/boards/movements?from_on_after=2026-01-01", "filter_missing", "from_on_before"),
    ("/v1/goals", "filter_missing", "subject"),
    ("/v1/boards/coverage", "filter_missing", "week"),
    ("/v1/boards/tiers?tier=general", "unknown_parameter", "there are"),
    ("/v1/customers/C-000?include=histroy", "unknown_field", "'history'"),
    ("/v1/customers/C-000?on=2026-03-01", "unknown_parameter", "there are"),
    ("/v1/customers/C-000/explanation?on=yesterday", "bad_value", "2026-03-01"),
    ("/v1/customers/C-000/explanation?on=9999-12-31", "on_in_future", "without on"),
    ("/v1/customers/C-000/explanation?known_at=2999-01-01T00:00:00Z", "on_in_future", "leave it out"),
    ("/v1/customers/C-000/explanation?known_at=0001-01-01T00:00:00%2B23:59", "bad_value", "instant"),
    ("/v1/customers/nobody", "not_found", "case-sensitive"),
    ("/v1/customers/C%0A000", "not_found", ""),
    ("/v1/customers/C%E2%80%8F000", "not_found", ""),
    ("/v1/customers/%00", "not_found", ""),
    ("/v1/customers%0A", "not_found", "openapi"),
    ("/%0A", "not_found", "openapi"),
    ("/v1/customers/%FF", "bad_id", "UTF-8"),
    (f"/v1/customers/{'C' * 129}", "bad_id", "128"),
    ("/v1/customers/C/slash", "not_found", "openapi"),
    ("/v1/customers/", "not_found", "openapi"),
    ("/v1/nothing", "not_found", "openapi"),
    ("/v1/customers?after=x", "bad_position", "position"),
    (f"/v1/customers?after={encode(Mark(Of.LOG, 1, {0: 10**9}))}", "bad_position", "another one's"),
    (f"/v1/customers?after={encode(Mark(Of.LOG, 2, {0: 1}))}", "bad_position", "another one's"),
    (f"/v1/customers?after={encode(Mark(Of.INBOX, 7, {0: 1}))}", "bad_position", "another one's"),
    (f"/v1/customers?after={encode(Mark(Of.CHANGES, 1, {0: 1}))}", "bad_position", "changes"),
]


@pytest.mark.parametrize(("path", "code", "says"), BAD, ids=[f"{n}-{bad[1]}" for n, bad in enumerate(BAD)])
def test_bad_input_is_told_with_a_code_and_a_hint(path: str, code: str, says: str, stand: Stand) -> None:
    answer = stand.get(path)
    assert is_problem(answer, code)
    assert says in answer.json()["detail"]


def test_ten_thousand_ids_are_more_than_an_address_may_have(stand: Stand) -> None:
    port = httpx.URL(stand.url()).port
    asked = "&".join(f"customer={n}" for n in range(10_000))
    client = HTTPConnection("127.0.0.1", port, timeout=60)  # httpx makes no address as long
    client.request("GET", f"/v1/customers?{asked}", headers={"Authorization": f"Bearer {stand.tokens['all']}"})
    answer = client.getresponse()
    problem = json.loads(answer.read())
    client.close()
    assert (answer.status, problem["code"]) == (431, "headers_too_large")
    assert problem["detail"]


def test_before_the_first_event_and_before_the_log_nothing_held(stand: Stand) -> None:
    first = min(one["recorded_at"] for one in stand.documents("tier_history"))
    before_the_log = (first - timedelta(milliseconds=1)).isoformat()
    for asked in ({"on": "1900-01-01"}, {"on": on(0), "known_at": before_the_log}):
        assert every(stand, "movements", size=40, **asked) == []
        found = stand.get("/v1/customers/C-012/explanation", **asked).json()["data"]
        check(Explanation, found)
        assert (found["tier"], found["decision"]) == ("potential", None)
    held = stand.get("/v1/boards/held", on="1900-01-01").json()["data"]
    assert {one["customers"] for one in held} == {0}


def test_a_wait_over_30_s_is_refused(stand: Stand) -> None:
    answer = stand.get("/v1/customers", headers={"Prefer": "wait=31"})
    assert is_problem(answer, "bad_value")
    assert "30" in answer.json()["detail"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_not_taken(method: str, stand: Stand) -> None:
    with httpx.Client(trust_env=False) as client:
        answer = client.request(
            method, f"{stand.url()}/v1/customers", headers={"Authorization": f"Bearer {stand.tokens['all']}"}
        )
    assert is_problem(answer, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


def test_a_cursor_serves_its_query_and_its_key_alone(stand: Stand) -> None:
    token = stand.get("/v1/customers", size=3).json()["page"]["next"]
    assert stand.get("/v1/customers", size=9, cursor=token).status_code == 200
    assert is_problem(stand.get("/v1/customers", "reader", cursor=token), "cursor_mismatch")
    assert is_problem(stand.get("/v1/customers", cursor=token, account_manager="R-1"), "cursor_mismatch")
    assert is_problem(stand.get("/v1/concerns", cursor=token), "cursor_mismatch")
    assert is_problem(stand.get("/v1/customers", cursor=token[:-1] + ("A" if token[-1] != "A" else "B")), "bad_cursor")


# ----------------------------------------------------------------------------------------------- freshness and waiting


def test_what_was_written_is_read(stand: Stand) -> None:
    for number in range(12):
        amount = f"{number + 1}00.00"
        answer = stand.post(
            [sent("purchase.recorded", f"W-{number}", f"w-{number}", 1, purchase_id=f"w-{number}", amount=amount)]
        )
        shown = stand.get(
            f"/v1/customers/W-{number}", after=answer["position"], headers={"Prefer": "wait=20"}, include="engagement"
        )
        assert shown.status_code == 200, shown.text
        data = shown.json()["data"]
        # The purchase, tiering's decision on it, and what engagement made of that.
        assert (data["net_365d"], data["tier"]) == (amount, "general")
        assert data["engagement"]["tier"] == "general"
        assert shown.headers["guanxi-waited-for"] == "admitted"
        assert shown.headers["preference-applied"] == "wait=20"


def test_a_wait_ends_when_the_slowest_service_has_passed(stand: Stand) -> None:
    for service in ("tiering", "engagement", "archives", "planning", "feed"):
        stand.services.signal(service, signal.SIGSTOP)
        try:
            bought = sent("purchase.recorded", f"S-{service}", f"s-{service}", 1, purchase_id=f"s-{service}")
            position = stand.post([bought])["position"]
            assert is_problem(stand.get("/v1/customers", after=position, headers={"Prefer": "wait=2"}), "not_yet")
        finally:
            stand.services.signal(service, signal.SIGCONT)
        stand.settle({"position": position})


def test_each_service_stores_the_end_of_what_it_has_decided(stand: Stand) -> None:
    ends: dict[int, int] = {}
    for one in stand.documents("tier_history"):
        at = one["log"]
        ends[at["partition"]] = max(ends.get(at["partition"], 0), at["offset"] + 1)
    stored = {one["partition"]: one for one in stand.documents("tiering_positions")}
    assert ends
    assert {partition: stored[partition]["decided"] for partition in ends} == ends


def test_what_was_refused_or_known_is_told(stand: Stand) -> None:
    event = sent("purchase.recorded", "F-1", "f-1", 1, purchase_id="f-1")
    position = stand.post([event])["position"]
    assert stand.get("/v1/customers/F-1", after=position, headers={"Prefer": "wait=20"}).status_code == 200
    # Both at once, so that the door does not know the first yet: admission tells.
    conflicting = {**event, "id": "f-2", "subject": "F-2", "data": {**event["data"], "purchase_id": "f-3"}}
    other = {**conflicting, "id": "f-4", "subject": "F-3"}
    answer = stand.post([conflicting, other])
    assert [one["status"] for one in answer["events"]] == ["accepted", "accepted"]
    shown = stand.get("/v1/status", after=answer["position"], headers={"Prefer": "wait=20"})
    assert shown.headers["guanxi-waited-for"] == "refused"
    fate = stand.get("/v1/events/erp/f-4").json()["data"]
    check(Fate, fate)
    assert (fate["status"], fate["code"], fate["field"]) == ("refused", "subject_changed", "subject")
    twice = sent("customer.registered", "F-9", "f-9", 1)
    answer = stand.post([twice, twice])
    shown = stand.get("/v1/status", after=answer["position"], headers={"Prefer": "wait=20"})
    assert shown.headers["guanxi-waited-for"] == "duplicate"
    assert stand.get("/v1/events/erp/f-9").json()["data"]["status"] == "accepted"


def test_what_became_of_an_accepted_record_is_told(stand: Stand) -> None:
    bought = sent("purchase.recorded", "F-20", "f-20", 9, purchase_id="f-20", amount="900000.00")
    more = {**bought, "id": "f-20-2", "revision": 2, "data": {**bought["data"], "amount": "900001.00"}}
    for event in (bought, more):
        stand.settle(stand.post([event]))
    fate = stand.get("/v1/events/erp/f-20").json()["data"]
    check(Fate, fate)
    assert (fate["status"], fate["customer"], fate["record"], fate["revision"]) == ("accepted", "F-20", ["f-20"], 1)
    assert fate["revised"]["revision"] == 2
    assert fate["folded_by"] == ["tiering", "engagement", "archives", "planning", "feed"]
    assert decode(fate["accepted_at"]).of is Of.LOG
    history = stand.get("/v1/tier-history", customer="F-20").json()["data"]
    assert [one["version"] for one in fate["decisions"]] == [1] == [history[0]["version"]]
    assert history[0]["set_off_by"] == "f-20"
    latest = stand.get("/v1/events/erp/f-20-2", "sender").json()["data"]
    assert (latest["status"], latest["revised"], latest["decisions"]) == ("accepted", None, None)
    assert stand.get("/v1/customers/F-20", after=latest["accepted_at"]).status_code == 200
    assert is_problem(stand.get("/v1/events/other/f-20"), "not_found")


def test_what_became_of_a_representatives_events_is_told(stand: Stand) -> None:
    """They have no timeline: a registration is claimed under its event's id, an absence under its own."""
    joined = sent("representative.registered", "R-77", "r-77", 9, name="代表", team="east")
    away = sent("representative.absent", "R-77", "a-77", 8, absence_id="77", from_on="2026-03-02", to_on="2026-03-04")
    longer = {**away, "id": "a-77-2", "revision": 2, "data": {**away["data"], "to_on": "2026-03-05"}}
    wrong = {**away, "id": "a-77-3", "subject": "R-78"}
    for event in (joined, away, longer):
        stand.settle(stand.post([event]))
    answer = stand.post([away, wrong])  # known already, and another's: neither changes what became of the first
    stand.get("/v1/status", after=answer["position"], headers={"Prefer": "wait=20"})
    for event, revision in ((joined, None), (away, 1), (longer, 2)):
        fate = stand.get(f"/v1/events/erp/{event['id']}").json()["data"]
        check(Fate, fate)
        assert (fate["status"], fate["code"], fate["customer"]) == ("accepted", None, None)
        assert fate["revision"] == revision
        assert fate["folded_by"] == ["tiering", "engagement", "archives", "planning", "feed"]
        assert stand.get("/v1/status", after=fate["accepted_at"]).status_code == 200
    assert is_problem(stand.get("/v1/events/erp/a-78"), "not_found")


def test_posthog_10527_what_became_of_each_event_of_a_request_is_known(stand: Stand) -> None:
    good = [sent("customer.registered", f"E-{n}", f"e-{n}", 1) for n in range(3)]
    answer = stand.post([*good, sent("customer.registered", "E-4", "e-4", 1, name=7)])
    assert [one["status"] for one in answer["events"]] == ["accepted"] * 3 + ["refused"]
    stand.settle(answer)
    for n in range(3):
        fate = stand.get(f"/v1/events/erp/e-{n}").json()["data"]
        assert (fate["status"], fate["folded_by"]) == (
            "accepted",
            ["tiering", "engagement", "archives", "planning", "feed"],
        )


def test_a_position_that_is_not_reached_is_not_yet(stand: Stand) -> None:
    begun = time.monotonic()
    token = encode(Mark(Of.INBOX, 1, {0: 10**9}))
    assert is_problem(stand.get("/v1/customers", after=token), "not_yet")
    answer = stand.get("/v1/customers", after=token, headers={"Prefer": "wait=1"})
    assert is_problem(answer, "not_yet")
    assert int(answer.headers["retry-after"]) >= 1
    assert time.monotonic() - begun >= 1


def test_posthog_8748_16849_last_updated_tells_what_is_in_it(stand: Stand) -> None:
    before = stand.get("/v1/customers/C-001")
    stand.settle(
        stand.post([sent("purchase.recorded", "C-001", "fresh-1", 0.1, purchase_id="fresh-1", amount="77.00")])
    )
    after = stand.get("/v1/customers/C-001")
    first, second = (decode(one.headers["guanxi-position"]) for one in (before, after))
    assert sum(second.ends.values()) > sum(first.ends.values())
    assert after.headers["guanxi-as-of"] > before.headers["guanxi-as-of"]
    assert after.headers["guanxi-behind"] == "0"
    assert after.json()["data"]["as_of"] > before.json()["data"]["as_of"]
    # The position of an answer can be waited for, and has passed.
    assert stand.get("/v1/customers/C-001", after=after.headers["guanxi-position"]).status_code == 200


def test_an_answer_that_is_right_still_is_not_sent_again(stand: Stand) -> None:
    first = stand.get("/v1/customers", size=2)
    assert first.headers["cache-control"] == "private, no-cache"
    same = stand.get("/v1/customers", headers={"If-None-Match": f'W/"x", {first.headers["etag"]}'}, size=2)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
    assert stand.get("/v1/customers", "reader", {"If-None-Match": first.headers["etag"]}, size=2).status_code == 200
    assert stand.get("/v1/customers", headers={"If-None-Match": first.headers["etag"]}, size=3).status_code == 200
    stand.settle(stand.post([sent("purchase.recorded", "C-002", "etag-1", 0.1, purchase_id="etag-1")]))
    assert stand.get("/v1/customers", headers={"If-None-Match": first.headers["etag"]}, size=2).status_code == 200


@pytest.mark.parametrize("name", ["key-persons", "profiles", "grants", "plans", "plan-steps", "service-use"])
def test_confidential_answers_are_kept_nowhere(stand: Stand, name: str) -> None:
    answer = stand.get(f"/v1/{name}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    assert is_problem(stand.get(f"/v1/{name}", "reader"), "scope_missing")


def test_who_is_overdue(stand: Stand) -> None:
    rows = every(stand, "overdue")
    assert [(row["customer"], row["overdue"]) for row in rows] == [("C-007", "700.00")]
    assert every(stand, "overdue", overdue_min="700.01") == []
    assert stand.get("/v1/customers/C-008").json()["data"]["overdue"] is None


def test_a_group_is_rolled_up_as_it_is_now(stand: Stand) -> None:
    answer = stand.get(f"/v1/groups/{GROUP}")
    row = answer.json()["data"]
    check(Group, row)
    assert (row["name"], row["members"], row["registered"]) == ("华南集团", 2, True)
    assert sorted(one["customer"] for one in row["customers"]) == ["C-002", "C-012"]
    net = [stand.get(f"/v1/customers/{one}").json()["data"]["net_365d"] for one in ("C-002", "C-012")]
    assert row["net_365d"] == {"CNY": str(sum(map(Decimal, net)))}
    assert answer.headers["cache-control"] == "no-store"
    assert set(stand.get(f"/v1/groups/{GROUP}", fields="members,tiers").json()["data"]) == {"members", "tiers"}
    assert is_problem(stand.get("/v1/groups/G-9"), "not_found")
    assert is_problem(stand.get(f"/v1/groups/{GROUP}", size=5), "unknown_parameter")


def test_a_profile_is_shown_without_its_text(stand: Stand) -> None:
    (row,) = stand.get("/v1/profiles", customer="C-009").json()["data"]
    (own,) = row["profiles"]
    assert [one["item"] for one in own["items"] if one["state"] == "filled"] == ["pains"]
    assert own["grade"] in {"secret", "top_secret"}
    assert "plans change weekly" not in str(row)


# ---------------------------------------------------------------------------------------------------- on and known_at


def test_on_and_known_at_say_what_held_and_what_was_known(stand: Stand) -> None:
    history = sorted(stand.documents("tier_history", {"customer": "C-012"}), key=lambda one: one["version"])
    assert [one["to"] for one in history if one["kind"] == "changed"][-1] == "strategic"
    last = history[-1]
    earlier = last["recorded_at"] - timedelta(milliseconds=1)
    before = stand.get("/v1/customers/C-012/explanation", on=last["effective_on"], known_at=earlier.isoformat())
    found = before.json()["data"]
    check(Explanation, found)
    assert found["decision"] is None or found["decision"]["version"] < last["version"]
    now = stand.get("/v1/customers/C-012/explanation").json()["data"]
    check(Explanation, now)
    assert now["tier"] == "strategic"
    assert now["would_change"]
    today = stand.get("/v1/customers/C-012/explanation", on=last["effective_on"]).json()["data"]
    assert (today["tier"], today["decision"]["version"]) == ("strategic", last["version"])
    early = stand.get("/v1/customers/C-012/explanation", known_at="2020-01-01T00:00:00Z").json()["data"]
    assert (early["tier"], early["decision"]) == ("potential", None)


# --------------------------------------------------------------------------------------------------------- complaints


def test_twenty_25874_an_unknown_cursor_is_no_first_page(stand: Stand) -> None:
    assert is_problem(stand.get("/v1/customers", cursor="bm90IG9uZSBvZiBvdXJz"), "bad_cursor")


def test_posthog_24787_a_short_page_is_not_the_end(stand: Stand) -> None:
    everyone = {one["representative"] for one in stand.documents("rep_weeks")}
    rows = every(stand, "rep-weeks", week=last_week(stand), size=1)
    assert {one["representative"] for one in rows} == everyone
    assert stand.get("/v1/customers", size=1).json()["page"]["next"] is not None


def test_the_client_of_the_docs_reads_every_row_once(stand: Stand) -> None:
    text = (REPOSITORY / "docs" / "readers.md").read_text(encoding="utf-8")
    code = next(part for part in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "def rows(" in part)
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 20
    scope: Json = {}
    exec(code, scope)  # noqa: S102 - the docs' own code
    found = [row["customer"] for row in scope["rows"](stand.url(), stand.tokens["all"], "customers", size=7)]
    assert len(found) == len({*found}) == len(stand.documents("customers")) >= CUSTOMERS


# -------------------------------------------------------------------------------------------------------------- limits


def test_a_key_that_asks_too_much_is_told_when_to_come_back(stand: Stand, limited: Callable[[], Stand]) -> None:
    slow = limited()
    answers = [slow.get("/v1/boards/tiers") for _ in range(3)]
    assert answers[0].status_code == 200
    assert answers[0].headers["ratelimit-policy"] == '"units";q=10;w=10'
    assert is_problem(answers[-1], "too_many_requests")
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].headers["ratelimit"].startswith('"units";r=0')
    assert slow.get("/v1/customers", "reader").status_code == 200  # another key has its own


@pytest.fixture
def limited(stand: Stand, portal: BlockingPortal) -> Iterator[Callable[[], Stand]]:
    """A second process of query with a small limit."""

    class Second(Stand):
        def url(self, name: str = "query") -> str:
            return stand.url("query-2" if name == "query" else name)

    second = stand.services.beside("query-2", own={"GUANXI_QUERY_UNITS_PER_SECOND": "1"})
    with portal.wrap_async_context_manager(second):
        yield lambda: Second(**{name: getattr(stand, name) for name in Stand.__dataclass_fields__})


def test_a_cursor_of_one_process_is_good_at_another(stand: Stand, limited: Callable[[], Stand]) -> None:
    token = stand.get("/v1/customers", size=3).json()["page"]["next"]
    assert limited().get("/v1/customers", size=3, cursor=token).status_code == 200


# ------------------------------------------------------------------------------------------------------------- OpenAPI


def test_the_served_reference_is_the_generated_one(stand: Stand) -> None:
    assert stand.get("/v1/openapi.json", None).json() == openapi()
