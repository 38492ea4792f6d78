"""The pictures of README and docs: `make pictures` writes them anew; they are small, and of names that people have."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.services.query.console.test_look import Served, apart, served_with, tables
from tests.services.query.console.test_look_offline import CARD
from tests.services.query.console.test_operators import ALL
from tests.services.query.console.test_questions import FULL, LINE, SAID, answers
from tests.services.query.console.world import World

pytestmark = pytest.mark.timeout(180)
FOLDER = Path(os.environ["GUANXI_DOCUMENTED"]) if "GUANXI_DOCUMENTED" in os.environ else None
"""Where they are written; unset, they are only weighed."""
MOST_BYTES = 150_000
PICTURES = {
    "today": ("today?representative=R-007", "zh-CN", "light", 1120, 620),
    "customer": ("customers/C-0001", "en-GB", "light", 1120, 900),
    "tiers": ("tiers", "en-GB", "dark", 1120, 760),
}
"""Name: address, language, theme, width and height."""
NAMES = ("华芯科技", "海岳精密", "蓝鲸电子", "晨曦医疗", "北辰自动化", "远山仪器")
AGREED = ("三月底前提交样品报告", "复核交期后再定价格", None, "请研发到场评审", "四月续签框架协议", None)
FACTORS: dict[str, Any] = {
    name: {"points": points, "weight": weight, "value": str(points), "known": known}
    for name, points, weight, known in (
        ("purchase_volume", 8.0, 25, True), ("growth", 6.5, 10, True), ("margin", 5.0, 15, True),
        ("payment", 7.0, 10, True), ("credit", 6.0, 10, True), ("strategic_fit", 9.0, 15, True),
        ("share_of_wallet", 2.5, 15, False),
    )
}  # fmt: skip


def shown() -> dict[str, Any]:
    """Rows as a real customer base has them."""
    tier = ("strategic", "partner", "priority", "general")
    status = ("lapsed", "due_soon", "on_track")
    cards = [
        CARD
        | {"_id": f"C-{n:04}", "id": f"C-{n:04}", "customer": f"C-{n:04}", "name": name, "tier": tier[n % 4]}
        | {"status": status[n // 2], "reasons": [status[n // 2]], "last_consensus": AGREED[n]}
        for n, name in enumerate(NAMES)
    ]
    customer = FULL | {"customer": "C-0001", "name": NAMES[1], "factors": FACTORS, "score": 62.0}
    decided = SAID["decision"] | {"factors": FACTORS}
    moved = [
        {"customer": f"C-{17 * n:04}", "from": tier[n % 3 + 1], "to": tier[n % 3], "from_on": f"2026-02-{n + 10}"}
        for n in range(8)
    ]
    said = SAID | customer | {"decision": decided}
    lines = [LINE | {"kind": one} for one in ("tier.approved", "visit.logged", "purchase.recorded", "account.rated")]
    own = {"customers/C-0001": customer, "customers/C-0001/explanation": said, "timeline": lines}
    return {**apart(tables()), **answers(), "contact-plan": cards, "movements": moved, **own}


@pytest.fixture(scope="module")
def served(browser: Browser) -> Iterator[Served]:
    world = World()
    world.api.tables = shown()
    with served_with(world) as url:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{url}/sign-in/{apart(world.link(ALL))}")
        page.get_by_role("main").get_by_role("button").click()
        page.wait_for_url(f"{url}/today")
        yield Served(url, context.storage_state())
        context.close()


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_small_and_shows_no_trouble(served: Served, browser: Browser, name: str) -> None:
    path, language, theme, width, height = PICTURES[name]
    context = browser.new_context(
        storage_state=served.state, locale=language, color_scheme=theme, service_workers="block",  # type: ignore[arg-type]
        viewport={"width": width, "height": height},
    )  # fmt: skip
    page = context.new_page()
    for pattern in ("**/changes*", "**/fresh"):
        page.route(pattern, lambda route: route.abort())
    page.goto(f"{served.url}/{path}")
    assert page.locator("[data-state=failed]").count() == 0
    picture = page.screenshot()
    assert 5_000 < len(picture) < MOST_BYTES
    if FOLDER is not None:
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{name}.png").write_bytes(picture)
    context.close()
