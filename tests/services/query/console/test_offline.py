"""Today without a network: what may be kept and for whom, and visits that waited, each once on the log."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.query.console.forms import ONCE, new_once
from services.query.console.offline import ASSETS, MAX_EDITS
from services.query.console.pages import FOLDER
from services.query.console.roles import Person
from services.query.console.sign_in import KEPT, SESSION_LASTS
from tests.services.query.console.world import HEAD, MANAGER, NOW, READER, World

FIELDS = {"consensus": "三月再谈 <i>", "day": "2026-03-02", "kind": "routine", "channel": "onsite", "name": "王芳"}
FIELDS |= {"rep_id": "R-1", "role": "account_manager"}
ENTERED = new_once(NOW - timedelta(minutes=3), "0123456789abcdef")


@pytest.fixture
async def world() -> World:
    world = World()
    await world.sign_in()
    return world


async def who(world: World) -> dict[str, str]:
    found: dict[str, str] = (await world.get("offline/who")).json()
    return found


async def send(world: World, revision: int | str = 1, **changed: str) -> httpx.Response:
    values = {**FIELDS, ONCE: ENTERED, "customer": "C-1", "revision": str(revision), **await who(world), **changed}
    return await world.post("offline/visit", values)


# What is kept


async def test_today_may_be_kept_by_its_writer_until_the_session_ends(world: World) -> None:
    writer = (await who(world))["writer"]
    until = int((NOW + SESSION_LASTS).timestamp() * 1000)
    for path in ("today", "offline", "offline/visit"):
        assert (await world.get(path)).headers[KEPT] == f"{writer} {until}", path
    for path in ("customers", "customers/C-1", "tiers", "sign-in", "today?tile=plan"):
        assert KEPT not in (await world.get(path)).headers, path


async def test_each_writer_is_another_and_the_same_in_each_session(world: World) -> None:
    first = await who(world)
    await world.sign_in()
    second = await who(world)
    assert (first["writer"] == second["writer"], first["token"] == second["token"]) == (True, False)
    await world.sign_in(HEAD)
    assert (await who(world))["writer"] != first["writer"]
    assert MANAGER.id not in first["writer"]


async def test_nothing_is_kept_of_who_is_not_signed_in(world: World) -> None:
    world.sign_ins.sessions.clear()
    assert (await world.get("offline/who")).status_code == 401
    for path in ("today", "offline", "offline/visit"):
        answer = await world.get(path)
        assert (answer.status_code, KEPT in answer.headers) == (303, False), path


async def test_who_logs_no_visits_has_no_form_to_keep(world: World) -> None:
    await world.sign_in(READER)
    assert (await world.get("offline/visit")).status_code == 404


async def test_the_worker_names_the_assets_by_their_version(world: World) -> None:
    answer = await world.get("worker.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "no-cache"
    assert "worker-src 'self'" in answer.headers["content-security-policy"]
    said = json.loads(answer.text.partition("const OF = ")[2].partition(";\n")[0])
    assert said["root"] == "/console"
    for url in said["assets"]:
        assert (await world.client.get(url)).status_code == 200, url
    html = (await world.get("today")).text
    for name in ASSETS:
        assert f'"/console/static/{name}?{said["version"]}"' in html, name
        assert (FOLDER / "static" / name).exists()


async def test_it_can_be_installed(world: World) -> None:
    answer = await world.get("manifest.webmanifest")
    assert answer.headers["content-type"] == "application/manifest+json"
    said = answer.json()
    assert (said["start_url"], said["scope"], said["display"]) == ("/console/today", "/console/", "standalone")
    assert (await world.client.get(said["icons"][0]["src"])).status_code == 200
    assert 'rel="manifest" href="/console/manifest.webmanifest"' in (await world.get("sign-in")).text


# What waited


async def test_a_visit_that_waited_is_stored_under_its_own_id(world: World) -> None:
    answer = await send(world)
    assert (answer.status_code, answer.json()) == (200, {"state": "stored", "wrong": {}})
    (event,) = world.door.sent
    assert event["data"]["visit_id"] == "0123456789abcdef"
    assert (event["id"], event["actor"], event["subject"]) == ("visit-0123456789abcdef", "R-1", "C-1")
    assert "revision" not in event


@pytest.mark.parametrize("ahead", [timedelta(minutes=-4), timedelta(0), timedelta(minutes=4)])
async def test_sent_again_days_later_it_is_the_same_event(world: World, ahead: timedelta) -> None:
    entered = new_once(NOW + ahead, "0123456789abcdef")
    await send(world, once=entered)
    world.later(timedelta(hours=11))
    await send(world, once=entered)
    world.later(timedelta(days=5))
    await world.sign_in()
    await send(world, once=entered)
    first, *others = world.door.sent
    assert others == [first, first]


async def test_an_edit_is_a_higher_revision_of_the_same_visit(world: World) -> None:
    await send(world)
    await send(world, 2, consensus="四月")
    first, second = world.door.sent
    assert first["data"]["visit_id"] == second["data"]["visit_id"]
    assert second["revision"] == 2
    assert first["id"] != second["id"]
    assert second["data"]["consensus"] == "四月"


async def test_one_that_a_later_revision_has_replaced_is_done(world: World) -> None:
    world.door.refuses = ("revision", "too late")
    world.door.code = "superseded"
    assert (await send(world)).json()["state"] == "stored"


async def test_a_queue_belongs_to_its_writer(world: World) -> None:
    mine = await who(world)
    await world.sign_in(HEAD)
    answer = await send(world, writer=mine["writer"])
    assert (answer.status_code, answer.json()["state"]) == (409, "of_another")
    assert world.door.sent == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"day": "2027-01-01"}, "day"),
        ({"kind": "party"}, "kind"),
        ({"revision": "0"}, ""),
        ({"revision": "x"}, ""),
        ({"revision": str(MAX_EDITS + 1)}, ""),
        ({"customer": ""}, ""),
        ({"customer": "%ff"}, ""),
        ({"customer": "C-2"}, ""),
        ({"once": "guessed"}, ""),
    ],
)
async def test_what_is_wrong_with_it_is_said_and_it_does_not_wait_on(
    world: World, changed: dict[str, Any], field: str
) -> None:
    answer = await send(world, **changed) if "revision" not in changed else await send(world, changed["revision"])
    assert (answer.status_code, answer.json()["state"]) == (422, "refused")
    assert set(answer.json()["wrong"]) == {field}
    assert world.door.sent == []


async def test_what_admission_refuses_is_said(world: World) -> None:
    world.api.waited_for = "refused"
    assert (await send(world)).json()["state"] == "stored", "a later revision had come"
    world.door.refuses = ("data.participants.0.rep_id", "nobody is called so")
    assert (await send(world)).json()["wrong"] == {"rep_id": "nobody is called so"}


async def test_it_waits_on_while_the_door_or_the_store_is_away(world: World) -> None:
    signed = await who(world)
    world.door.away = True
    assert (await send(world)).status_code == 503
    world.door.away = False
    world.sign_ins.away = True
    values = {**FIELDS, ONCE: ENTERED, "customer": "C-1", "revision": "1", **signed}
    assert (await world.post("offline/visit", values)).status_code == 503
    world.sign_ins.away = False
    world.sign_ins.sessions.clear()
    assert (await world.post("offline/visit", values)).status_code == 401
    assert world.door.sent == []


async def test_it_is_taken_from_our_own_pages_alone(world: World) -> None:
    values = {**FIELDS, ONCE: ENTERED, "customer": "C-1", "revision": "1", **await who(world)}
    assert (await world.post("offline/visit", {**values, "token": "guessed"})).status_code == 403
    for origin in (None, "http://evil.test"):
        assert (await world.post("offline/visit", values, origin)).status_code == 403
    assert world.door.sent == []


async def test_a_role_that_logs_no_visits_sends_none(world: World) -> None:
    await world.sign_in(Person("auditor", "compliance"))
    assert (await send(world)).json()["state"] == "refused"
    assert world.door.sent == []


async def test_signing_out_leaves_what_is_somebody_elses(world: World) -> None:
    token = (await who(world))["token"]
    answer = await world.post("sign-out", {"token": token})
    assert answer.headers["clear-site-data"] == '"cache"'
