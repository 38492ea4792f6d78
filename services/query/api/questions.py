"""The answers that are no page of a list: one customer and what belongs to it, boards, explanations, fates."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from services.feed.questions import MAX_FOUND, line_in_full, of_event, search_filter
from services.ingest.questions import fate_of, verdicts_at
from services.query.api.resources import fields_of, held
from services.query.api.rows import Fate
from services.query.limits import MAX_HISTORY, MAX_LINES
from services.query.standing import FOLDING, Standing, Wait
from services.query.store import Reader
from services.tiering.questions import AdoptedPolicies, as_of_day
from shared.events.event import Position
from shared.events.money import exponents, format_minor
from shared.events.types import TIERS
from shared.mongo import Database
from shared.mongo.findings import kept
from shared.mongo.policies import all_adopted
from shared.positions import Mark, Of, encode

Document = dict[str, Any]
Generations = Mapping[str, int]
_NOTHING_YET = dict.fromkeys(
    ("since", "before", "cause", "entitled_until", "entitlements", "decision", "proposed_tier")
)


_OF_ENGAGEMENT = {
    "staffing": "staffing",
    "boards/satisfaction": "tier_care",
    "boards/satisfaction-quarters": "tier_quarters",
}
"""Tables that are a view as it is."""
_NO_FATE = dict.fromkeys(fields_of(Fate))


class Questions:
    """What is asked of MongoDB beyond pages. All methods raise Transient while it is away."""

    def __init__(self, database: Database, zone: ZoneInfo, reader: Reader) -> None:
        self._database, self._reader = database, reader
        self._adopted = AdoptedPolicies(database, zone)

    async def places(self, standing: Standing) -> int:
        """How many decimal places the money has by which customers are sorted."""
        return exponents()[await self._adopted.base_currency(standing.policies)]

    async def customer(self, customer: str, generations: Generations) -> Document | None:
        """A customer's row."""
        found = await self._reader.read("customers", generations["tiering"], [{"_id": customer}])
        return found[0] if found else None

    async def part(self, name: str, customer: str, generations: Generations) -> Any:
        """What `include` adds to a customer: a document or None, or a list."""
        tiering, engagement = generations["tiering"], generations["engagement"]
        match name:
            case "history":
                return (await self._history(customer, tiering))[-MAX_HISTORY:]
            case "concerns":
                found = await self._reader.read("concerns", engagement, [{"customer": customer}])
                return sorted(found, key=lambda one: (one["source"], one["concern_id"]))
            case "goals":
                return await self._goals(customer, engagement)
            case "timeline":
                return await self._timeline(customer, generations["feed"])
        view = {"engagement": "engagement", "plan": "contact_plan"}[name]
        found = await self._reader.read(view, engagement, [{"_id": customer}])
        return found[0] if found else None

    async def _history(self, customer: str, generation: int) -> list[Document]:
        found = await self._reader.read("tier_history", generation, [{"customer": customer}])
        return sorted(found, key=lambda one: one["version"])

    async def _goals(self, subject: str, generation: int) -> list[Document]:
        found = await self._reader.read("goals", generation, [{"subject": subject}])
        return sorted(found, key=lambda one: (one["scope"], one["metric"]))

    async def _timeline(self, customer: str, generation: int) -> list[Document]:
        conditions = [{"customer": customer}]
        found = await self._reader.read("timeline_keys", generation, conditions, MAX_LINES)
        lines = await self._reader.read("timeline", generation, [{"_id": {"$in": [one["_id"] for one in found]}}])
        return [line_in_full(one) for one in sorted(lines, key=lambda one: one["offset"], reverse=True)]

    async def table(
        self, name: str, standing: Standing, values: Mapping[str, Any], only: Sequence[Document]
    ) -> list[Document]:
        """The rows of a table (resources.TABLES); only: conditions on the customers of one that is not of all rows."""
        generations = standing.generations
        engagement = generations["engagement"]
        match name:
            case "goals":
                return await self._goals(values["subject"], engagement)
            case "boards/tiers":
                return await self._tiers(standing)
            case "boards/movements":
                return await self._flows(standing, values)
            case "boards/held":
                return await self._held(generations["feed"], values)
            case "search":
                looked_for = search_filter(values["q"])
                if looked_for is None:
                    return []
                return await self._reader.read("search", generations["feed"], [looked_for, *only], MAX_FOUND)
            case "boards/coverage":
                return await self._coverage(engagement, values["week"])
            case "policies":
                return await self._policies()
            case "findings":
                return await kept(self._database)
        return await self._reader.read(_OF_ENGAGEMENT[name], engagement, [])

    async def _policies(self) -> list[Document]:
        found = await all_adopted(self._database)
        return [
            {
                "policy": one.name,
                "version": one.version,
                "effective_on": one.effective_on,
                "adopted_at": at,
                "text": one.text,
            }
            for one, at in reversed(found)
        ]

    async def _tiers(self, standing: Standing) -> list[Document]:
        totals = await self._reader.read("tier_totals", standing.generations["tiering"], [])
        found = {one["_id"]: one for one in totals}
        currency = await self._adopted.base_currency(standing.policies)
        return [
            {
                "tier": tier,
                "customers": found[tier]["customers"] if tier in found else 0,
                "net_365d": format_minor(int(found[tier]["net_order"]) if tier in found else 0, currency),
                "currency": currency,
            }
            for tier in reversed(TIERS)
        ]

    async def _held(self, generation: int, values: Mapping[str, Any]) -> list[Document]:
        """The highest tier first; one that nobody had is there too."""
        pipeline: list[Document] = [
            {"$match": held(values)},
            {"$group": {"_id": "$to", "customers": {"$sum": 1}}},
        ]
        found = {one["_id"]: one["customers"] for one in await self._reader.group("movements", generation, pipeline)}
        return [{"tier": tier, "customers": found.get(tier, 0)} for tier in reversed(TIERS)]

    async def _flows(self, standing: Standing, values: Mapping[str, Any]) -> list[Document]:
        """Rows by tiers, the highest that was left first."""
        when: Document = {"from_on": {"$gt": values["from_on_after"], "$lt": values["from_on_before"]}}
        if "known_at" in values:
            when["recorded_at"] = {"$lte": values["known_at"]}
        pipeline: list[Document] = [
            {"$match": when},
            {
                "$group": {
                    "_id": {"from": "$from", "to": "$to"},
                    "customers": {"$sum": 1},
                    "net": {"$sum": {"$toDecimal": "$net_365d"}},
                }
            },
        ]
        unit = Decimal(1).scaleb(-await self.places(standing))
        found = await self._reader.group("movements", standing.generations["feed"], pipeline)
        rows = [
            {**one["_id"], "customers": one["customers"], "net_365d": str(Decimal(str(one["net"])).quantize(unit))}
            for one in found
        ]
        return sorted(rows, key=lambda one: (-TIERS.index(one["from"]), -TIERS.index(one["to"])))

    async def _coverage(self, generation: int, week: str) -> list[Document]:
        known = await self._reader.read("representative_keys", generation, [])
        wanted = ("exempt", "met", "target", "counted")
        rows = await self._reader.weeks(generation, [one["_id"] for one in known], [{"week": week}], wanted)
        counted = {
            "week": week,
            "representatives": len(rows),
            "exempt": sum(one["exempt"] is not None for one in rows),
            "met": sum(bool(one["met"]) for one in rows),
            "target": sum(one["target"] or 0 for one in rows),
            "counted": sum(one["counted"] for one in rows),
        }
        return [counted] if rows else []

    async def explanation(
        self, customer: str, standing: Standing, on: date | None, known_at: datetime | None
    ) -> Document | None:
        """Why a customer has its tier now, or what held on a day by the decisions on the log by `known_at`; None where
        nothing was ever heard of it.
        """
        row, history = await asyncio.gather(
            self.customer(customer, standing.generations), self._history(customer, standing.generations["tiering"])
        )
        if row is None:
            return None
        if on is None:
            change = next((one for one in reversed(history) if one["kind"] == "changed"), None)
            shown = next(
                (one for one in reversed(history) if one["kind"] == "changed" and one["from"] != one["to"]), None
            )
            return {
                **row,
                "on": None,
                "known_at": None,
                "since": row["tier_since"],
                "before": shown and shown["from"],
                "decision": change and _plain(change),
                "would_change": row["changes"],
                "would_change_as_of": row["changes_as_of"],
            }
        known = [one for one in history if known_at is None or one["recorded_at"] <= known_at]
        shown_then = as_of_day(known, on.isoformat(), await self._adopted.by_version(standing.policies))
        decision = shown_then["decision"] and _plain(shown_then["decision"])
        return {**_NOTHING_YET, **shown_then, "customer": customer, "known_at": known_at, "decision": decision}

    async def fate(self, source: str, event: str, standing: Standing) -> Document | None:
        """What became of an event, None where nothing is known of it. A fact is found by its claim. A record with an
        id of its own is claimed under that, whatever event brought it; its line of the timeline names the event.
        """
        found = await fate_of(self._database, source, event)
        line = None
        if found is None or found.status != "accepted":  # a duplicate may be of what was accepted under the same id
            line = await self._line_of(source, event, standing.generations)
        if line is not None:
            mark = await self._on_the_log(line, standing.generations)
            folded_by = [name for name in FOLDING if mark is None or Wait(mark, (name,)).passed(standing)]
            return {
                **_NO_FATE,
                **{name: line.get(name) for name in ("customer", "record", "revised", "voided", "recorded_at")},
                "source": source,
                "id": event,
                "status": "accepted",
                "accepted_at": mark and encode(mark),
                "revision": line["revision"],
                "folded_by": folded_by,
                "decisions": await self._set_off_by(event, line["customer"], standing.generations),
            }
        if found is None:
            return None
        told, position = found.told, found.position
        here = position.generation == standing.generations["inbox"]
        mark = Mark(Of.INBOX, position.generation, {position.partition: position.offset + 1})
        shows = [name for name in FOLDING if not here or Wait(mark, (name,)).passed(standing)]
        return {
            **_NO_FATE,
            "source": source,
            "id": event,
            "status": found.status,
            "accepted_at": encode(mark) if found.status == "accepted" else None,
            "revision": told.get("revision"),
            "code": told.get("code"),
            "field": told.get("field"),
            "hint": told.get("hint"),
            "judged_at": told.get("at"),
            "folded_by": shows if found.status == "accepted" else [],
        }

    async def _line_of(self, source: str, event: str, generations: Generations) -> Document | None:
        """The latest line of the timeline that an event brought."""
        found = await self._reader.read("timeline", generations["feed"], [of_event(source, event)], MAX_FOUND)
        lines = [line_in_full(one) for one in found]
        return max(lines, key=lambda one: (one["recorded_at"], one["offset"]), default=None)

    async def _on_the_log(self, line: Document, generations: Generations) -> Mark | None:
        """The position right behind a line's record."""
        found = await self._reader.read("search", generations["feed"], [{"_id": line["customer"]}], 1)
        if not found or found[0].get("partition") is None:
            return None
        return Mark(Of.LOG, generations["log"], {found[0]["partition"]: line["offset"] + 1})

    async def _set_off_by(self, event: str, customer: str, generations: Generations) -> list[Document]:
        conditions = [{"customer": customer}, {"set_off_by": event}]
        found = await self._reader.read("tier_history", generations["tiering"], conditions, MAX_FOUND)
        shown = ("kind", "version", "effective_on", "event_id")
        return [{name: one[name] for name in shown} for one in sorted(found, key=lambda one: one["version"])]

    async def verdict(self, mark: Mark) -> str:
        """What admission said of the last records that a position of the inbox speaks of."""
        last = [Position(mark.generation, partition, end - 1) for partition, end in mark.ends.items() if end > 0]
        verdicts: Sequence[str] = await verdicts_at(self._database, last)
        return "refused" if "refused" in verdicts else "duplicate" if "duplicate" in verdicts else "admitted"


def _plain(decision: Document) -> Document:
    """A decision without where it is stored."""
    return {
        name: value
        for name, value in decision.items()
        if name not in {"_id", "log", "projected_at", "generation", "as_of"}
    }
