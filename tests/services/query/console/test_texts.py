"""The pages of texts: read by a button, refused with what would help; who read what, for auditors."""

import re
from http import HTTPStatus

import pytest
from babel.messages.pofile import read_po
from playwright.sync_api import Browser, expect

from services.archives.questions import ITEMS
from services.query.api.texts import HELP
from services.query.console.pages import TEMPLATES
from services.query.console.roles import Person
from shared.problems import Problem
from tests.services.query.console.test_look import apart, served_with
from tests.services.query.console.world import MANAGER, READER, World

TEXT = "他们的 <b>痛点</b>"
READ = {"customer": "C-9", "profile": "cp", "vendor_id": None, "grade": "top_secret", "by": "owner", "seq": 1}
LINE = {
    "reader": "R-7",
    "seq": 1,
    "at": "2026-03-01T04:00:00Z",
    "customer": "C-9",
    "profile": "cp",
    "vendor_id": None,
    "items": ["pains"],
    "grade": "secret",
    "allowed": True,
    "by": "break_glass",
    "reason": "<i>fire",
    "since": None,
    "bulk": False,
}
PAGE = "customers/C-9/texts"


@pytest.fixture
def world() -> World:
    made = World()
    made.api.tables[PAGE] = {**READ, "items": [{"item": "pains", "state": "text", "text": TEXT}]}
    made.api.tables["emergency-reads"] = [LINE]
    made.api.tables["access-trail"] = [LINE, {**LINE, "allowed": False, "by": "no_right", "bulk": True}]
    return made


async def test_an_item_is_read_by_a_button_as_the_person_who_is_signed_in(world: World) -> None:
    await world.sign_in()
    html = (await world.get(PAGE)).text
    assert 'name="item" value="pains"' in html
    assert world.api.posted == [], "looking at the page reads nothing"
    assert "R-7" in html, "who read it in an emergency"
    assert "&lt;i&gt;fire" in html
    answer = await world.post(PAGE, {**await world.form(PAGE), "profile": "cp", "item": "pains"})
    assert answer.status_code == HTTPStatus.OK
    assert answer.headers["cache-control"] == "no-store"
    assert "他们的 &lt;b&gt;痛点&lt;/b&gt;" in answer.text
    assert world.api.posted == [{"profile": "cp", "items": ["pains"]}]
    key = next(key for path, key in world.api.asked if path == PAGE)
    assert key is not None
    assert (key.reads_as, key.reader) == ("R-1", "R-1")


async def test_an_emergency_and_a_vendor_are_passed_on(world: World) -> None:
    await world.sign_in(Person("li", "head_of_service"))
    values = {**await world.form(PAGE), "profile": "vp", "vendor_id": " V-1 ", "item": "pains", "reason": " fire "}
    await world.post(PAGE, values)
    asked = {"profile": "vp", "vendor_id": "V-1", "items": ["pains"], "emergency": {"reason": "fire"}}
    assert world.api.posted == [asked]


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_why_not_comes_with_what_would_help(world: World, language: str) -> None:
    await world.sign_in()
    world.client.headers["accept-language"] = language
    values = {**await world.form(PAGE), "profile": "cp", "item": "pains"}
    world.api.refuses = Problem(HTTPStatus.FORBIDDEN, "text_denied", HELP["grant_ended"])
    answer = await world.post(PAGE, values)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert ("ask the customer" if language == "en" else "您的授权已结束") in answer.text
    assert TEXT not in answer.text


async def test_a_form_of_elsewhere_reads_nothing(world: World) -> None:
    await world.sign_in()
    values = {**await world.form(PAGE), "profile": "cp", "item": "pains"}
    assert (await world.post(PAGE, values, origin="https://evil.test")).status_code == HTTPStatus.FORBIDDEN
    assert (await world.post(PAGE, {**values, "token": "x"})).status_code == HTTPStatus.FORBIDDEN
    assert world.api.posted == []


async def test_auditors_see_who_read_what_and_read_nothing(world: World) -> None:
    await world.sign_in(READER)
    html = (await world.get("trail?customer=C-9&reader=R-7&on=2026-03-01")).text
    assert "in bulk" in html
    assert "break glass" in html
    assert world.api.parameters["access-trail"] == {
        "customer": "C-9",
        "reader": "R-7",
        "size": "50",
        "at_after": "2026-03-01T00:00:00+08:00",
        "at_before": "2026-03-02T00:00:00+08:00",
    }
    assert (await world.get(PAGE)).status_code == HTTPStatus.FORBIDDEN
    await world.sign_in(MANAGER)
    assert (await world.get("trail")).status_code == HTTPStatus.FORBIDDEN


def test_in_a_browser_a_button_shows_the_text_and_a_reason_breaks_the_glass(browser: Browser, world: World) -> None:
    with served_with(world) as url:
        page = browser.new_context(locale="zh-CN", service_workers="block").new_page()
        for pattern in ("**/changes*", "**/fresh"):
            page.route(pattern, lambda route: route.abort())
        page.goto(f"{url}/sign-in/{apart(world.link(MANAGER))}")
        page.get_by_role("main").get_by_role("button").click()
        page.wait_for_url(f"{url}/today")
        page.goto(f"{url}/{PAGE}")
        own = page.locator("form", has=page.locator("[name=profile][value=cp]"))
        own.get_by_label("紧急情况").fill("工厂着火")
        own.get_by_label("紧急情况").press("Enter")
        assert world.api.posted == [], "Enter reads nothing: a button does"
        own.get_by_role("button", name="痛点", exact=True).click()
        expect(page.get_by_role("main")).to_contain_text(TEXT)
        expect(page.get_by_role("main")).to_contain_text("绝密")
        assert world.api.posted[-1] == {"profile": "cp", "items": ["pains"], "emergency": {"reason": "工厂着火"}}
        world.api.refuses = Problem(HTTPStatus.FORBIDDEN, "text_denied", HELP["no_right"])
        own.get_by_role("button", name="愿景", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("请申请授权，或说明紧急情况")
        expect(page.get_by_role("main")).not_to_contain_text(TEXT)
        page.context.close()


def test_items_rights_and_refusals_are_in_chinese_too() -> None:
    with (TEMPLATES.parent / "zh.po").open("rb") as file:
        known = {str(one.id) for one in read_po(file) if one.string}
    codes = {code for sections in ITEMS.values() for section, items in sections for code in (section, *items)}
    codes |= {"owner", "chain", "steward", "executive", "grant", "break_glass", *HELP, *ITEMS}
    assert {re.sub("_", " ", code) for code in codes} | {*HELP.values()} <= known
