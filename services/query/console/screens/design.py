"""The design page: type, colour, tables, tiles in every state, forms and all pictures, on made-up values."""

from typing import Any

from services.query.console.asking import Asked, Json
from services.query.console.forms import VISIT_FORM
from services.query.console.fresh import BEHIND, FAILED, FRESH, LATE, STANDS, State
from services.query.console.screen import Screen
from services.query.console.screens.customer import waterfall
from shared.events.types import TIERS

_AS_OF = "2026-03-02T04:00:00Z"
STATES = (
    State(FRESH, as_of=_AS_OF),
    State(BEHIND, 812, 9.0, _AS_OF),
    State(LATE, 120_000, 95.0, _AS_OF),
    State(STANDS, as_of=_AS_OF, why="2026-03-01"),
    State(FAILED, why="MongoDB does not answer now; try again"),
)
NAMES = (
    "苏州华芯微电子科技有限公司",
    "<script>alert(1)</script> & Sons",
    "شركة الاتصالات المتقدمة",
    "Ångström 🚀 Optics",
    "Very long names " * 12 + "end",
)
_NETS = ("128400000.00", "9120500.50", "640000.00", "12800.00", "0.00")
_FACTORS = {
    "purchase_volume": (8.2, 25), "growth": (6.0, 15), "margin": (7.5, 15), "payment": (9.0, 15), "credit": (5.0, 10),
    "strategic_fit": (8.0, 10), "market_standing": (5.0, 5), "share_of_wallet": (3.0, 5),
}  # fmt: skip
_FLOWS = (
    ("strategic", "partner", 2), ("partner", "strategic", 4), ("partner", "priority", 11), ("priority", "partner", 23),
    ("priority", "general", 31), ("general", "priority", 58), ("general", "potential", 12),
    ("potential", "general", 140),
)  # fmt: skip
_PERSONS = (
    ("王芳", "approve", 3, True), ("Li Na", "decide", 0, False), ("陈强", "decide", 1, True),
    ("O'Brien & Co <b>", "support", -1, True), ("赵敏", "decide", 2, False),
    ("Mohamed علي", "influence", None, False), ("孙丽", "influence", -1, True),
)  # fmt: skip


def _weeks() -> list[tuple[str, dict[str, Any]]]:
    """A made-up quarter of six representatives."""
    rows = []
    for who, name in enumerate(("R-1 李伟", "R-2 王芳", "R-3", "R-4 Anna", "R-5", "R-6 张敏")):
        found = {}
        for week in range(1 + who % 2, 14):
            counted, target = (who * 7 + week * 5) % 7, None if (who, week) == (3, 5) else 6
            found[f"2026-W{week:02}"] = {
                "representative": name, "week": f"2026-W{week:02}", "counted": counted, "target": target,
            }  # fmt: skip
        rows.append((name, found))
    return rows


QUARTERS = tuple(f"{year}-Q{number}" for year in (2024, 2025) for number in range(1, 5))


def _quarters() -> list[Json]:
    """Made-up answers of two years: more by the lower tiers, none of the last, a quarter without."""
    return [
        {
            "tier": tier,
            "instrument": "nps",
            "quarter": name,
            "n": 3 + 9 * at * place,
            "value": 50.0 - 18 * at + 3 * place,
        }
        for at, tier in enumerate(tuple(reversed(TIERS))[:-1])
        for place, name in enumerate(QUARTERS)
        if (at, place) != (1, 3)
    ]


def _asked(value: float | None, n: int) -> Json:
    return {"value": value, "n": n}


async def _head(_: Asked) -> Json:
    factors = {
        name: {"points": points, "weight": weight, "value": points, "known": name != "share_of_wallet"}
        for name, (points, weight) in _FACTORS.items()
    }
    tiers = tuple(reversed(TIERS))
    nps = [(52.0, 41, 38.0, 37), (31.0, 120, 35.5, 98), (12.0, 300, -4.0, 210), (-8.0, 4, 10.0, 12), (None, 0, None, 0)]
    return {
        "states": STATES,
        "titles": ("Today", "Customers", "Tiers", "Coverage", "Staffing", "Satisfaction"),
        "names": NAMES,
        "tiers": tiers,
        "customers": list(zip(NAMES, tiers, _NETS, strict=True)),
        "factors": waterfall(factors),
        "flows": [{"from": source, "to": target, "customers": count} for source, target, count in _FLOWS],
        "weeks": [f"2026-W{week:02}" for week in range(1, 14)],
        "rows": _weeks(),
        "staffing": {
            "can_per_week": 260.0, "asked_per_week": 291.4,
            "tiers": [{"tier": t, "asked_per_week": n} for t, n in zip(tiers, (12.0, 48.5, 91.0, 139.9), strict=False)],
        },
        "care": [
            {"tier": tier, "nps": {"this_year": _asked(now, n), "last_year": _asked(then, m)}}
            for tier, (now, n, then, m) in zip(tiers, nps, strict=True)
        ],
        "answered": _quarters(),
        "quarters": QUARTERS,
        "persons": [dict(zip(("name", "decision_role", "attitude", "met"), one, strict=True)) for one in _PERSONS],
        "points": [(str(at), value) for at, value in enumerate((3.0, 5, 4, 8, 7, 11, 9, 14, 12, 17))],
        "form": VISIT_FORM,
    }  # fmt: skip


SCREEN = Screen("design", "design", "Design", menu=False, head=_head)
