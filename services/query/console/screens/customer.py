"""A customer: its class and what would change it, on any day and as known then; contact, concerns, goals, timeline."""

import asyncio
from collections import defaultdict
from typing import Any

from services.query.console.asking import Asked, Json, segment
from services.query.console.screen import Screen, Tile
from shared.console import SOURCE
from shared.keys import Scope

FACTORS = (
    *("purchase_volume", "growth", "margin", "payment", "credit"),
    *("strategic_fit", "market_standing", "share_of_wallet"),
)
MAX_STEPS = 200
HEAD = (
    *("customer", "name", "tier", "computed_tier", "registered", "dormant", "at_risk", "country", "industry"),
    *("overridden_until", "proposed_tier", "group_id"),
)
UNDONE = ("visit.logged",)
"""Kinds that can be taken back here, where they were entered here."""


def path(asked: Asked) -> str:
    """The customer, in the API."""
    return f"customers/{segment(asked.ids['id'])}"


def waterfall(factors: Json) -> list[Json]:
    """What each factor adds to the score, from 0 on, the largest first."""
    rows: list[Json] = []
    for name, factor in factors.items():
        points, weight = float(factor["points"]), int(factor["weight"])
        known = factor.get("known", factor["value"] is not None)
        adds, most = points * weight / 10, float(weight)
        rows.append(
            {"name": name, "value": factor["value"], "points": points, "weight": weight, "adds": adds, "most": most}
            | {"known": known}
        )
    rows.sort(key=lambda one: -one["adds"])
    start = 0.0
    for row in rows:
        row["from"], row["to"] = start, start + row["adds"]
        start = row["to"]
    return rows


async def _class(asked: Asked) -> Json:
    times = asked.times()
    answer = await asked.answer(f"{path(asked)}/explanation", **times)
    said: Json = answer.data
    decision = said["decision"] or {}
    row: Json = await asked.get(path(asked))
    now = not times
    return {
        "said": said,
        "row": row,
        "score": row["score"] if now else decision.get("score"),
        "factors": waterfall(row["factors"] if now else decision.get("factors") or {}),
        "known_weight": row["known_weight"] if now else decision.get("known_weight"),
        "then": None if now else {"on": times.get("on"), "known_at": times.get("known_at")},
        "incomplete_since": row["incomplete_since"] if now else None,
    }


async def _contact(asked: Asked) -> Json:
    row = await asked.get(path(asked), fields="customer,account_manager,product_manager", include="engagement,plan")
    found = row["engagement"]
    return {
        "found": found,
        "plan": row["plan"],
        "row": row,
        "incomplete_since": found and found["incomplete_since"],
        "empty": None if found else "nothing_known",
    }


async def _part(asked: Asked, name: str) -> list[Any]:
    row = await asked.get(path(asked), fields="customer", include=name)
    return list(row[name])


async def _concerns(asked: Asked) -> Json:
    rows = await _part(asked, "concerns")
    rows.sort(key=lambda one: (not one["overdue"], one["deadline"] or "9"))
    return {"rows": rows, "empty": None if rows else "no_concerns"}


async def _goals(asked: Asked) -> Json:
    rows = await _part(asked, "goals")
    return {"rows": rows, "empty": None if rows else "no_goals"}


async def _history(asked: Asked) -> Json:
    rows = await _part(asked, "history")
    return {"rows": list(reversed(rows)), "empty": None if rows else "no_decision"}


async def _timeline(asked: Asked) -> Json:
    answer = await asked.answer(
        "timeline",
        customer=asked.ids["id"],
        size=30,
        cursor=asked.query.get("cursor"),
        kind=asked.query.get("kind") or None,
    )
    lines: list[Json] = answer.data
    for line in lines:
        standing = not line["voided"] and not line["revised"]
        line["undo"] = standing and line["kind"] in UNDONE and line["source"] == SOURCE and bool(line["record"])
    following = (answer.page or {}).get("next")
    return {"lines": lines, "next": following, "empty": None if lines else "nothing_known"}


async def _profile(asked: Asked) -> Json:
    rows = await asked.get("profiles", customer=asked.ids["id"])
    return {"row": rows[0] if rows else None, "empty": None if rows else "no_profile"}


async def _plans(asked: Asked) -> Json:
    """The group plans, the standing one first, each with its steps: what slips most stands first."""
    rows, steps = await asyncio.gather(
        asked.get("plans", customer=asked.ids["id"]), asked.get("plan-steps", customer=asked.ids["id"], size=MAX_STEPS)
    )
    of = defaultdict[tuple[str, str], list[Json]](list)
    for step in sorted(steps, key=lambda one: (-one["slippage_days"], one["original_due"], one["step_id"])):
        of[step["source"], step["plan_id"]].append(step)
    row = rows[0] if rows else None
    plans = sorted((row and row["plans"]) or (), key=lambda one: not one["current"])
    return {
        "row": row,
        "plans": [{**one, "steps": of[one["source"], one["plan_id"]]} for one in plans],
        "incomplete_since": row and row["incomplete_since"],
        "empty": None if rows else "no_group_plan",
    }


async def _services(asked: Asked) -> Json:
    rows = await asked.get("service-use", customer=asked.ids["id"])
    return {"row": rows[0] if rows else None, "empty": None if rows else "no_services"}


async def _persons(asked: Asked) -> Json:
    rows = await asked.get("key-persons", customer=asked.ids["id"])
    persons = [{**one, "name": one["person_id"], "met": one["last_met_on"] is not None} for one in rows]
    return {"persons": persons, "empty": None if rows else "no_persons"}


async def _head(asked: Asked) -> Json:
    return {"row": await asked.get(path(asked), fields=",".join(HEAD))}


SCREEN = Screen(
    "customer",
    "customers/{id}",
    "Customer",
    (
        Tile("class", "Class", _class),
        Tile("contact", "Contact", _contact),
        Tile("concerns", "Concerns", _concerns),
        Tile("goals", "Goals", _goals),
        Tile("persons", "Key persons", _persons, scope=Scope.CONFIDENTIAL_READ),
        Tile("profile", "Profile", _profile, scope=Scope.CONFIDENTIAL_READ),
        Tile("plans", "Group plan", _plans, scope=Scope.CONFIDENTIAL_READ),
        Tile("services", "Supporting services", _services, scope=Scope.CONFIDENTIAL_READ),
        Tile("history", "Decisions", _history),
        Tile("timeline", "Timeline", _timeline),
    ),
    menu=False,
    head=_head,
    past=True,
)
