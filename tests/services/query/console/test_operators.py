"""What operators look at and ask for: refusals, health, policies tried, customers proved."""

import re
from pathlib import Path
from typing import Any

import pytest

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
