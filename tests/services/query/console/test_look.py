"""How the console looks, in a real browser: nothing that axe finds, nothing that the policy stops, no overflow."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page
from starlette.applications import Starlette
from starlette.routing import Mount

from services.query.console.frame import ROOT
from services.query.console.screens import design
from shared.errors import Transient
from shared.events.types import TIERS
from tests.services.query.console.test_import import COUNTS, preview
from tests.services.query.console.test_import import job as dropped
from tests.services.query.console.test_operators import ALL, AT, POLICY, job, refusal
from tests.services.query.console.test_subscriptions import PARKED, subscription
from tests.services.query.console.world import World

pytestmark = pytest.mark.timeout(180)
AXE = Path(__file__).parent / "axe" / "axe.min.js"
AXE_HASH = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
"""axe-core 4.14.1, as npm has it."""
PICTURES = os.environ.get("GUANXI_PICTURES")
"""A folder for screenshots, to be looked at."""
MOST_BYTES = 150_000
"""Of the first page with all that it loads."""
SCREENS = ("design", "tiers", "coverage", "staffing", "satisfaction", "approvals")
FOR_OPERATORS = (
    *("refused", "health", "policy?job=J1", "customers/C-1/why/tier?job=J2", "help"),
    *("subscriptions", "subscriptions/S1", "integration?source=crm&event=e-1"),
    *("import", "import?job=J3", "import?job=J4", "import?job=J5"),
    *("customers/C-1/texts", "trail"),
)


class _Away:
    """A stack whose standing nobody knows."""

    async def standing(self) -> None:
        raise Transient("away")


def apart(coroutine: Any) -> Any:
    """Run it in a thread: Playwright has a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def reading() -> dict[str, Any]:
    """Who read a text, in an emergency."""
    row = {"reader": "R-7", "seq": 1, "at": AT, "customer": "C-1", "profile": "vp", "vendor_id": "V-1", "bulk": True}
    said = {"items": ["pains"], "grade": "secret", "allowed": True, "by": "break_glass", "reason": "工厂 <b>着火"}
    return {**row, **said, "since": AT}


def for_operators() -> dict[str, Any]:
    """Refusals, findings, policies, and two jobs."""
    status = [
        {"service": name, "generation": 1, "as_of": AT, "behind": 0} for name in ("tiering", "engagement", "feed")
    ]
    refused = [
        refusal(),
        refusal(code="unknown_currency", field="data.amount.currency"),
        refusal(source=None, subject=None),
    ]
    found = {"at": AT, "check": "topics", "found": "wrong", "what": "guanxi.log has 8 partitions, not 12"}
    trial = {
        "policy": "default-cny", "version": 2, "compared_with": {"policy": "default-cny", "version": 1},
        "as_of": "2026-03-02", "customers": 1200, "moved": 34, "awaiting_approval": 1,
        "tiers": [{"tier": one, "before": 100, "after": 107} for one in reversed(TIERS)],
        "matrix": [{"from": TIERS[n], "to": TIERS[n + 1], "customers": 9 - n} for n in range(4)],
        "visits_per_week": {"asked_before": "231.20", "asked_after": "260.11", "capacity": "240.00", "short": "20.11"},
    }  # fmt: skip
    differ = [["tiers.partner.enter", "70", "68"]]
    proved = {"differences": 0, "unchecked": 0, "findings": [], "looked_at": {"customers": 1}}
    return {
        "status": {"services": status, "log_generation": 1, "inbox_generation": 1, "policies": ["default-cny/1"]},
        "rejections": refused,
        "access-trail": [reading(), reading() | {"allowed": False, "by": "no_right", "reason": None}],
        "emergency-reads": [reading()],
        "findings": [
            found | {"why": "keys are spread by their number", "do": "guanxi relog"},
            found | {"found": "ok", "check": "disk", "what": "80% free", "why": None, "do": None},
        ],
        "subscriptions": [subscription(), subscription("paused", parked=3), subscription("gone", dead=1)],
        "subscriptions/S1": subscription(dead=1, parked=2, stands_still=True),
        "subscriptions/S1/parked": PARKED,
        "policies": [POLICY | {"text": "name: default-cny\nversion: 1\n" * 9}],
        "jobs/J1": job("simulate", "done", {"summary": trial, "differences": differ, "warnings": []}, policy="name: x"),
        "jobs/J2": job("verify", "done", proved, customer="C-1"),
        "jobs/J3": dropped(result=preview()),
        "jobs/J4": dropped("import", result=preview(guess=None, counts=COUNTS | {"admitted": 7, "duplicates": 2})),
        "jobs/J5": dropped("import", "running"),
    }


def drop() -> dict[str, Any]:
    """A customer whose NPS has fallen."""
    fell = {"this_year": {"n": 6, "value": 16.67}, "last_year": {"n": 9, "value": 55.56}, "dropped": True}
    owners = {"account_manager": "R-1", "product_manager": None}
    row = {"customer": "C-1", "name": "华芯 <b>", "customer_tier": "partner", "owners": owners}
    return {**row, "nps": fell, "csat": {**fell, "dropped": False}, "ces": None}


def override() -> dict[str, Any]:
    """A customer whose tier is set by hand for some days more."""
    row = {"customer": "C-1", "name": "华芯 <b>", "tier": "strategic", "computed_tier": "general"}
    return {**row, "overridden_until": "2026-03-20", "account_manager": "R-1"}


async def tables() -> dict[str, Any]:
    """Rows as the API has them."""
    said = await design._head(None)  # type: ignore[arg-type]
    nobody = {"n": 0, "value": None}
    concerns = {"open": 12, "overdue": 2, "open_by_severity": {"critical": 1}, "loop_rate": 0.82}
    moved = [
        {"customer": f"C-{n}", "from": TIERS[n % 4], "to": TIERS[n % 4 + 1], "from_on": "2026-02-11"} for n in range(12)
    ]
    weeks = [next(iter(found.values())) for _, found in said["rows"]]
    return {
        **for_operators(),
        "boards/tiers": [
            {"tier": one, "customers": 40 * 4**n, "net_365d": f"{9 * 10 ** (9 - n)}.00", "currency": "CNY"}
            for n, one in enumerate(reversed(TIERS))
        ],
        "boards/movements": said["flows"],
        "movements": moved,
        "rep-weeks": weeks,
        "boards/coverage": [
            {"week": "2026-W09", "representatives": 40, "exempt": 2, "met": 21, "target": 231, "counted": 180}
        ],
        "staffing": [
            said["staffing"] | {"customers": 1200, "representatives": 48, "fte": 43.5, "short_per_week": 31.4}
        ],
        "boards/satisfaction-quarters": said["answered"],
        "satisfaction-drops": [drop()],
        "overrides": [override()],
        "boards/satisfaction": [
            one
            | {
                "customers": 40,
                "concerns": concerns,
                "csat": one["nps"],
                "ces": {"this_year": nobody, "last_year": nobody},
            }
            for one in said["care"]
        ],
    }


@dataclass
class Served:
    url: str
    state: Any


@contextmanager
def served_with(world: World) -> Iterator[str]:
    """The console without servers, in a thread; gives its address."""
    world.console.waiting = _Away()  # type: ignore[assignment]
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    app = Starlette(routes=[Mount(ROOT, app=world.console.app())])
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}{ROOT}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def served(browser: Browser) -> Iterator[Served]:
    """It, and somebody signed in."""
    world = World()
    world.api.tables = apart(tables())
    with served_to(browser, world) as found:
        yield found


@contextmanager
def served_to(browser: Browser, world: World) -> Iterator[Served]:
    """A console, and somebody signed in who may see all of it."""
    link = apart(world.link(ALL))
    with served_with(world) as url:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{url}/sign-in/{link}")
        page.get_by_role("main").get_by_role("button").click()
        page.wait_for_url(f"{url}/today")
        yield Served(url, context.storage_state())
        context.close()


def shown(
    served: Served, browser: Browser, screen: str, language: str, theme: str, width: int
) -> tuple[Page, list[str]]:
    """A page, and what was said of it."""
    context = browser.new_context(
        storage_state=served.state,
        locale={"en": "en-GB", "zh": "zh-CN"}[language],
        color_scheme=theme,  # type: ignore[arg-type]
        viewport={"width": width, "height": 900},
    )
    page, said = context.new_page(), list[str]()
    # The stream of changes and the standing are not served here.
    page.route("**/changes*", lambda route: route.abort())
    page.route("**/fresh", lambda route: route.abort())
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    answer = page.goto(f"{served.url}/{screen}")
    assert answer is not None
    assert answer.status == 200
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{screen}-{language}-{theme}-{width}.png", full_page=True)
    return page, [one for one in said if "net::ERR_FAILED" not in one]


@dataclass(frozen=True, slots=True)
class First:
    """A first visit: what was loaded, uncompressed, and when something of the page was seen."""

    requests: int
    bytes: int
    content_ms: float


SLOW_3G = {"offline": False, "latency": 400.0, "downloadThroughput": 50_000.0, "uploadThroughput": 50_000.0}
"""As Chrome's developer tools have it: 400 ms for a round trip, 400 kbit/s."""


FIRST_CONTENT = """new Promise((tell) => new PerformanceObserver((seen) => {
    for (const one of seen.getEntriesByName("first-contentful-paint")) tell(one.startTime);
}).observe({type: "paint", buffered: true}))"""


def first_page(context: BrowserContext, url: str, network: dict[str, Any] | None = None) -> First:
    """Somebody's first page, nothing of it kept yet."""
    page = context.new_page()
    page.route("**/changes*", lambda route: route.abort())
    if network is not None:
        page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", network)
    page.goto(url, wait_until="load")
    sizes = "performance.getEntries().filter((one) => one.decodedBodySize).map((one) => one.decodedBodySize)"
    weights = page.evaluate(sizes)
    content = page.evaluate(FIRST_CONTENT)
    page.close()
    return First(len(weights), sum(weights), content)


def violations(page: Page) -> list[str]:
    """What axe finds of WCAG 2.2 AA."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
    )
    return [f"{one['id']}: {[node['html'][:160] for node in one['nodes']][:4]}" for one in found["violations"]]


def test_axe_is_what_npm_has() -> None:
    assert sha256(AXE.read_bytes()).hexdigest() == AXE_HASH


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_everybody_can_read_it(served: Served, browser: Browser, language: str, theme: str, width: int) -> None:
    # All that screens are made of is on the design page; the others twice are enough.
    others = (language, theme, width) in {("en", "light", 1280), ("zh", "dark", 390)}
    for screen in (*SCREENS, *FOR_OPERATORS) if others else SCREENS[:1]:
        page, said = shown(served, browser, screen, language, theme, width)
        assert said == []
        assert violations(page) == [], screen
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), screen
        page.context.close()


def test_the_theme_is_chosen(served: Served, browser: Browser) -> None:
    page, _ = shown(served, browser, "design", "en", "light", 1280)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("link", name="Dark", exact=True).click()
    page.wait_for_load_state()
    assert page.evaluate(ground) != light
    page.get_by_role("link", name="Light", exact=True).click()
    page.wait_for_load_state()
    assert page.evaluate(ground) == light
    page.context.close()


def test_names_are_shown_as_they_are(served: Served, browser: Browser) -> None:
    page, said = shown(served, browser, "design", "en", "light", 390)
    for name in design.NAMES:
        assert page.get_by_role("main").get_by_text(name.strip(), exact=True).first.is_visible()
    assert said == []
    page.context.close()


def test_the_first_page_is_light(served: Served, browser: Browser) -> None:
    context = browser.new_context(storage_state=served.state)
    found = first_page(context, f"{served.url}/today")
    assert found.requests >= 3  # page, style, script
    assert found.bytes < MOST_BYTES
    assert found.content_ms > 0
    context.close()


def test_a_cell_leads_to_the_week_of_its_representative(served: Served, browser: Browser) -> None:
    page, _ = shown(served, browser, "coverage", "en", "light", 1280)
    page.locator("svg a").first.click()
    assert "/week?representative=" in page.url
    page.context.close()
