"""Why a number is what it is: what it is made from, and the events behind it, each with what became of it."""

from services.query.console.asking import Asked, Json, Trouble
from services.query.console.screen import Screen, Tile
from services.query.console.screens.customer import path, waterfall
from shared.keys import Scope

BEHIND: dict[str, tuple[str, ...]] = {
    "tier": ("tier.changed", "tier.proposed", "tier.overridden", "tier_override.lifted", "tier.approved"),
    "score": ("tier.changed", "purchase.recorded", "purchase.refunded", "invoice.paid"),
    "net": ("purchase.recorded", "purchase.refunded"),
    "purchase_volume": ("purchase.recorded", "purchase.refunded"),
    "growth": ("purchase.recorded", "purchase.refunded"),
    "margin": ("purchase.recorded",),
    "payment": ("invoice.issued", "invoice.paid", "invoice.credited"),
    "credit": ("credit.rated",),
    "strategic_fit": ("account.rated",),
    "market_standing": ("account.rated",),
    "share_of_wallet": ("account.rated",),
    "contact": ("visit.logged", "contact.lapsed", "contact.resumed"),
    "visits": ("visit.logged",),
    "satisfaction": ("satisfaction.surveyed", "satisfaction.dropped"),
    "concerns": ("concern.raised", "concern.resolved", "concern.confirmed", "concern.overdue"),
}
"""By number, the kinds of events that it is made from; confidential ones say no more than that they came."""
SIZE = 20


async def _made(asked: Asked) -> Json:
    what = asked.ids["what"]
    if what not in BEHIND:
        raise Trouble(404, "not_found", "there is no such number")
    said = await asked.get(f"{path(asked)}/explanation", **asked.times())
    row = await asked.get(path(asked), include="engagement")
    factors = waterfall(row["factors"])
    factor = next((one for one in factors if one["name"] == what), None)
    return {"what": what, "said": said, "row": row, "factor": factor, "factors": factors}


async def _events(asked: Asked) -> Json:
    kinds = BEHIND.get(asked.ids["what"], ())
    lines: list[Json] = []
    for kind in kinds:
        lines += await asked.get("timeline", customer=asked.ids["id"], kind=kind, size=SIZE)
    lines.sort(key=lambda one: (one["occurred_at"], one["offset"]), reverse=True)
    return {"lines": lines[: SIZE * 2], "most": SIZE, "empty": None if lines else "no_events"}


async def _proof(asked: Asked) -> Json:
    job = await asked.job()
    if job is not None and (job["kind"], job["parameters"].get("customer")) != ("verify", asked.ids["id"]):
        job = None
    return {"job": job, "again": job is not None and job["status"] in {"queued", "running"}}


async def _head(asked: Asked) -> Json:
    return {"row": await asked.get(path(asked), fields="customer,name,tier"), "what": asked.ids["what"]}


SCREEN = Screen(
    "why",
    "customers/{id}/why/{what}",
    "Why",
    (
        Tile("made", "What it is made from", _made),
        Tile("proof", "Prove it", _proof, scope=Scope.OPS_READ),
        Tile("events", "The events behind it", _events),
    ),
    menu=False,
    head=_head,
    past=True,
)
