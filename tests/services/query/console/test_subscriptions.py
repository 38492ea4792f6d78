"""What operators do with subscriptions in the console: look, make, pause, replay, end."""

import re
from http import HTTPStatus
from typing import Any

import pytest

from services.query.console.roles import Person
from services.query.console.screens.subscriptions import state_of
from services.query.console.subscribing import VERBS, read_form
from shared.problems import Problem
from shared.sinks import Allowed
from shared.subscriptions import MAX_FILTERED
from tests.services.query.console.test_operators import ALL, OPERATOR
from tests.services.query.console.world import HEAD, HOST, MANAGER, NOW, World

AT = NOW.isoformat()
SECRET = "whsec_c2VjcmV0"
ONE = "/console/subscriptions/S1"


def subscription(status: str = "active", **health: Any) -> dict[str, Any]:
    """One as the API has it."""
    return {
        "id": "S1", "sink": "https://erp.example.com/hook?<b>", "status": status, "why": "", "created_at": AT,
        "rotated_at": None, "key": "", "scopes": ["customers:read"], "rows": "all",
        "filters": {"types": ["guanxi.tier.changed.v1"], "tiers": [], "customers": ["C-1"], "owners": []},
        "health": {
            "last_success": AT, "behind": 12, "stands_still": False, "replaying": False, "backfilling": False,
            "parked": 0, "dead": 0, "next_attempt": None,
        } | health,
    }  # fmt: skip


PARKED = [
    {"customer": "C-1", "first_sequence": "0000000000000007", "waiting": 3, "failed": 10, "next_attempt": None,
     "dead": True, "since": AT, "why": "it answered 500"},
    {"customer": "C-2", "first_sequence": "0000000000000001", "waiting": 1, "failed": 2, "next_attempt": AT,
     "dead": False, "since": AT, "why": "no answer in 20 s"},
]  # fmt: skip


@pytest.fixture
async def world() -> World:
    world = World()
    world.api.tables |= {
        "subscriptions": [subscription(), subscription("unconfirmed") | {"id": "S2", "why": "it answered 500"}],
        "subscriptions/S1": subscription(dead=1, parked=2, next_attempt=AT),
        "subscriptions/S1/parked": PARKED,
    }
    await world.sign_in(OPERATOR)
    return world


def made(world: World) -> None:
    """From now on the list answers with what was made: the world has one answer for a path."""
    world.api.tables["subscriptions"] = subscription("pinging") | {"secret": SECRET}


async def test_the_list_says_how_each_stands_the_ill_ones_in_front(world: World) -> None:
    html = (await world.get("subscriptions")).text
    assert html.index("unconfirmed") < html.index(">active<")
    assert "it answered 500" in html
    assert "hook?&lt;b&gt;" in html
    assert re.search(r'data-tile="list"[^>]* data-again', html), "it renews itself"


@pytest.mark.parametrize(
    ("one", "state"),
    [
        (subscription(), "fresh"),
        (subscription("pinging"), "behind"),
        (subscription("paused"), "behind"),
        (subscription(parked=1), "behind"),
        (subscription(parked=1, dead=1), "late"),
        (subscription(stands_still=True), "late"),
        *((subscription(status), "late") for status in ("gone", "unconfirmed", "stopped")),
    ],
)
def test_red_is_what_somebody_must_act_on(one: dict[str, Any], state: str) -> None:
    assert state_of(one) == state


async def test_one_shows_its_health_and_whose_changes_wait(world: World) -> None:
    html = (await world.get("subscriptions/S1")).text
    for said in ("it answered 500", "no answer in 20 s", "Try the dead ones again", "tier changed", "the operator"):
        assert said in html
    assert 'value="pause"' in html
    assert 'value="resume"' not in html
    world.api.tables["subscriptions/S1"] = subscription("paused")
    html = (await world.get("subscriptions/S1")).text
    assert 'value="resume"' in html
    assert "Try the dead ones again" not in html


# Making one


async def test_one_is_made_and_its_secret_is_said_once(world: World) -> None:
    made(world)
    form = await world.form("subscriptions")
    typed = {"sink": " https://erp.example.com/ ", "type-guanxi.tier.changed.v1": "on", "tier-partner": "on"}
    typed |= {"customers": "C-1\n\n C-2 ", "backfill": "on"}
    answer = await world.post("subscriptions", form | typed)
    assert answer.status_code == HTTPStatus.CREATED
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.count(SECRET) == 1
    filters = {"types": ["guanxi.tier.changed.v1"], "tiers": ["partner"], "customers": ["C-1", "C-2"], "owners": []}
    assert world.api.posted == [{"sink": "https://erp.example.com/", "filters": filters, "backfill": True}]
    assert world.api.once == [form["once"].encode()]
    assert SECRET not in (await world.get("subscriptions")).text
    assert (await world.form("subscriptions"))["once"] != form["once"]


async def test_a_form_with_everything_wrong_names_each_field_and_keeps_what_was_typed(world: World) -> None:
    form = await world.form("subscriptions")
    typed = {"sink": "http://127.0.0.1/<i>", "customers": "x" * 129, "owners": "R-1\n" * (MAX_FILTERED + 1)}
    typed |= {"type-guanxi.tier.changed.v1": "on"}
    answer = await world.post("subscriptions", form | typed)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    for name in ("sink", "customers", "owners"):
        assert re.search(rf'name="{name}"[^>]* aria-invalid="true"', answer.text), name
        assert f'href="#f-{name}"' in answer.text
    assert 'value="http://127.0.0.1/&lt;i&gt;"' in answer.text
    assert "x" * 129 in answer.text
    assert 'name="type-guanxi.tier.changed.v1" checked' in answer.text
    assert "<details open>" in answer.text
    assert form["once"] in answer.text
    assert world.api.posted == []


def test_sinks_that_the_operator_names_are_taken() -> None:
    allowed = Allowed.read("erp.internal")
    assert read_form({"sink": "http://erp.internal/x"}, allowed)[1] == {}
    assert "sink" in read_form({"sink": "http://other.internal/x"}, allowed)[1]
    assert read_form({}, allowed)[1] == {"sink": "needed"}


@pytest.mark.parametrize(
    ("problem", "where"),
    [
        (Problem(HTTPStatus.BAD_REQUEST, "bad_value", "not there", members={"parameter": "sink"}), 'id="w-sink">'),
        (Problem(HTTPStatus.BAD_REQUEST, "bad_value", "not there", members={"parameter": "start"}), 'role="alert">'),
        (Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "not there"), 'role="alert">'),
    ],
)
async def test_what_the_api_refuses_stands_at_its_field(world: World, problem: Problem, where: str) -> None:
    world.api.refuses = problem
    answer = await world.post("subscriptions", await world.form("subscriptions") | {"sink": "https://a.example/"})
    assert f"{where}not there" in answer.text
    assert 'value="https://a.example/"' in answer.text


async def test_a_session_that_ends_loses_nothing_typed(world: World) -> None:
    form = await world.form("subscriptions")
    world.sign_ins.sessions.clear()
    answer = await world.post("subscriptions", form | {"sink": "https://a.example/", "owners": "R-77"})
    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert "R-77" in answer.text
    answer = await world.post("subscriptions/S1", form | {"verb": "replay", "customers": "C-77"})
    assert "C-77" in answer.text
    assert "Your session has ended" in answer.text
    assert world.api.posted == []


@pytest.mark.parametrize("origin", [None, "http://evil.test", HOST])
async def test_nothing_is_done_but_from_our_own_page(world: World, origin: str | None) -> None:
    for path in ("subscriptions", "subscriptions/S1"):
        await world.post(path, {"sink": "https://a.example/", "verb": "delete", "token": "guessed"}, origin)
    assert world.api.posted == []
    assert world.api.deleted == []


@pytest.mark.parametrize(("person", "may"), [(MANAGER, False), (HEAD, False), (OPERATOR, True), (ALL, True)])
async def test_who_may(world: World, person: Person, may: bool) -> None:  # noqa: FBT001
    await world.sign_in(person)
    for path in ("subscriptions", "subscriptions/S1"):
        assert ((await world.get(path)).status_code == HTTPStatus.OK) is may
    assert ("/console/subscriptions" in (await world.get("policy")).text) is may


# One of them


@pytest.mark.parametrize("verb", ["pause", "resume", "retry", "backfill"])
async def test_what_is_done_is_asked_of_the_api_and_said(world: World, verb: str) -> None:
    answer = await world.post("subscriptions/S1", await world.form("subscriptions/S1") | {"verb": verb})
    assert answer.headers["location"] == f"{ONE}?said={verb}"
    world.api.tables[f"subscriptions/S1/{verb}"] = {}
    assert f"subscriptions/S1/{verb}" in [path for path, _ in world.api.asked]
    assert 'role="status">' in (await world.get(f"subscriptions/S1?said={verb}")).text


async def test_one_is_ended(world: World) -> None:
    answer = await world.post("subscriptions/S1", await world.form("subscriptions/S1") | {"verb": "delete"})
    assert world.api.deleted == ["subscriptions/S1"]
    assert answer.headers["location"] == "/console/subscriptions?said=delete"
    assert "The subscription is deleted" in (await world.get("subscriptions?said=delete")).text


async def test_a_new_secret_is_said_once_and_not_made_twice_by_one_page(world: World) -> None:
    form = await world.form("subscriptions/S1") | {"verb": "rotate"}
    world.api.tables["subscriptions/S1/rotate"] = subscription() | {"secret": SECRET}
    answer = await world.post("subscriptions/S1", form)
    assert answer.text.count(SECRET) == 1
    world.api.tables["subscriptions/S1"] = subscription() | {"rotated_at": AT}
    again = await world.post("subscriptions/S1", form)
    assert again.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "it has got a new secret since" in again.text
    assert len(world.api.posted) == 1


@pytest.mark.parametrize("day", ["", "1 March", "2026-03-03"])
async def test_a_replay_from_no_day_keeps_what_was_typed(world: World, day: str) -> None:
    form = await world.form("subscriptions/S1")
    answer = await world.post("subscriptions/S1", form | {"verb": "replay", "since": day, "customers": "C-77"})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert re.search(r'name="since"[^>]* aria-invalid="true"', answer.text)
    assert "C-77" in answer.text
    assert world.api.posted == []


async def test_a_replay_begins_with_the_business_day(world: World) -> None:
    form = await world.form("subscriptions/S1")
    answer = await world.post("subscriptions/S1", form | {"verb": "replay", "since": "2026-03-02", "customers": "C-1"})
    assert answer.headers["location"] == f"{ONE}?said=replay"
    assert world.api.posted == [{"customers": ["C-1"], "since": "2026-03-02T00:00:00+08:00"}]


async def test_what_is_no_verb_does_nothing(world: World) -> None:
    form = await world.form("subscriptions/S1")
    for verb in ("", "filters", "../S2", "secret"):
        assert (await world.post("subscriptions/S1", form | {"verb": verb})).status_code == HTTPStatus.NOT_FOUND
    assert world.api.posted == []
    assert set(VERBS) == set(re.findall(r'name="verb" value="(\w+)"', (await world.get("subscriptions/S1")).text)) | {
        "resume"
    }
