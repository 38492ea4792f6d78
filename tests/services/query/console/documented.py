"""The pictures of docs/console.md: each screen of the menu, on made-up customers, as a browser shows it.

    make pictures

They are the same each time: the clock stands, and the rows are those below. Look at them before they are committed.
"""

import os
from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from local.stack.paths import REPOSITORY
from services.query.console.roles import Person
from shared.events.types import TIERS
from tests.services.query.console.conftest import CHROMIUM
from tests.services.query.console.test_import import COUNTS, preview
from tests.services.query.console.test_import import job as dropped
from tests.services.query.console.test_look import apart, served_with, tables
from tests.services.query.console.test_look_plans import planned
from tests.services.query.console.test_operators import refusal
from tests.services.query.console.test_questions import CONCERN, FULL, LINE, SAID, WEEK, answers
from tests.services.query.console.test_subscriptions import subscription
from tests.services.query.console.world import World

Json = dict[str, Any]
FOLDER = REPOSITORY / "docs" / "images"
MOST_BYTES = 160_000
WIDE, PHONE = (1240, 780), (390, 844)
NAMES = (
    "苏州华芯微电子",
    "Hanse Logistik GmbH",
    "深圳远航精密",
    "Ångström Optics AB",
    "成都天府医疗器械",
    "Porto Têxtil SA",
    "宁波海铭轴承",
    "Leeds Precision Castings",
    "青岛蓝谷化工",
    "Nordlicht Energie",
    "武汉光谷激光",
    "Bluff Point Dairies",
)
PICTURES = (
    ("today", "today", "en", WIDE),
    ("today-phone-zh", "today", "zh", PHONE),
    ("week", "week", "en", WIDE),
    ("customers", "customers", "en", WIDE),
    ("customer", "customers/C-0101", "en", WIDE),
    ("customer-zh", "customers/C-0101", "zh", WIDE),
    ("group", "groups/G-1", "en", WIDE),
    ("plan-zh", "customers/C-0101#tile-plans", "zh", WIDE),
    ("tiers", "tiers", "en", WIDE),
    ("tiers-zh", "tiers", "zh", WIDE),
    ("coverage", "coverage", "en", WIDE),
    ("staffing", "staffing", "en", WIDE),
    ("satisfaction", "satisfaction", "en", WIDE),
    ("approvals", "approvals", "en", WIDE),
    ("concerns", "concerns", "en", WIDE),
    ("policy", "policy?job=J1", "en", WIDE),
    ("import", "import?job=J3", "en", WIDE),
    ("refused", "refused", "en", WIDE),
    ("subscriptions", "subscriptions", "en", WIDE),
    ("integration", "integration?source=erp&event=e-1", "en", WIDE),
    ("trail", "trail", "en", WIDE),
    ("health", "health", "en", WIDE),
)
"""File, address, language and size of the window."""


def _id(place: int) -> str:
    return f"C-{101 + place:04}"


def _customer(place: int) -> Json:
    tier = TIERS[-1 - (place * 5) // len(NAMES)]
    return FULL | {
        "customer": _id(place),
        "name": NAMES[place],
        "tier": tier,
        "computed_tier": tier,
        "score": sum(one["points"] * one["weight"] for one in _factors(place).values()) / 10,
        "net_365d": f"{128_400_000 // (place + 1) ** 2}.00",
        "net_90d": f"{19_100_000 // (place + 1) ** 2}.00",
        "at_risk": place in {3, 8},
        "last_purchase_on": f"2026-02-{26 - 2 * place:02}",
        "product_manager": "zhao.min",
        "account_manager": ("li.wei", "wang.fang", "a.jensen")[place % 3],
        "flags": {"unconverted": [], "uncounted": []},
        "industry": "semiconductors",
        "country": "CN",
        "factors": _factors(place),
    }


def _factors(place: int) -> Json:
    points = (9.0, 7.5, 6.5, 8.0, 6.0, 8.5, 6.0, 5.0)
    weights = (25, 15, 15, 15, 10, 10, 5, 5)
    names = ("purchase_volume", "growth", "margin", "payment", "credit", "strategic_fit", "market_standing")
    return {
        name: {"points": max(1.0, points[at] - place * 0.4), "weight": weights[at], "value": "1", "known": True}
        for at, name in enumerate((*names, "share_of_wallet"))
    }


def _card(place: int) -> Json:
    return {
        "id": _id(place),
        "name": NAMES[place],
        "tier": TIERS[-1 - place // 2],
        "status": "lapsed" if place < 2 else "due_soon",
        "due_on": f"2026-03-0{max(1, place)}",
        "reasons": ["lapsed"] if place < 2 else ["due_soon"],
        "last_visit_on": f"2026-01-{12 + place}",
        "last_consensus": ("三月再谈年度框架协议", "Samples by 10 March", "Second site visit in April")[place % 3],
        "follow_ups": [],
        "open_concerns": int(place == 1),
    }


def _concern(place: int, **values: Any) -> Json:
    about = ("late delivery of two lots", "invoice names the wrong site", "外包装破损", "test report is missing")[place]
    named = {"customer": _id(place), "name": NAMES[place], "customer_tier": TIERS[-1 - place], "about": about}
    return CONCERN | named | {"reopened": 0, "raised_on": "2026-02-26"} | values


def weeks() -> list[Json]:
    visits = [
        {"day": f"2026-03-0{1 + place // 3}", "customer": _id(place), "reason": reason}
        for place, reason in enumerate((None, None, "no_outcome", None, None))
    ]
    return [
        WEEK
        | {"representative": "li.wei", "week": f"2026-W{number:02}", "counted": counted, "target": 6}
        | {"met": counted >= 6, "coverage_90d": 0.6 + 0.02 * number, "visits": visits}
        for number, counted in zip(range(10, 3, -1), (4, 6, 7, 3, 6, 6, 5), strict=True)
    ]


def _grid() -> list[Json]:
    """Of six representatives a quarter, and of the one who looks what `_weeks` says."""
    weeks = (*(f"2025-W{number}" for number in range(50, 53)), *(f"2026-W{number:02}" for number in range(1, 11)))
    return [
        {
            "representative": who,
            "week": week,
            "counted": 3 + (5 + 3 * at + 2 * place) % (5 - at % 3),
            "target": 6 - at % 2,
        }
        for at, who in enumerate(("a.jensen", "chen.ying", "m.costa", "wang.fang", "zhao.min"))
        for place, week in enumerate(weeks)
    ]


def rows() -> dict[str, Any]:
    """All that the screens show."""
    found: dict[str, Any] = apart(tables()) | answers() | planned()
    every = [_customer(place) for place in range(len(NAMES))]
    found["customers"] = every
    entitled = {"entitled_until": None, "entitled_tier": "strategic"}
    contact = {"status": "due_soon", "due_on": "2026-03-04", "last_on": "2026-02-25", "adherence": 0.92}
    engagement = {
        "incomplete_since": None,
        "contact": contact | {"visits_365d": {"total": 41}},
        "satisfaction": {"last": {"instrument": "nps", "score": 9, "on": "2026-01-30"}},
        "last_visit": {
            "on": "2026-02-25",
            "consensus": "三月再谈年度框架协议",
            "follow_ups": ["Send the new price list"],
        },
    }
    goal = {"metric": "net_365d", "baseline": "90000000.00", "value": "128400000.00", "target": "150000000.00"}
    decision = {
        "kind": "changed",
        "effective_on": "2026-01-05",
        "from": "partner",
        "to": "strategic",
        "cause": "approval",
    }
    one = every[0] | {
        "engagement": engagement,
        "plan": None,
        "concerns": [_concern(1)],
        "proposed_tier": None,
        "group_id": "G-1",
        "goals": [goal | {"due_on": "2026-12-31", "progress": 0.64}],
        "history": [decision | {"score": 88.1}],
    }
    change: Json = {"purchase": None, "blocked_by": [], "payment": None, "falls_on": "2026-11-18", "rating": None}
    said = SAID | every[0] | entitled | {"would_change": change, "before": "partner", "cause": "approval"}
    found[f"customers/{_id(0)}"], found[f"customers/{_id(0)}/explanation"] = one, said
    kinds = (("visit.logged", "li.wei"), ("purchase.recorded", None), ("tier.approved", "chen.ying"))
    found["timeline"] = [
        LINE
        | {
            "customer": _id(0),
            "kind": kind,
            "actor": who,
            "offset": at,
            "source": "erp" if who is None else "guanxi/console",
        }
        for at, (kind, who) in enumerate(kinds)
    ]
    found["contact-plan"] = [_card(place) for place in range(6)]
    found["movements"] = [
        {
            "customer": _id(place),
            "from": TIERS[place % 4],
            "to": TIERS[place % 4 + 1],
            "from_on": f"2026-02-{20 - place}",
        }
        for place in range(8)
    ]
    found["concerns"] = [
        _concern(0),
        _concern(1, severity="major", deadline="2026-03-02T20:00:00Z", overdue=False),
        _concern(
            2, severity="major", overdue=False, deadline="2026-03-05T04:00:00Z", answered_at="2026-03-01T04:00:00Z"
        ),
        _concern(3, severity="minor", overdue=False, deadline="2026-03-06T04:00:00Z"),
    ]
    found["proposals"] = [every[1] | {"tier": "partner", "proposed_tier": "strategic"}]
    found["tier-history"] = [found["tier-history"][0] | {"customer": _id(1)}]
    found["overrides"] = [row | {"customer": _id(4), "name": NAMES[4]} for row in found["overrides"]]
    found["satisfaction-drops"] = [row | {"customer": _id(5), "name": NAMES[5]} for row in found["satisfaction-drops"]]
    found["events/erp/e-1"] = found["events/crm/e-1"] | {"hint": "revision 3 of this purchase is there already"}
    hint = "the amount's currency is not one of ISO 4217"
    codes = (("unknown_currency", "data.amount.currency"), ("missing_field", "data.rep_id"), ("too_old", "time"))
    found["rejections"] = [
        refusal(code=code, field=field, hint=hint if at == 0 else "it is needed", event=f"e-{at}", subject=_id(at))
        for at, (code, field) in enumerate(codes)
    ]
    hooks = zip(("erp.example.com", "bi.example.com", "mail.example.com"), ("active", "active", "paused"), strict=True)
    found["subscriptions"] = [
        subscription(status) | {"id": f"S{at}", "sink": f"https://{host}/guanxi"}
        for at, (host, status) in enumerate(hooks)
    ]
    first = ['{"id": "o-1001", "source": "shop", "subject": "C-0101", "type": "guanxi.purchase.recorded.v1"}']
    fits = COUNTS | {"read": 900, "fit": 812, "refused": 88}
    found["jobs/J3"] = dropped(result=preview(file="orders-2026.csv", counts=fits, first=first, skipped=[]))
    found["jobs/J3"]["result"]["refusals"] = [
        {"reason": "missing_field", "field": "data.amount", "rows": 88, "line": 14, "hint": "an amount is needed"}
    ]
    return found


def take(browsers: Mapping[str, Browser]) -> None:
    """All of them; browsers: by language, since what a browser itself draws has its own."""
    world = World()
    world.api.tables = rows()
    with served_with(world) as url:
        for name, path, language, (wide, tall) in PICTURES:
            context = browsers[language].new_context(
                locale={"en": "en-GB", "zh": "zh-CN"}[language],
                color_scheme="light",
                service_workers="block",
                viewport={"width": wide, "height": tall},
            )
            page = context.new_page()
            for pattern in ("**/changes*", "**/fresh"):
                page.route(pattern, lambda route: route.abort())
            page.goto(f"{url}/sign-in/{apart(world.link(Person('li.wei', 'everything', None, 'li.wei')))}")
            page.get_by_role("main").get_by_role("button").click()
            world.api.tables["rep-weeks"] = [*weeks(), *_grid()] if name == "coverage" else weeks()
            page.goto(f"{url}/{path}")
            page.screenshot(path=FOLDER / f"console-{name}.png")
            context.close()


if __name__ == "__main__":
    with sync_playwright() as playwright:
        locales = {"en": "en_GB", "zh": "zh_CN"}
        take(
            {
                language: playwright.chromium.launch(
                    executable_path=CHROMIUM, args=["--no-sandbox"], env={**os.environ, "LANG": f"{locale}.UTF-8"}
                )
                for language, locale in locales.items()
            }
        )
