"""A customer's group plan, services and group, as people see them: rows that the rules made, in a real browser."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser
from pydantic_core import from_json, to_json

from services.planning.views.lists import plan_steps_in_python, plans_in_python, service_use_in_python
from tests.services.planning.given import Story, objective, plan, step
from tests.services.query.console.test_look import Served, served_to, shown, violations
from tests.services.query.console.world import ROW, World

pytestmark = pytest.mark.timeout(180)
Json = dict[str, Any]


def planned() -> Json:
    """A partner whose plan slips, with training beyond its quota, and a group of two."""
    story = Story()
    story.tier("partner", "2025-06-01")
    steps = tuple(step(f"拜访-{n}", f"2026-0{3 + n}-15") for n in range(4))
    agreed = story.plan(
        plan(steps=steps, objectives=(objective(), objective("深化", metric="departments"))), "2026-03-01"
    )
    story.plan(plan(steps=(*steps[:3], step("拜访-3", "2026-10-31"))), "2026-05-01", of=agreed)
    story.done("拜访-0", "2026-03-20")
    for month in range(1, 8):
        story.delivered("training", f"2026-0{month}-10")
    story.until("2026-07-20")
    kept = story.entity.document() | {"_id": "C-1", "as_of": None, "recorded_at": None, "incomplete_since": None}
    members = [("C-1", "华芯科技", "G-1", "partner"), ("C-2", None, "G-2", "general")]
    group = {
        "group_id": "G-1", "registered": True, "name": "华南精密集团", "parent_group_id": None, "cycle": [],
        "groups": ["G-2"], "members": 2, "tiers": {"partner": 1, "general": 1},
        "net_365d": {"CNY": "5500000.00"}, "at_risk": 1, "concerns_open": 3, "concerns_overdue": 1,
        "kcr_mean": "1.50", "kcr_least": "1.00", "plans_lapsed": 0, "as_of": None, "incomplete": ["C-2"],
        "customers": [
            {"customer": one, "name": name, "group_id": of, "tier": tier, "net_365d": "4000000.00", "currency": "CNY"}
            for one, name, of, tier in members
        ],
    }  # fmt: skip
    found = {
        "plans": plans_in_python(kept),
        "plan-steps": plan_steps_in_python(kept),
        "service-use": service_use_in_python(kept),
        "groups/G-1": group,
    }
    return dict(from_json(to_json(found)))


@pytest.fixture(scope="module")
def served(browser: Browser) -> Iterator[Served]:
    world = World()
    world.api.tables = planned() | {"customers/C-1": ROW | {"group_id": "G-1"}}
    with served_to(browser, world) as found:
        yield found


@pytest.mark.parametrize(
    ("language", "theme", "width"), [("en", "light", 1280), ("zh", "dark", 390), ("zh", "light", 1280)]
)
def test_everybody_can_read_it(served: Served, browser: Browser, language: str, theme: str, width: int) -> None:
    for screen in ("customers/C-1", "groups/G-1"):
        page, said = shown(served, browser, screen, language, theme, width)
        assert said == []
        assert violations(page) == [], screen
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), screen
        page.context.close()


def test_from_the_customer_to_its_group_and_to_another_member(served: Served, browser: Browser) -> None:
    page, _ = shown(served, browser, "customers/C-1", "en", "light", 1280)
    plans = page.locator("#tile-plans")
    assert plans.get_by_text("slips by up to").is_visible()
    assert plans.locator("tbody").last.locator("tr").first.get_by_text("拜访-1").is_visible()
    assert page.locator("#tile-services").get_by_text("1 beyond the quota").is_visible()
    page.get_by_role("link", name="G-1").click()
    page.wait_for_url(f"{served.url}/groups/G-1")
    assert page.get_by_role("link", name="G-2").count() == 2
    assert page.get_by_role("link", name="华芯科技").is_visible()
    page.context.close()
