"""Every form by the keyboard alone: each field is reached in its order and shows that it has the focus; Enter sends."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from services.query.console.forms import FORMS
from tests.services.query.console.documented import rows
from tests.services.query.console.test_look import Served, served_to, shown
from tests.services.query.console.world import World

pytestmark = pytest.mark.timeout(180)
CUSTOMER = "customers/C-0101"
MOST_STOPS = 400
"""Of a page: links, buttons, fields."""
TYPED = {
    "void": "?kind=visit&record_id=v-1&revision=1",
    "approve": "?proposal_version=4",
    "decline": "?proposal_version=4",
}
PATHS = (
    *(f"{CUSTOMER}/{name}{TYPED.get(name, '')}" for name in FORMS),
    *("policy?job=J1", "refused", "import?job=J3", "subscriptions", "subscriptions/S1", "integration", "tiers"),
)
FIELDS = """() => [...document.querySelectorAll("main form")].flatMap((form) => [...form.elements])
  .filter((one) => one.type !== "hidden" && !one.disabled && one.checkVisibility())
  .map((one) => one.id || one.name || one.textContent.trim())"""
FOCUSED = """() => {
  const one = document.activeElement;
  if (one === null || one === document.body) return null;
  const style = getComputedStyle(one);
  const seen = style.outlineStyle !== "none" || style.boxShadow !== "none";
  return [one.id || one.name || one.textContent.trim(), seen, Boolean(one.form && one.closest("main"))];
}"""


@pytest.fixture(scope="module")
def served(browser: Browser) -> Iterator[Served]:
    world = World()
    world.api.tables = rows()
    with served_to(browser, world) as found:
        yield found


def stops(page: Page) -> list[tuple[str, bool]]:
    """What Tab comes to within forms, in order, and whether it shows that it has the focus."""
    found: list[tuple[str, bool]] = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        at: Any = page.evaluate(FOCUSED)
        if at is None:
            return found
        if at[2]:
            found.append((at[0], at[1]))
    raise AssertionError("Tab does not come to an end")


@pytest.mark.parametrize("path", PATHS)
def test_each_field_is_reached_in_order_and_shows_it(served: Served, browser: Browser, path: str) -> None:
    page, _ = shown(served, browser, path, "en", "light", 390)
    wanted = page.evaluate(FIELDS)
    assert wanted, "it has a form"
    found = stops(page)
    names = list(dict.fromkeys(name for name, _ in found))  # a day has several stops
    assert names == list(dict.fromkeys(wanted))
    # Of a day, the stop at the button that opens the calendar is drawn by the browser.
    assert set(names) == {name for name, seen in found if seen}
    page.context.close()


def test_enter_sends_and_what_is_wrong_is_a_link_to_its_field(served: Served, browser: Browser) -> None:
    page, _ = shown(served, browser, f"{CUSTOMER}/visit", "en", "light", 390)
    page.locator("#f-day").fill("")
    page.get_by_label("Next step").focus()
    page.keyboard.press("Enter")
    first = page.get_by_role("alert").get_by_role("link").first
    expect(first).to_be_visible()
    first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#f-day")).to_be_focused()
    page.context.close()
