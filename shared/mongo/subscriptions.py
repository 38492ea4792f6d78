"""Subscriptions in MongoDB: what the API and the command line do with them. All methods raise Transient.

Every command raises `version`; whoever delivers finds that out before it writes, and begins again.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.mongo import Database, Document, Session, once_undisturbed, transient_errors
from shared.mongo.schema import Index
from shared.subscriptions import MAX_PER_KEY, MAX_SUBSCRIPTIONS, Filters, ReplayAsked, Subscription, resumed, rotated

COLLECTION, LANES = "subscriptions", "subscription_lanes"
COLLECTIONS = (COLLECTION, LANES)
INDEXES = (
    Index(COLLECTION, ("key", "created_at"), generational=False),
    Index(LANES, ("subscription", "next_at"), generational=False),
)
MAX_LISTED = 100
"""Lanes shown of a subscription: those that wait longest."""


def new_id() -> str:
    """Of a subscription, or of a message that tells no change."""
    return secrets.token_hex(12)


class Subscriptions:
    """Of one API key, or of all with None: the command line's."""

    def __init__(self, database: Database, key: str | None) -> None:
        self._database = database
        self._all, self._lanes = database[COLLECTION], database[LANES]
        self._mine: Document = {} if key is None else {"key": key}

    async def add(self, asked: Subscription) -> Subscription | None:
        """Begin it, with a ping; what is there already where it was asked for before; None where there are as many as
        there may be.
        """
        async with transient_errors():
            found = await self._all.find_one({"_id": asked.id})
            if found is not None:
                return Subscription.model_validate(found)
            mine: int = await self._all.count_documents({"key": asked.key})
            every: int = await self._all.count_documents({})
            if mine >= MAX_PER_KEY or every >= MAX_SUBSCRIPTIONS:
                return None
            await self._all.insert_one({**asked.model_dump(by_alias=True, mode="python"), "scopes": [*asked.scopes]})
        return asked

    async def get(self, name: str) -> Subscription | None:
        """One of them."""
        async with transient_errors():
            found = await self._all.find_one({"_id": name, **self._mine})
        return None if found is None else Subscription.model_validate(found)

    async def all(self) -> list[Subscription]:
        """All of them, the oldest first."""
        async with transient_errors():
            found = await self._all.find(self._mine).sort([("created_at", 1), ("_id", 1)]).to_list(MAX_SUBSCRIPTIONS)
        return [Subscription.model_validate(one) for one in found]

    async def pause(self, name: str) -> Subscription | None:
        """Send nothing until it is resumed; changes wait on the topic, for as long as this keeps them."""
        return await self._change(name, {"status": "paused", "why": ""})

    async def resume(self, name: str) -> Subscription | None:
        """Go on where it stood; who refused the ping, or said 410, is pinged again first."""
        found = await self.get(name)
        return None if found is None else await self._change(name, resumed(found, new_id()))

    async def rotate(self, name: str, now: datetime) -> Subscription | None:
        """A new secret; the one before signs as well for a day."""
        found = await self.get(name)
        if found is None:
            return None
        async with transient_errors():
            changed: Document | None = await self._all.find_one_and_update(
                {"_id": name, "version": found.version, **self._mine},
                {"$set": rotated(found, now), "$inc": {"version": 1}},
                return_document=True,
            )
        return await self.rotate(name, now) if changed is None else Subscription.model_validate(changed)

    async def filter(self, name: str, filters: Filters) -> Subscription | None:
        """Other filters, from where it stands on."""
        return await self._change(name, {"filters": filters.model_dump()})

    async def delete(self, name: str) -> bool:
        """Remove it, with its lanes; whether it was there."""

        async def work(session: Session) -> bool:
            gone = await self._all.delete_one({"_id": name, **self._mine}, session=session)
            if gone.deleted_count:
                await self._lanes.delete_many({"subscription": name}, session=session)
            return bool(gone.deleted_count)

        return await once_undisturbed(self._database, work)

    async def retry(self, name: str, now: datetime, customers: tuple[str, ...] = ()) -> int | None:
        """Try dead lanes again from the schedule's beginning, under the ids that they have; how many."""

        async def work(session: Session) -> int | None:
            found = await self._bump(name, {}, session)
            return None if found is None else await self._revive(name, now, customers, session)

        return await once_undisturbed(self._database, work)

    async def replay(self, name: str, asked: ReplayAsked, at: Mapping[str, int] | None, now: datetime) -> bool | None:
        """Send again what was sent since; dead lanes of those customers are tried again too. False while one runs."""
        wanted = {"id": new_id(), "since": asked.since, "customers": [*asked.customers], "types": [*asked.types]}

        async def work(session: Session) -> bool | None:
            found = await self._all.find_one({"_id": name, **self._mine}, session=session)
            if found is None:
                return None
            if found.get("replay") is not None:
                return False
            cursors: Mapping[str, int] = found.get("cursors") or {}
            begin = None if at is None else {one: min(at.get(one, end), end) for one, end in cursors.items()}
            await self._bump(name, {"replay": {**wanted, "at": begin, "until": dict(cursors)}}, session)
            await self._revive(name, now, asked.customers, session)
            return True

        return await once_undisturbed(self._database, work)

    async def backfill(self, name: str, now: datetime) -> bool | None:
        """Tell how all customers stand, then the changes; dead lanes are tried again. False while it runs."""

        async def work(session: Session) -> bool | None:
            found = await self._all.find_one({"_id": name, **self._mine}, session=session)
            if found is None:
                return None
            if found.get("backfill") is not None:
                return False
            await self._bump(name, {"backfill": {"id": new_id(), "after": ""}}, session)
            await self._revive(name, now, (), session)
            return True

        return await once_undisturbed(self._database, work)

    async def health(self, name: str) -> dict[str, Any]:
        """How many customers are parked, how many of them are dead, and when the next attempt is."""
        async with transient_errors():
            parked = await self._lanes.count_documents({"subscription": name})
            dead = await self._lanes.count_documents({"subscription": name, "next_at": None})
            query = {"subscription": name, "next_at": {"$ne": None}}
            first = await self._lanes.find_one(query, sort=[("next_at", 1)])
        return {"parked": parked, "dead": dead, "next_attempt": None if first is None else first["next_at"]}

    async def parked(self, name: str) -> list[dict[str, Any]]:
        """Customers that are parked, the dead ones first."""
        async with transient_errors():
            found = await self._lanes.find({"subscription": name}).sort("next_at", 1).to_list(MAX_LISTED)
        return [
            {
                "customer": one["customer"],
                "first_sequence": f"{one['pending'][0][2]:016}",
                "waiting": len(one["pending"]),
                "failed": one["failed"],
                "next_attempt": one["next_at"],
                "dead": one["next_at"] is None,
                "since": one["since"],
                "why": one["why"],
            }
            for one in found
        ]

    async def _change(self, name: str, fields: Document) -> Subscription | None:
        async with transient_errors():
            found = await self._bump(name, fields)
        return None if found is None else Subscription.model_validate(found)

    async def _bump(self, name: str, fields: Document, session: Session | None = None) -> Document | None:
        change: Document = {"$inc": {"version": 1}, **({"$set": fields} if fields else {})}
        found: Document | None = await self._all.find_one_and_update(
            {"_id": name, **self._mine}, change, return_document=True, session=session
        )
        return found

    async def _revive(self, name: str, now: datetime, customers: tuple[str, ...], session: Session) -> int:
        query: Document = {"subscription": name, "next_at": None}
        if customers:
            query["customer"] = {"$in": [*customers]}
        done = await self._lanes.update_many(query, {"$set": {"next_at": now, "failed": 0}}, session=session)
        return int(done.modified_count)
