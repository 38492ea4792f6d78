"""Who gets in, and what is asked and sent for them: links, cookies, forms, rows."""

import re
from datetime import timedelta

import httpx
import pytest

from services.query.console.forms import FORMS, VISIT_FORM
from services.query.console.frame import ROOT, SECURITY, within
from services.query.console.roles import ROLES, Person
from services.query.console.sign_in import LINK_LASTS, SESSION_LASTS, Keys, cookie_name, is_own
from shared.keys import Scope
from tests.services.query.console.world import HEAD, HOST, MANAGER, NOW, READER, World

VISIT = {
    "consensus": "三月再谈 <i>",
    "day": "2026-03-02",
    "kind": "routine",
    "channel": "onsite",
    "name": "王芳",
    "rep_id": "R-1",
    "role": "account_manager",
}


@pytest.fixture
def world() -> World:
    return World()


async def is_in(world: World) -> bool:
    return (await world.get("today")).status_code == httpx.codes.OK


# Links


async def test_a_link_is_good_once(world: World) -> None:
    secret = await world.link()
    assert (await world.post("sign-in", {"secret": secret})).status_code == 303
    assert await is_in(world)
    world.client.cookies.clear()
    again = await world.post("sign-in", {"secret": secret})
    assert again.status_code == 403
    assert "has been used" in again.text
    assert not await is_in(world)


async def test_looking_at_a_link_does_not_use_it_up(world: World) -> None:
    secret = await world.link()
    assert secret in (await world.get(f"sign-in/{secret}")).text
    assert not await is_in(world)
    assert (await world.post("sign-in", {"secret": secret})).status_code == 303


async def test_a_link_ends(world: World) -> None:
    secret = await world.link()
    world.later(LINK_LASTS)
    assert (await world.post("sign-in", {"secret": secret})).status_code == 403


async def test_only_a_hash_of_a_link_is_stored(world: World) -> None:
    secret = await world.link()
    assert secret not in str(world.sign_ins.links)


@pytest.mark.parametrize("origin", [None, "null", "http://evil.test", "https://crm.test", "http://crm.test.evil.test"])
async def test_a_link_is_taken_from_our_own_page_alone(world: World, origin: str | None) -> None:
    secret = await world.link()
    assert (await world.post("sign-in", {"secret": secret}, origin)).status_code == 403
    assert not await is_in(world)
    assert world.sign_ins.links


# Sessions


async def test_nobody_sees_anything_without_a_session(world: World) -> None:
    for path in (
        "",
        "today",
        "customers",
        "customers/C-1",
        "customers/C-1/visit",
        "customers/C-1/why/net",
        "search?q=a",
    ):
        answer = await world.get(path)
        if path:
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/console/sign-in"), path
    for path in ("changes", "fresh", "today?tile=plan"):
        assert (await world.get(path)).status_code == 401, path
    assert world.api.asked == []


async def test_a_cookie_of_another_key_never_reaches_the_store(world: World) -> None:
    await world.sign_in()
    name = cookie_name(tls=False)
    good = world.client.cookies[name]
    secret = good.partition(".")[0]
    for forged in (
        Keys([b"x" * 32]).cookie(secret),
        secret,
        f"{secret}.",
        f"{good}x",
        good.replace(secret, "a" * 43),
        "é.é",
    ):
        assert world.console.keys.secret(forged) is None, forged
    world.sign_ins.away = True  # a look-up would be answered 503
    world.client.cookies.clear()
    answer = await world.client.get(f"{ROOT}/today", headers={"cookie": f"{name}={Keys([b'x' * 32]).cookie(secret)}"})
    assert answer.status_code == 303
    world.sign_ins.away = False
    world.client.cookies.set(name, good)
    assert Keys([b"x" * 32, b"k" * 32]).secret(good) == secret, "the older of two keys still opens"
    assert await is_in(world)


async def test_a_session_that_is_revoked_ends_at_the_next_request(world: World) -> None:
    await world.sign_in()
    assert await is_in(world)
    world.sign_ins.sessions.clear()
    assert not await is_in(world)


async def test_a_session_ends_by_itself(world: World) -> None:
    await world.sign_in()
    world.later(SESSION_LASTS - timedelta(seconds=1))
    assert await is_in(world)
    world.later(timedelta(seconds=1))
    assert not await is_in(world)


async def test_signing_out_ends_the_session_and_needs_the_form(world: World) -> None:
    await world.sign_in()
    await world.post("sign-out", {"token": "guessed"})
    assert world.sign_ins.sessions
    token = world.console.keys.token(next(iter(world.sign_ins.sessions.values())))
    await world.post("sign-out", {"token": token}, "http://evil.test")
    assert world.sign_ins.sessions
    await world.post("sign-out", {"token": token})
    assert not world.sign_ins.sessions


async def test_the_cookie_is_for_http_alone_and_this_host(world: World) -> None:
    cookie = (await world.sign_in()).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    world.console.url = "https://crm.test"
    secret = await world.link()
    cookie = (await world.post("sign-in", {"secret": secret}, "https://crm.test")).headers["set-cookie"]
    assert cookie.startswith("__Host-guanxi=")
    assert "Secure" in cookie


async def test_while_the_store_is_away_nobody_is_in_and_is_told_why(world: World) -> None:
    await world.sign_in()
    world.sign_ins.away = True
    answer = await world.get("today")
    assert answer.status_code == 503
    assert "MongoDB does not answer" in answer.text


# Rights


@pytest.mark.parametrize(
    ("person", "rows"), [(MANAGER, "own:R-1"), (HEAD, "all"), (Person("t", "team_lead", "east"), "team:east")]
)
async def test_everything_is_asked_with_the_rows_of_who_is_signed_in(world: World, person: Person, rows: str) -> None:
    await world.sign_in(person)
    for path in ("today", "customers", "customers/C-1", "search?q=a", "customers/C-1/why/net", "concerns", "approvals"):
        await world.get(path)
    assert len(world.api.asked) > 8
    assert {key.rows for _, key in world.api.asked if key} == {rows}
    assert all(key is not None for _, key in world.api.asked)


def test_who_reads_some_rows_has_none_while_nobody_has_said_whose() -> None:
    for name, role in ROLES.items():
        key = Person("p", name).key(NOW)
        assert (key is None) == (role.rows != "all"), name
    assert Person("p", "no such role").key(NOW) is None


def test_confidential_rows_are_for_roles_that_have_the_scope() -> None:
    key = MANAGER.key(NOW)
    assert key is not None
    assert not key.may(Scope.CONFIDENTIAL_READ)


async def test_a_screen_that_needs_a_right_is_not_there_for_others(world: World) -> None:
    await world.sign_in(MANAGER)
    assert (await world.get("health")).status_code == 403
    assert "/console/health" not in (await world.get("today")).text


# Forms


async def test_a_visit_is_sent_with_who_entered_it(world: World) -> None:
    await world.sign_in()
    hidden = await world.form("customers/C-1/visit")
    answer = await world.post("customers/C-1/visit", {**hidden, **VISIT})
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/console/customers/C-1?said=visit&after=position"
    (event,) = world.door.sent
    assert (event["source"], event["actor"], event["subject"]) == ("guanxi/console", "R-1", "C-1")
    assert event["data"]["consensus"] == "三月再谈 <i>"


async def test_a_form_sent_twice_is_one_event(world: World) -> None:
    await world.sign_in()
    hidden = await world.form("customers/C-1/visit")
    for _ in range(2):
        await world.post("customers/C-1/visit", {**hidden, **VISIT})
        world.later(timedelta(minutes=5))
    first, second = world.door.sent
    assert first == second


async def test_a_form_without_origin_or_token_sends_nothing(world: World) -> None:
    await world.sign_in()
    hidden = await world.form("customers/C-1/visit")
    for origin in (None, "null", "http://evil.test", HOST.replace("http", "https")):
        assert (await world.post("customers/C-1/visit", {**hidden, **VISIT}, origin)).status_code == 403
    answer = await world.post("customers/C-1/visit", {**hidden, **VISIT, "token": "0" * 32})
    assert answer.status_code == 403
    assert "三月再谈 &lt;i&gt;" in answer.text, "what was typed is shown again"
    assert world.door.sent == []


async def test_a_session_that_ends_amid_a_form_loses_nothing_typed(world: World) -> None:
    await world.sign_in()
    hidden = await world.form("customers/C-1/visit")
    world.sign_ins.sessions.clear()
    asked = len(world.api.asked)
    answer = await world.post("customers/C-1/visit", {**hidden, **VISIT})
    assert answer.status_code == 401
    assert "三月再谈 &lt;i&gt;" in answer.text
    assert "华芯" not in answer.text, "nothing is read for who is not signed in"
    assert len(world.api.asked) == asked
    await world.sign_in()
    hidden["token"] = (await world.form("customers/C-1/visit"))["token"]
    assert (await world.post("customers/C-1/visit", {**hidden, **VISIT})).status_code == 303


@pytest.mark.parametrize("name", sorted(FORMS))
async def test_a_role_sends_what_its_table_says_and_nothing_else(world: World, name: str) -> None:
    await world.sign_in(READER)
    token = world.console.keys.token(next(iter(world.sign_ins.sessions.values())))
    assert (await world.get(f"customers/C-1/{name}")).status_code == 403
    assert (await world.post(f"customers/C-1/{name}", {"token": token, **VISIT})).status_code == 403
    assert world.door.sent == []


async def test_another_ones_customer_is_not_there(world: World) -> None:
    await world.sign_in()
    hidden = await world.form("customers/C-1/visit")
    assert (await world.post("customers/C-2/visit", {**hidden, **VISIT})).status_code == 404
    assert world.door.sent == []


async def test_everything_wrong_names_each_field(world: World) -> None:
    await world.sign_in()
    hidden = await world.form("customers/C-1/visit")
    wrong = {
        "day": "2027-01-01",
        "kind": "party",
        "channel": "",
        "rep_id": "",
        "role": "x",
        "name": "a\u0007",
        "due_on": "soon",
    }
    answer = await world.post("customers/C-1/visit", {**hidden, **wrong})
    assert answer.status_code == 422
    assert {*wrong} <= {one.name for one in VISIT_FORM.fields}
    for name in wrong:
        assert f'href="#f-{name}"' in answer.text, name
    assert world.door.sent == []


async def test_what_the_door_refuses_stands_at_its_field(world: World) -> None:
    await world.sign_in()
    world.door.refuses = ("data.participants.0.rep_id", "nobody is called so")
    hidden = await world.form("customers/C-1/visit")
    answer = await world.post("customers/C-1/visit", {**hidden, **VISIT})
    assert answer.status_code == 422
    assert 'id="w-rep_id">nobody is called so' in answer.text


async def test_what_admission_refuses_afterwards_is_said_too(world: World) -> None:
    await world.sign_in()
    world.api.waited_for = "refused"
    hidden = await world.form("customers/C-1/visit")
    answer = await world.post("customers/C-1/visit", {**hidden, **VISIT})
    assert answer.status_code == 422
    assert "too late" in answer.text


async def test_a_door_that_is_away_loses_nothing(world: World) -> None:
    await world.sign_in()
    world.door.away = True
    hidden = await world.form("customers/C-1/visit")
    answer = await world.post("customers/C-1/visit", {**hidden, **VISIT})
    assert answer.status_code == 503
    assert "send it again" in answer.text
    assert hidden["once"] in answer.text, "the same event, when it is sent again"


async def test_a_form_has_a_limit(world: World) -> None:
    await world.sign_in()
    assert (await world.post("customers/C-1/visit", {"consensus": "a" * 70_000})).status_code == 413


# Pages


async def test_an_error_keeps_to_its_tile(world: World) -> None:
    await world.sign_in()
    world.api.broken = ("timeline",)
    answer = await world.get("customers/C-1")
    assert answer.status_code == 200
    failed = re.findall(r'data-tile="(\w+)"[^>]*data-state="failed"', answer.text)
    assert "timeline" in failed
    assert "MongoDB does not answer now" in answer.text
    assert not {"contact", "concerns", "goals", "history"} & {*failed}
    assert "No open concern" in answer.text


async def test_every_answer_has_the_policy_and_pages_are_not_kept(world: World) -> None:
    await world.sign_in()
    paths = ("today", "customers/C-1", "nothing-here", "sign-in", "today?tile=plan", "static/live.js", "search?q=x")
    for path in paths:
        answer = await world.get(path)
        for name, value in SECURITY.items():
            assert answer.headers[name] == value, path
        if not path.startswith("static"):
            assert answer.headers["cache-control"] == "no-store", path
        assert "style=" not in answer.text or path.startswith("static")
        assert "<script>" not in answer.text


async def test_texts_are_escaped(world: World) -> None:
    await world.sign_in()
    answer = await world.get("customers/C-1/visit")
    assert "华芯 &lt;b&gt;科技&lt;/b&gt;" in answer.text


async def test_the_language_is_the_one_chosen_else_the_browsers(world: World) -> None:
    assert '<html lang="en"' in (await world.get("sign-in")).text
    assert '<html lang="zh-Hans"' in (await world.get("sign-in", **{"accept-language": "zh-CN,zh;q=0.9"})).text
    await world.get("language/zh?next=/console/sign-in")
    assert '<html lang="zh-Hans"' in (await world.get("sign-in")).text


@pytest.mark.parametrize(
    "path", ["//evil.test", "https://evil.test/console/", "/console//evil.test", "/elsewhere", "/console/\\x", ""]
)
def test_nobody_is_sent_elsewhere(path: str) -> None:
    assert within(path) == "/console/today"


def test_where_a_request_comes_from() -> None:
    assert is_own("https://crm.test", "https://crm.test")
    assert is_own("https://CRM.test", "https://crm.test")
    for other in (None, "", "null", "http://crm.test", "https://crm.test:8443", "https://evil.test"):
        assert not is_own(other, "https://crm.test")
