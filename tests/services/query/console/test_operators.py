"""What operators look at and ask for: refusals, health, policies tried, customers proved."""

import re
from pathlib import Path
from typing import Any

import pytest

from services.query.console.mending import _FIELD as WRONG_PATH
from services.query.console.mending import read_form
from services.query.console.ordering import PROVED_BY
from services.query.console.roles import Person
from services.query.console.screens.policies import held
from services.query.console.screens.refused import entered_with
from shared.console import SOURCE
from tests.services.query.console.world import HEAD, MANAGER, NOW, World

OPERATOR = Person("op", "operator")
ALL = Person("root", "everything")
AT = NOW.isoformat()
POLICY = {"policy": "default-cny", "version": 1, "effective_on": "2026-01-01", "adopted_at": AT, "text": "name: first"}


def refusal(**values: Any) -> dict[str, Any]:
    return {
        "id": "1", "at": AT, "position": "1/3/42", "code": "missing_field", "field": "data.rep_id",
        "hint": "needed <b>", "source": "erp", "event": "e-1", "subject": "C-1",
    } | values  # fmt: skip


def job(kind: str, status: str, result: Any = None, error: Any = None, **parameters: Any) -> dict[str, Any]:
    return {
        "id": "J1", "kind": kind, "status": status, "parameters": parameters, "result": result, "error": error,
        "finished_at": AT, "progress": {"done": 812, "total": 900, "text": "deciding again"},
    }  # fmt: skip


@pytest.fixture
async def world() -> World:
    world = World()
    await world.sign_in(ALL)
    return world


# Refused


async def test_refusals_are_listed_with_the_exact_command(world: World) -> None:
    world.api.tables["rejections"] = [refusal(), refusal(source=None, event=None, subject=None, code="not_json")]
    html = (await world.get("refused")).text
    assert "guanxi rejected show 1/3/42" in html
    assert "needed &lt;b&gt;" in html
    assert "neither source nor id could be read" in html
    assert 'href="?code=missing_field&amp;field=data.rep_id"' in html


async def test_what_was_entered_here_is_entered_again(world: World) -> None:
    world.api.tables["rejections"] = [refusal(source=SOURCE, event="visit-0123456789abcdef")]
    assert 'href="/console/customers/C-1/visit">Enter it again' in (await world.get("refused")).text
    await world.sign_in(OPERATOR)
    html = (await world.get("refused")).text
    assert "Enter it again" not in html
    assert "whoever did enters it again" in html


@pytest.mark.parametrize(("source", "event"), [("erp", "visit-1"), (SOURCE, "nothing-1"), (SOURCE, None)])
def test_what_came_from_elsewhere_has_no_form(source: str, event: str | None) -> None:
    assert entered_with(refusal(source=source, event=event)) is None


# Health


async def test_each_part_of_health_fails_alone(world: World) -> None:
    world.api.tables["status"] = {"services": [], "log_generation": 1, "inbox_generation": 1, "policies": []}
    world.api.tables["findings"] = [
        {"at": AT, "check": "topics", "found": "wrong", "what": "it does not exist", "why": "w", "do": "guanxi setup"},
        {"at": AT, "check": "disk", "found": "ok", "what": "80% free", "why": None, "do": None},
    ]
    world.door.away = True
    html = (await world.get("health")).text
    assert re.search(r'data-tile="door"[^>]* data-state="failed"', html)
    assert "the door of events does not answer" in html
    assert "it does not exist" in html
    assert "guanxi setup" in html
    assert "all is well" not in html
    world.door.away = False
    assert "takes events" in (await world.get("health?tile=door")).text


async def test_a_doctor_who_never_came_is_said(world: World) -> None:
    assert "Nobody has run" in (await world.get("health?tile=doctor")).text


# Policies


def test_the_policy_in_force() -> None:
    second = POLICY | {"version": 2, "effective_on": "2026-03-02"}
    corrected = second | {"version": 3}
    assert held([corrected, second, POLICY], "2026-03-01") == POLICY
    assert held([corrected, second, POLICY], "2026-03-02") == corrected, "of one day, the one adopted last"
    assert held([second], "2026-01-01") == second, "the first holds from the beginning"
    assert held([], "2026-01-01") is None


async def test_a_policy_that_would_not_load_is_shown_again_with_each_problem(world: World) -> None:
    form = await world.form("policy")
    text = "name: x\nversion: <script>\n"
    answer = await world.post("policy", form | {"policy": text, "on": "2026-04-01"})
    assert answer.status_code == 422
    assert "&lt;script&gt;" in answer.text
    assert 'value="2026-04-01"' in answer.text
    assert answer.text.count("<li>") > 1, "all problems at once"
    assert world.api.posted == []


async def test_a_policy_is_tried_as_a_job(world: World) -> None:
    world.api.tables |= {"policies": [POLICY], "jobs": {"id": "J1"}}
    text = Path("deploy/policies/default-cny.yaml").read_text(encoding="utf-8")
    answer = await world.post("policy", await world.form("policy") | {"policy": text, "on": ""})
    assert answer.headers["location"] == "/console/policy?job=J1"
    assert world.api.posted == [{"kind": "simulate", "policy": text}]
    world.api.tables["jobs/J1"] = job("simulate", "running", policy=text)
    html = (await world.get("policy?job=J1")).text
    assert "data-again" in html
    assert "812" in html
    assert "default-cny" in html.partition("<textarea")[2], "what was typed is still there"


@pytest.mark.parametrize("origin", [None, "http://evil.test"])
async def test_a_job_is_asked_for_from_our_own_page_alone(world: World, origin: str | None) -> None:
    for path in ("policy", "customers/C-1/why/net"):
        answer = await world.post(path, {"policy": "name: x"}, origin)
        assert answer.status_code in {401, 403}
    assert (await world.post("policy", {"policy": "name: x", "token": "guessed"})).status_code == 422
    assert (await world.post("customers/C-1/why/net", {"token": "guessed"})).status_code == 403
    assert world.api.posted == []


async def test_a_session_that_ends_loses_nothing_typed(world: World) -> None:
    form = await world.form("policy")
    world.sign_ins.sessions.clear()
    answer = await world.post("policy", form | {"policy": "name: mine"})
    assert answer.status_code == 401
    assert "name: mine" in answer.text
    assert "Your session has ended" in answer.text


# Prove it


async def test_a_customer_is_proved_as_a_job(world: World) -> None:
    world.api.tables["jobs"] = {"id": "J1"}
    form = await world.form("customers/C-1/why/nothing?tile=proof")
    answer = await world.post("customers/C-1/why/net", form)
    assert answer.headers["location"] == "/console/customers/C-1/why/net?job=J1#tile-proof"
    assert world.api.posted == [{"kind": "verify", "checks": PROVED_BY, "customer": "C-1"}]
    for result, said in (
        ({"differences": 0, "unchecked": 0, "findings": [], "looked_at": {"customers": 1}}, "no difference"),
        ({"differences": 2, "unchecked": 0, "findings": ["net differs"], "looked_at": {}}, "net differs"),
        ({"differences": 0, "unchecked": 0, "findings": [], "looked_at": {}}, "Nothing of this customer"),
    ):
        world.api.tables["jobs/J1"] = job("verify", "done", result, customer="C-1")
        assert said in (await world.get("customers/C-1/why/net?job=J1&tile=proof")).text
    world.api.tables["jobs/J1"] = job("verify", "done", result, customer="C-2")
    assert "Nothing of this" not in (await world.get("customers/C-1/why/net?job=J1&tile=proof")).text


async def test_what_a_role_does_not_read_is_not_there(world: World) -> None:
    for person, confidential, ops in ((MANAGER, False, False), (HEAD, True, False), (OPERATOR, False, True)):
        await world.sign_in(person)
        assert ((await world.get("customers/C-1?tile=persons")).status_code == 200) is confidential
        assert ((await world.get("customers/C-1/why/net?tile=proof")).status_code == 200) is ops
        assert ('action="/console/policy"' in (await world.get("policy")).text) is ops


# A policy that was tried is adopted


TRIED = {"policy": "default-cny", "version": 2, "moved": 3, "customers": 40, "matrix": [], "tiers": []} | {
    "compared_with": {"policy": "default-cny", "version": 1}, "as_of": "2026-03-02", "awaiting_approval": 0,
    "visits_per_week": {"asked_before": 1.0, "asked_after": 2.0, "capacity": 3.0, "short": 0.0},
}  # fmt: skip


def trial(**result: Any) -> dict[str, Any]:
    said = {"summary": TRIED, "differences": [], "warnings": [], "latest": "default-cny/1"} | result
    return job("simulate", "done", said, policy="name: second", on=None)


async def test_what_was_tried_is_adopted_as_one_job_however_often_the_form_is_sent(world: World) -> None:
    world.api.tables |= {"policies": [POLICY], "jobs/J1": trial(), "jobs": {"id": "J2"}}
    form = await world.form("policy?job=J1")
    assert form["job"] == "J1"
    for _ in range(2):
        answer = await world.post("policy/adopt", form | {"on": "2026-04-01"})
        assert answer.headers["location"] == "/console/policy?job=J2"
    body = {"kind": "adopt", "policy": "name: second", "on": "2026-04-01", "latest": "default-cny/1"}
    assert world.api.posted == [body, body]
    assert len({*world.api.once}) == 1
    result = {"policy": "default-cny", "version": 2, "from": "2026-04-01", "begins_at": AT, "is_new": True}
    world.api.tables["jobs/J2"] = job("adopt", "done", result, policy="name: second")
    assert "default-cny 2 is adopted: it decides from 1 Apr 2026" in (await world.get("policy?job=J2")).text
    world.api.tables["jobs/J2"] = job("adopt", "failed", error={"code": "refused", "detail": "adopted since"})
    assert "adopted since" in (await world.get("policy?job=J2")).text


@pytest.mark.parametrize(
    ("on", "at", "said"),
    [
        ("", "w-adopt-on", "a day such as"),
        ("2026-03-02", "w-adopt-on", "an hour&#39;s notice"),
        ("2025-12-31", "w-adopt-on", "notice"),
    ],
)
async def test_a_day_for_which_nothing_can_be_adopted_is_said_at_the_day(
    world: World, on: str, at: str, said: str
) -> None:
    world.api.tables |= {"policies": [POLICY], "jobs/J1": trial()}
    answer = await world.post("policy/adopt", await world.form("policy?job=J1") | {"on": on})
    assert answer.status_code == 422
    assert said in answer.text.partition(f'id="{at}"')[2].partition("</p>")[0]
    assert f'value="{on}"' in answer.text
    assert world.api.posted == []


async def test_a_version_that_is_there_and_a_trial_that_is_gone_are_said_and_nothing_is_asked_for(world: World) -> None:
    world.api.tables |= {"policies": [POLICY | {"version": 2}], "jobs/J1": trial()}
    form = await world.form("policy?job=J1") | {"on": "2026-04-01"}
    assert "give the file a higher version" in (await world.post("policy/adopt", form)).text
    for other in (job("simulate", "running", policy="name: x"), job("verify", "done", {}), {"kind": None}):
        world.api.tables["jobs/J1"] = other
        answer = await world.post("policy/adopt", form)
        assert (answer.status_code, "try it again" in answer.text) == (422, True)
    assert world.api.posted == []


async def test_only_an_operator_adopts_and_sends_events_of_others_again(world: World) -> None:
    world.api.tables |= {"policies": [POLICY], "jobs/J1": trial(), "rejections": [refusal()]}
    assert "policy/adopt" in (await world.get("policy?job=J1")).text
    await world.sign_in(HEAD)
    form = await world.form("customers/C-1/visit")
    for path in ("policy/adopt", "refused"):
        answer = await world.post(path, {"token": form["token"], "job": "J1", "on": "2026-04-01", "code": "not_json"})
        assert answer.status_code == 403, path
    assert "policy/adopt" not in (await world.get("policy?job=J1")).text
    assert world.api.posted == []


async def test_a_session_that_ends_amid_an_adoption_or_a_correction_loses_nothing(world: World) -> None:
    world.api.tables |= {"policies": [POLICY], "jobs/J1": trial(), "rejections": [refusal()]}
    adopting = await world.form("policy?job=J1") | {"on": "2026-04-01"}
    world.sign_ins.sessions.clear()
    answer = await world.post("policy/adopt", adopting)
    assert (answer.status_code, 'value="2026-04-01"' in answer.text, 'value="J1"' in answer.text) == (401, True, True)
    correcting = adopting | {"path": "data.currency", "new": "<GBP>"}
    answer = await world.post("refused", correcting)
    assert (answer.status_code, "&lt;GBP&gt;" in answer.text) == (401, True)
    assert "Your session has ended" in answer.text


# What was refused is corrected


CORRECTION = {"code": "unknown_currency", "field": "data.currency", "source": "shop", "change": "replace"} | {
    "path": "data.currency", "old": "£", "new": "GBP", "verb": "try",
}  # fmt: skip
ASKED = {"kind": "fix", "reason": "unknown_currency", "field": "data.currency", "source": "shop", "positions": []} | {
    "change": "replace", "path": "data.currency", "old": "£", "new": "GBP",
}  # fmt: skip


async def test_a_correction_is_tried_and_what_passes_is_sent_once(world: World) -> None:
    world.api.tables |= {"rejections": [refusal()], "jobs": {"id": "J1"}}
    form = {"token": (await world.form("refused"))["token"]}
    answer = await world.post("refused", form | CORRECTION)
    assert answer.headers["location"] == "/console/refused?job=J1#tile-fix"
    assert world.api.posted == [ASKED]
    result = {"counts": {"fit": 812, "refused": 88}, "incomplete": 0, "events": []} | {
        "refusals": [{"reason": "invalid_field", "field": "data.amount", "rows": 88, "hint": "needed"}]
    }
    world.api.tables["jobs/J1"] = job("fix", "done", result) | {"parameters": ASKED}
    html = (await world.get("refused?job=J1")).text
    assert "<b>812</b>" in html
    assert "of 900 records pass" in html
    assert 'value="GBP"' in html, "the form shows what was tried"
    sending = await world.form("refused?job=J1&tile=fix") | {"verb": "send"}
    for _ in range(2):
        assert (await world.post("refused", sending)).status_code == 303
    assert world.api.posted[1:] == [{**ASKED, "send": True}] * 2
    assert len({*world.api.once[1:]}) == 1
    event = {"source": "shop", "event": "e-1", "customer": "C-1", "position": None, "field": None, "hint": None}
    result = {"counts": {"admitted": 1}, "events": [event | {"status": "admitted", "code": None}]}
    world.api.tables["jobs/J1"] = job("fix", "done", result) | {"parameters": {**ASKED, "send": True}}
    html = (await world.get("refused?job=J1&tile=fix")).text
    assert "admitted, of 1 records" in html
    assert "/console/integration?source=shop&amp;event=e-1" in html
    assert "Send what passes" not in html
    assert (await world.post("refused", sending)).status_code == 422, "what was sent is no trial"


async def test_a_correction_with_everything_wrong_names_each_field(world: World) -> None:
    form = {"token": (await world.form("refused"))["token"], "verb": "try"}
    answer = await world.post("refused", form | {"change": "replace", "position": "first", "new": "1.5"})
    for name in ("position", "path", "old"):
        assert f'id="w-{name}"' in answer.text, name
    answer = await world.post("refused", form | {"change": "set", "path": "1$", "new": "1.5", "new_is": "number"})
    for name in ("code", "path", "new"):
        assert f'id="w-{name}"' in answer.text, name
    assert world.api.posted == []


def test_what_a_form_of_a_correction_asks_for() -> None:
    one = {"position": "1/3/42 1/3/43", "change": "none", "path": "left over", "new": "left over"}
    assert read_form(one) == ({"kind": "fix", "change": "none", "positions": ["1/3/42", "1/3/43"]}, {})
    number = {"code": "not_json", "change": "set", "path": "data.n", "new": "7", "new_is": "number"}
    assert read_form(number)[0]["new"] == 7
    assert read_form({"code": "not_json", "change": "rename", "path": "a", "new": "b c"})[1] == {"new": WRONG_PATH}
