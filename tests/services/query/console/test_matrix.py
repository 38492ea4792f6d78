"""Each screen in each language, theme, width and state: nothing that axe finds, no overflow, nothing on the console,
and no part that fails.

A page is loaded once for its language and state; theme and width are then changed on it. In CI axe looks at two of the
four, so that each theme and each width comes; `release` looks at all.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from services.query.console.screens import SCREENS
from tests.services.query.console.documented import PICTURES, rows
from tests.services.query.console.test_look import apart, for_operators, served_with, violations
from tests.services.query.console.test_look_plans import planned
from tests.services.query.console.test_operators import ALL
from tests.services.query.console.test_questions import FULL, SAID
from tests.services.query.console.world import NOW, World

pytestmark = pytest.mark.timeout(300)
Json = dict[str, Any]
STATES = ("full", "empty", "stale", "frozen")
CUSTOMER = "customers/C-0101"
PATHS = (
    *dict.fromkeys(path for _, path, _, _ in PICTURES),
    f"{CUSTOMER}/why/tier",
    f"{CUSTOMER}/texts",
    "subscriptions/S1",
    "help",
)
LOOKS = (("light", 1280), ("dark", 390))
ALL_LOOKS = (*LOOKS, ("light", 390), ("dark", 1280))
LATE = {"behind": 12, "as_of": (NOW - timedelta(seconds=40)).isoformat()}
STANDS = {"behind": 900, "as_of": (NOW - timedelta(hours=3)).isoformat()}


def nothing_yet() -> Json:
    """A stack to which nobody has sent anything, but for one customer's name."""
    lacks: Json = {"engagement": None, "plan": None, "concerns": [], "goals": [], "history": [], "factors": {}}
    one = FULL | lacks | {"customer": "C-0101", "flags": {"unconverted": [], "uncounted": []}}
    said = SAID | one | {"decision": None, "would_change": None}
    kept = {name: found for name, found in for_operators().items() if name in {"status", "subscriptions/S1"}}
    members = {"members": 0, "tiers": {}, "net_365d": {}, "customers": [], "kcr_mean": None, "incomplete": []}
    kept["groups/G-1"] = planned()["groups/G-1"] | members
    return {CUSTOMER: one, f"{CUSTOMER}/explanation": said, **kept, "subscriptions/S1/parked": []}


def frozen(found: Json) -> Json:
    """Where a record of each customer could not be folded."""
    since = {"incomplete_since": (NOW - timedelta(hours=3)).isoformat()}
    customer = found[CUSTOMER] | since
    return found | {CUSTOMER: customer | {"engagement": customer["engagement"] | since}}


@pytest.fixture(scope="module")
def worlds() -> Iterator[dict[str, tuple[str, World]]]:
    """By state the address of a console, and its world."""
    full = rows()
    tables = {"full": full, "empty": nothing_yet(), "stale": full, "frozen": frozen(full)}
    fresh: dict[str, Json] = {"stale": LATE, "frozen": STANDS}
    with ExitStack() as stack:
        served = {}
        for state in STATES:
            world = World()
            world.api.tables, world.api.fresh = tables[state], fresh.get(state, {})
            served[state] = stack.enter_context(served_with(world)), world
        yield served


def looked_at(browser: Browser, url: str, world: World, language: str) -> tuple[BrowserContext, Page, list[str]]:
    """A browser of somebody signed in, and what is said on its console."""
    context = browser.new_context(locale={"en": "en-GB", "zh": "zh-CN"}[language], service_workers="block")
    said: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    for pattern in ("**/changes*", "**/fresh"):  # not served here
        page.route(pattern, lambda route: route.abort())
    page.goto(f"{url}/sign-in/{apart(world.link(ALL))}")
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_url(f"{url}/today")
    return context, page, said


def wrong_with(page: Page, path: str, looks: Sequence[tuple[str, int]], axe: Sequence[tuple[str, int]]) -> list[str]:
    """What is wrong with a page that is loaded."""
    found = [f"{path}: a part fails"] if page.locator("[data-state=failed]").count() else []
    for theme, width in looks:
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found.append(f"{path}, {theme}, {width}: wider than the window")
        if (theme, width) in axe:
            found += [f"{path}, {theme}, {width}: {one}" for one in violations(page)]
    return found


def walk(
    browser: Browser, served: tuple[str, World], state: str, language: str, axe: Sequence[tuple[str, int]]
) -> None:
    url, world = served
    context, page, said = looked_at(browser, url, world, language)
    found = []
    for full in PATHS:
        path = full.partition("?")[0] if state == "empty" else full
        answer = page.goto(f"{url}/{path}")
        assert answer is not None
        assert answer.status == 200, path
        found += wrong_with(page, path, ALL_LOOKS, axe)
        assert (page.locator("html").get_attribute("lang") or "").startswith(language)
        late = page.locator("[data-state=late], [data-state=stands]").count()
        assert bool(late) <= (state in {"stale", "frozen"}), path
    context.close()
    assert found == [], "\n".join(found)
    ours = [one for one in said if "net::ERR_FAILED" not in one and "blocked by Playwright" not in one]
    assert ours == []


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_screen_in_each_state(
    worlds: dict[str, tuple[str, World]], browser: Browser, language: str, state: str
) -> None:
    # What is empty has less to find: once by each language.
    axe = LOOKS if state == "full" else LOOKS[language == "zh" :][:1]
    walk(browser, worlds[state], state, language, axe)


@pytest.mark.release("CI has axe look at one or two of the four themes and widths of each page")
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_screen_in_each_state_and_look(
    worlds: dict[str, tuple[str, World]], browser: Browser, language: str, state: str
) -> None:
    walk(browser, worlds[state], state, language, ALL_LOOKS)


def test_all_screens_are_there() -> None:
    patterns = [screen.path.replace("{id}", "X").replace("{what}", "X").split("/") for screen in SCREENS]
    seen = [path.partition("?")[0].split("/") for path in PATHS]

    def meets(pattern: Sequence[str], path: Sequence[str]) -> bool:
        return len(pattern) == len(path) and all(
            a in {"X", b} or a.startswith("{") for a, b in zip(pattern, path, strict=True)
        )

    lacking = ["/".join(one) for one in patterns if not any(meets(one, path) for path in seen)]
    assert lacking == ["design"], "which test_look looks at"
