"""Today without a network, in a real browser: kept, queued, changed, sent once, cleared on signing out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from services.query.console.roles import Person
from tests.services.query.console.test_look import apart, served_with
from tests.services.query.console.world import HEAD, MANAGER, World

pytestmark = pytest.mark.timeout(180)
PATIENT_MS = 30_000
"""A busy machine draws late; that it draws is what is tested."""
expect.set_options(timeout=PATIENT_MS)
CARD: dict[str, Any] = {
    "id": "C-1", "name": "华芯 <b>科技</b>", "tier": "partner", "status": "lapsed", "due_on": "2026-03-01",
    "reasons": ["lapsed"], "last_visit_on": "2026-01-02", "last_consensus": "三月再谈", "follow_ups": [],
    "open_concerns": 0,
}  # fmt: skip


@dataclass
class Served:
    url: str
    world: World

    def link(self, person: Person) -> str:
        return f"{self.url}/sign-in/{apart(self.world.link(person))}"


@pytest.fixture
def served() -> Iterator[Served]:
    """The console without servers, in a thread."""
    world = World()
    world.now = datetime.now(UTC)  # by the browser's clock what is kept ends with the session
    world.api.tables["contact-plan"] = [CARD]
    with served_with(world) as url:
        yield Served(url, world)


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(locale="en-GB", viewport={"width": 390, "height": 844})
    yield context
    context.set_offline(False)
    context.close()


def signed_in(context: BrowserContext, served: Served, person: Person = MANAGER) -> Page:
    """On Today, once the browser has kept it."""
    page = context.new_page()
    page.goto(served.link(person))
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_url(f"{served.url}/today")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_function(
        "caches.open('guanxi-pages').then((pages) => pages.keys()).then((all) => all.length >= 3 || null)"
    )
    return page


def log_a_visit(page: Page, agreed: str) -> None:
    page.get_by_role("link", name="Log a visit").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log a visit")
    page.get_by_label("What was agreed").fill(agreed)
    page.get_by_role("button", name="Save the visit").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Today")


def waiting(page: Page) -> Any:
    return page.locator("#queue")


def test_a_visit_logged_without_a_network_is_changed_and_sent_once(served: Served, phone: BrowserContext) -> None:
    page = signed_in(phone, served)
    phone.set_offline(True)
    page.reload()
    expect(page.locator("#offline")).to_contain_text("No network. This is Today as of")
    expect(page.locator(".card")).to_contain_text("华芯 <b>科技</b>")

    log_a_visit(page, "first")
    expect(waiting(page)).to_contain_text("1 visit waits for the network.")
    expect(waiting(page)).to_contain_text("华芯 <b>科技</b>")
    log_a_visit(page, "another")
    expect(waiting(page)).to_contain_text("2 visits wait for the network.")

    page.locator("#queue li", has_text="2026").first.get_by_role("link", name="Change").click()
    expect(page.get_by_label("What was agreed")).not_to_have_value("")
    page.get_by_label("What was agreed").fill("changed")
    page.get_by_role("button", name="Save the visit").click()
    expect(waiting(page)).to_contain_text("2 visits wait for the network.")
    assert served.world.door.sent == []

    phone.set_offline(False)
    expect(waiting(page)).to_contain_text("Sent: 2")
    expect(page.locator("#offline")).to_be_hidden()
    sent = served.world.door.sent
    assert len({one["data"]["visit_id"] for one in sent}) == 2
    assert {one["data"]["consensus"] for one in sent} >= {"changed"}
    assert sorted(one.get("revision", 1) for one in sent) == [1, 2]
    page.reload()
    expect(waiting(page)).to_be_hidden()
    assert len(sent) == 2


def test_what_is_wrong_with_a_visit_is_said_and_mended(served: Served, phone: BrowserContext) -> None:
    page = signed_in(phone, served)
    phone.set_offline(True)
    page.reload()
    page.get_by_role("link", name="Log a visit").click()
    page.get_by_label("Day").fill("2027-01-01")
    page.get_by_role("button", name="Save the visit").click()
    expect(waiting(page)).to_contain_text("1 visit waits")
    phone.set_offline(False)
    page.reload()
    expect(waiting(page)).to_contain_text("Not taken: day: this day has not come yet")
    page.get_by_role("link", name="Change").click()
    expect(page.get_by_label("Day")).to_have_value("2027-01-01")  # as it waits, put in after the page has come
    page.get_by_label("Day").fill("2026-03-02")
    page.get_by_role("button", name="Save the visit").click()
    expect(waiting(page)).to_contain_text("Sent: 1")
    assert [one.get("revision") for one in served.world.door.sent] == [2]


def test_a_queue_is_its_writers_and_others_are_told_how_many_wait(served: Served, phone: BrowserContext) -> None:
    page = signed_in(phone, served)
    phone.set_offline(True)
    page.reload()
    log_a_visit(page, "mine")
    page.close()
    phone.set_offline(False)
    phone.clear_cookies()  # the session is over, nobody signed out
    other = signed_in(phone, served, HEAD)
    expect(waiting(other)).to_contain_text("Visits of somebody else that wait here until they sign in: 1")
    expect(waiting(other)).not_to_contain_text("华芯")
    assert served.world.door.sent == []
    phone.clear_cookies()
    back = signed_in(phone, served)
    expect(waiting(back)).to_contain_text("Sent: 1")
    assert served.world.door.sent[0]["actor"] == MANAGER.id


def test_signing_out_clears_what_is_kept_and_says_what_is_lost(served: Served, phone: BrowserContext) -> None:
    page = signed_in(phone, served)
    served.world.door.away = True
    phone.set_offline(True)
    page.reload()
    log_a_visit(page, "lost")
    phone.set_offline(False)
    said: list[str] = []
    answers = [False, True]

    def answer(dialog: Any) -> None:
        said.append(dialog.message)
        (dialog.accept if answers.pop(0) else dialog.dismiss)()

    page.on("dialog", answer)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Today")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{served.url}/sign-in")
    assert said == ["Visits that wait for the network: 1. Signing out deletes them. Sign out?"] * 2
    assert page.evaluate("caches.has('guanxi-pages')") is False
    phone.set_offline(True)
    assert not is_shown(page, served, "0")


def test_what_is_kept_ends_with_the_session(served: Served, phone: BrowserContext) -> None:
    page = signed_in(phone, served)
    phone.set_offline(True)
    ended = """caches.open("guanxi-pages").then(async (pages) => {
        for (const key of await pages.keys()) {
            const page = await pages.match(key), headers = new Headers(page.headers);
            headers.set("Guanxi-Kept", headers.get("Guanxi-Kept").split(" ")[0] + " 1");
            await pages.put(key, new Response(await page.text(), {headers}));
        }
    })"""
    assert not is_shown(page, served, ended)


TRIES = 20


def is_shown(page: Page, served: Served, before: str) -> bool:
    """Whether Today is shown without a network, after something was done to what is kept. That there is none comes to
    the worker a moment later than to the page: until then it keeps Today anew.
    """
    for _ in range(TRIES):
        page.evaluate(before)
        try:
            page.goto(f"{served.url}/today")
        except Error as error:
            assert re.search("ERR_INTERNET_DISCONNECTED|ERR_FAILED", error.message)  # noqa: PT017 - of one of many tries
            return False
    return True
