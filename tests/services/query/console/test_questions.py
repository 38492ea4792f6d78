"""The questions of people, each from the start page to its answer in three clicks at most (a search sent is a click).

What no screen answers is named in UNANSWERED.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from services.query.console.roles import ROLES, Person
from tests.services.query.console.test_look import Served, apart, served_with, tables
from tests.services.query.console.test_look_offline import CARD
from tests.services.query.console.world import ROW, World

pytestmark = pytest.mark.timeout(180)
PATIENT_MS = 30_000
"""A busy machine draws late; that it draws is what is tested."""
expect.set_options(timeout=PATIENT_MS)
MOST_CLICKS = 3
AT = "2026-03-01T09:00:00Z"
FULL: dict[str, Any] = ROW | {
    "computed_tier": "general", "proposed_tier": None, "incomplete_since": None, "score": 61.5, "known_weight": 90,
    "factors": {"purchase_volume": {"points": 8.0, "weight": 25, "value": "1000.00", "known": True}},
    "net_365d": "640000.00", "net_90d": "9000.00", "currency": "CNY", "last_purchase_on": "2026-02-03",
    "ratings_lapse_on": "2026-04-01", "flags": {"unconverted": ["CHF"], "uncounted": []}, "product_manager": None,
    "account_manager": "R-1", "policy": "default-cny", "policy_version": 1, "tier_since": "2026-01-05",
    "at_risk": True, "engagement": None,
}  # fmt: skip
GIVES = {"cadence_days": 60, "answer_hours": 120, "executive_meetings": 0, "discount_band": "A", "credit_days": 30}
SAID: dict[str, Any] = FULL | {
    "since": "2026-01-05", "before": "potential", "cause": "score", "entitled_tier": "general",
    "entitled_until": "2026-05-01", "entitlements": GIVES | {"allocation_priority": 4},
    "decision": {"version": 3, "effective_on": "2026-01-05", "set_off_by": "p-77", "score": 58.0, "known_weight": 90,
                 "factors": FULL["factors"]},
    "would_change": {"purchase": None, "blocked_by": ["payment"], "payment": "priority", "falls_on": "2026-08-01",
                     "rating": None},
    "would_change_as_of": "2026-03-01",
}  # fmt: skip
LINE: dict[str, Any] = {
    "customer": "C-1", "kind": "tier.approved", "occurred_at": AT, "offset": 1, "source": "guanxi/console",
    "actor": "chen", "shows": {}, "voided": False, "revised": False, "backfill": False, "record": None,
}  # fmt: skip
CONCERN: dict[str, Any] = {
    "customer": "C-1", "name": "华芯", "customer_tier": "strategic", "about": "late delivery", "kind": "complaint",
    "severity": "critical", "deadline": "2026-02-27T00:00:00Z", "answered_at": None, "overdue": True, "reopened": 2,
}  # fmt: skip
WEEK: dict[str, Any] = {
    "week": "2026-W10", "representative": "R-1", "counted": 3, "target": 5, "met": False, "exempt": None,
    "coverage_90d": 0.5, "restated": False, "from_on": "2026-03-02", "to_on": "2026-03-08",
    "visits": [{"day": "2026-03-02", "customer": "C-1", "reason": "no_outcome"}],
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """who: their role; path: what is pressed, one after the other: a link's name, what is sought (/), an event that is
    named (?), or what is unfolded (+); tile and says: where the answer stands, and what it says.
    """

    who: str
    asks: str
    path: tuple[str, ...]
    tile: str
    says: tuple[str, ...]


FIND = ("/C-1", "华芯")
"""Seek the customer, open it."""
DAY = "on 1 March"
QUESTIONS = (
    Question("account_manager", "whom today and why", (), "plan", ("华芯", "lapsed")),
    Question("account_manager", "what was agreed last", (), "plan", ("Agreed on", "三月再谈")),
    Question("account_manager", "what changed since Friday", ("Tiers",), "moved", ("C-0", "11 Feb 2026")),
    Question("account_manager", "did my week count, if not why", ("My week",), "visits", ("no:", "no outcome")),
    Question("account_manager", "where is it heading", ("华芯",), "class", ("What would change it", "falls by itself")),
    Question("head_of_sales", "who moved and why", ("Tiers", "Why: tier"), "made", ("because of: score", "p-77")),
    Question("head_of_sales", "who covers and who does not", ("Coverage",), "grid", ("R-1", "3/5")),
    Question("head_of_sales", "are we short of people", ("Staffing",), "staffing", ("31.4",)),
    Question("head_of_sales", "the largest at risk", ("Customers",), "list", ("华芯", "at risk")),
    Question("head_of_sales", "what waits for my approval", ("Approvals",), "proposals", ("华芯", "Approve")),
    Question("head_of_service", "what is late now", ("Concerns",), "open", ("Overdue", "late delivery")),
    Question("head_of_service", "who is unhappier", ("Satisfaction",), "drops", ("NPS 55.6 → 16.7",)),
    Question("head_of_service", "is the loop closed", ("Satisfaction",), "concerns", ("Loops closed", "82%")),
    Question("head_of_service", "strategic complaints", ("Concerns",), "open", ("strategic", "critical")),
    Question("head_of_service", "what was reopened", ("Concerns",), "open", ("Reopened", "2")),
    Question("credit", "who is overdue", ("Customers", "Who is overdue"), "list", ("华芯", "12.5k")),
    Question("credit", "tier if all were paid", FIND, "class", ("all overdue paid: priority",)),
    Question("credit", "ratings about to end", FIND, "class", ("Ratings end", "1 Apr 2026")),
    Question("credit", "entitlements about to end", FIND, "class", ("Entitled to", "1 May 2026")),
    Question("credit", "currencies without a rate", FIND, "class", ("no exchange rate: CHF",)),
    Question("operator", "is all fresh", ("Health",), "services", ("records behind",)),
    Question("operator", "what was refused", ("Refused",), "reasons", ("unknown currency",)),
    Question("operator", "what is frozen", ("Health",), "doctor", ("8 partitions",)),
    Question("operator", "is a hook failing", ("Subscriptions",), "list", ("Dead", "gone")),
    Question("operator", "is it provably right", (*FIND, "Why: tier"), "proof", ("Prove it",)),
    Question("integrator", "what became of my event", ("Integration", "?crm e-1"), "fate", ("superseded", "太迟")),
    Question("integrator", "everything", ("Integration",), "following", ("POST /v1/jobs", "export")),
    Question("integrator", "then every change", ("Integration",), "following", ("GET /v1/changes?from=p",)),
    Question(
        "integrator", "replay since Tuesday", ("Subscriptions", "erp", "+Send again"), "", ("Since", "Send it again")
    ),
    Question("integrator", "my limits", ("Integration",), "limits", ("1,990", "of 2,000")),
    Question("compliance", "why this class on 1 March", (*FIND, DAY), "class", ("What held on 1 Mar 2026", "score")),
    Question("compliance", "what was known then", (*FIND, f"known {DAY}"), "class", ("as known on 1 Mar 2026",)),
    Question("compliance", "who decided it", FIND, "timeline", ("chen", "tier approved")),
    Question("compliance", "by which policy", ("Policy",), "force", ("default-cny",)),
    Question("compliance", "who read what", ("Who read what",), "list", ("R-7", "C-1", "break glass")),
)
UNANSWERED: tuple[tuple[str, str], ...] = ()
ROLE_OF = {"integrator": "operator"}
"""Of whom no role is named after."""


def answers() -> dict[str, Any]:
    """Rows as the API has them, beside those of test_look."""
    proposed = FULL | {"proposed_tier": "strategic", "tier": "partner", "account_manager": "R-9"}
    proposal = {
        "customer": "C-1",
        "kind": "proposed",
        "proposed_tier": "strategic",
        "version": 4,
        "effective_on": "2026-02-20",
    }
    return {
        **{f"customers/{one}": FULL for one in ("C-0", "C-1")},
        **{f"customers/{one}/explanation": SAID for one in ("C-0", "C-1")},
        "customers": [FULL],
        "overdue": [FULL | {"overdue": "12500.00"}],
        "search": [{"customer": "C-1", "name": "华芯"}],
        "contact-plan": [CARD],
        "concerns": [CONCERN],
        "rep-weeks": [WEEK],
        "timeline": [LINE],
        "proposals": [proposed],
        "tier-history": [proposal],
        "events/crm/e-1": {"status": "refused", "code": "superseded", "field": "revision", "hint": "太迟"},
    }


@pytest.fixture(scope="module")
def served(browser: Browser) -> Iterator[Served]:
    world = World()
    world.api.tables = apart(tables()) | answers()
    for place in range(2):
        world.api.tables["movements"][place]["customer"] = f"C-{place}"
    with served_with(world) as url:
        yield Served(url, world)


@dataclass
class Walk:
    """Counts what is pressed."""

    page: Page
    clicks: int = 0

    def press(self, name: str) -> None:
        self.clicks += 1
        if name.startswith("/"):
            self.page.keyboard.press("/")
            self.page.keyboard.type(name[1:])
            self.page.keyboard.press("Enter")
        elif name.startswith("?"):
            for label, value in zip(("Source", "Id of the event"), name[1:].split(), strict=True):
                self.page.get_by_label(label, exact=True).fill(value)
            self.page.keyboard.press("Enter")
        elif name.startswith("+"):
            self.page.locator("summary", has_text=name[1:]).click()
        elif name.endswith(DAY):
            self.page.get_by_label("as known on" if name.startswith("known") else "On", exact=True).fill("2026-03-01")
            self.page.get_by_role("button", name="Show this day").click()
        else:
            self.page.get_by_role("link", name=name).first.click()
        self.page.wait_for_load_state()


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: f"{one.who}: {one.asks}")
def test_a_question_is_answered_in_three_clicks(served: Served, browser: Browser, question: Question) -> None:
    role = ROLE_OF.get(question.who, question.who)
    rows = ROLES[role].rows
    person = Person("p", role, None if rows == "all" else "R-1", "R-1" if rows != "all" else None)
    context = browser.new_context(locale="en-GB", service_workers="block", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    for pattern in ("**/changes*", "**/fresh"):
        page.route(pattern, lambda route: route.abort())
    page.goto(f"{served.url}/sign-in/{apart(served.state.link(person))}")
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_url(f"{served.url}/today")
    walk = Walk(page)
    for name in question.path:
        walk.press(name)
    for text in question.says:
        where = page.locator(f"[data-tile={question.tile}]" if question.tile else "main")
        expect(where).to_contain_text(text, use_inner_text=True)
    assert walk.clicks <= MOST_CLICKS
    context.close()


def test_all_thirty_five_are_accounted_for() -> None:
    assert len(QUESTIONS) + len(UNANSWERED) == 35
    for who in {*ROLES, *ROLE_OF} - {"everything", "team_lead", "steward"}:
        asked = sum(one.who == who for one in QUESTIONS) + sum(one[0] == who for one in UNANSWERED)
        assert asked == 5, who
