"""Where delivery keeps its courses in MongoDB, and who delivers which. All methods raise Transient.

A subscription's document is the fence: each transaction changes it first, where it is still this process's and no
command has changed it since, and then its lanes. The server's clock is the only one for leases.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import DeleteOne, ReplaceOne

from services.delivery.courier import STEP_CHANGES
from services.delivery.rules.course import Backfill, Course, Item, Lane, Notice, Replay, Writes
from shared.errors import Moved
from shared.keys import EVERYTHING, OWN, ApiKey
from shared.mongo import Database, Document, transaction, transient_errors
from shared.mongo.subscriptions import COLLECTION, LANES, new_id
from shared.subscriptions import MAX_SUBSCRIPTIONS, Subscription, scopes_lost


class CourseStore:
    """Courses and leases of one process. owner: its name; key: the API key of an id, if it is active."""

    def __init__(
        self, database: Database, owner: str, lease_seconds: float, key: Callable[[str, datetime], ApiKey | None]
    ) -> None:
        self._database, self._owner, self._key = database, owner, key
        self._lease = timedelta(seconds=lease_seconds)
        self._all, self._lanes = database[COLLECTION], database[LANES]

    async def _now(self) -> datetime:
        async with transient_errors():
            found: datetime = (await self._database.command("hello"))["localTime"]
        return found.replace(tzinfo=UTC)

    # Leases

    async def take(self, known: Collection[str]) -> list[Subscription]:
        """Take those that nobody delivers, or whose process gave no sign of life."""
        now = await self._now()
        free = [{"owner": None}, {"lease_until": {"$lt": now}}]
        query: Document = {"_id": {"$nin": [*known]}, "status": "active", "$or": free}
        mine: list[Subscription] = []
        async with transient_errors():
            for one in await self._all.find(query, {"_id": 1}).to_list(MAX_SUBSCRIPTIONS):
                change = {"$set": {"owner": self._owner, "lease_until": now + self._lease}, "$inc": {"version": 1}}
                taken = await self._all.find_one_and_update({**query, "_id": one["_id"]}, change, return_document=True)
                if taken is not None:
                    mine.append(Subscription.model_validate(taken))
        return mine

    async def again(self, subscription: str) -> Subscription | None:
        """As it is now, if this process has it still."""
        async with transient_errors():
            found = await self._all.find_one({"_id": subscription, "owner": self._owner})
        return None if found is None else Subscription.model_validate(found)

    async def release(self, subscription: str) -> None:
        """Somebody else may take it."""
        async with transient_errors():
            change = {"$unset": {"owner": "", "lease_until": ""}}
            await self._all.update_one({"_id": subscription, "owner": self._owner}, change)

    async def beat(self, subscription: Subscription, behind: int, *, stands_still: bool) -> None:
        """Renew the lease, and say how it stands. Stops it where its API key is no more what it was."""
        now = await self._now()
        fields: Document = {"lease_until": now + self._lease, "behind": behind, "stands_still": stands_still}
        if not self._may(subscription, now):
            fields |= {"status": "stopped", "why": "its API key is gone, or has other rights than when it was made"}
        async with transient_errors():
            done = await self._all.update_one(self._fence(subscription), {"$set": fields})
        if not done.matched_count or "status" in fields:
            raise Moved(f"subscription {subscription.id} is not this process's as it was")

    def _may(self, subscription: Subscription, now: datetime) -> bool:
        if not subscription.key:
            return True  # the operator's, who made it on the command line
        key = self._key(subscription.key, now)
        return key is not None and not scopes_lost(subscription, key.scopes, key.rows)

    def _fence(self, subscription: Subscription) -> Document:
        return {"_id": subscription.id, "owner": self._owner, "version": subscription.version}

    # Courses

    async def load(self, subscription: Subscription, ends: Mapping[int, int]) -> Course:
        """Where it stands; one that is new stands at these ends. Raises Moved where it was changed meanwhile."""
        now = await self._now()
        if not self._may(subscription, now):
            await self.beat(subscription, 0, stands_still=False)
        cursors = begun(subscription.cursors, ends)
        fields: Document = {"cursors": _written(cursors)}
        async with transient_errors():
            done = await self._all.update_one(self._fence(subscription), {"$set": fields})
            if not done.matched_count:
                raise Moved(f"subscription {subscription.id} is not this process's as it was")
            found = await self._lanes.find({"subscription": subscription.id}).to_list(None)
        lanes = {one["customer"]: _lane(one) for one in found}
        notice, replay = subscription.notice, subscription.replay
        return Course(
            cursors,
            lanes,
            replay=None if replay is None else Replay(replay["id"], _read(replay["at"]), _read(replay["until"])),
            notice=None if notice is None else Notice(**notice),
            not_before=subscription.not_before,
            backfill=None if subscription.backfill is None else Backfill(**subscription.backfill),
        )

    async def commit(self, subscription: Subscription, writes: Writes) -> None:
        """Store it in one transaction."""
        fields: Document = {
            "cursors": _written(writes.cursors),
            "notice": None if writes.notice is None else asdict(writes.notice),
            "not_before": writes.not_before,
            "status": writes.status,
            "why": writes.why,
            "backfill": None if writes.backfill is None else asdict(writes.backfill),
        }
        if writes.replay is None:
            fields["replay"] = None
        else:
            fields["replay.at"] = _written(writes.replay.at)
        if writes.delivered_at is not None:
            fields["delivered_at"] = writes.delivered_at
        async with transaction(self._database) as session:
            done = await self._all.update_one(self._fence(subscription), {"$set": fields}, session=session)
            if not done.matched_count:
                raise Moved(f"subscription {subscription.id} is not this process's as it was")
            changes = [_change(subscription.id, customer, lane) for customer, lane in writes.lanes.items()]
            if changes:
                await self._lanes.bulk_write(changes, ordered=False, session=session)

    async def set_replay(self, subscription: Subscription, at: Mapping[int, int]) -> None:
        """Where a replay begins that was asked for by an instant."""
        async with transient_errors():
            change = {"$set": {"replay.at": _written(at)}}
            done = await self._all.update_one(self._fence(subscription), change)
        if not done.matched_count:
            raise Moved(f"subscription {subscription.id} is not this process's as it was")

    # Whose customers are, and in which tier

    async def wanted(self, subscription: Subscription, customers: Collection[str]) -> Collection[str]:
        """Those whose change may be sent, by today's owners, teams and tiers."""
        filters, mine = subscription.filters, {*customers}
        async with transient_errors():
            for owners in (await self._rows(subscription.rows), filters.owners or None):
                if owners is not None:
                    query = {"_id": {"$in": [*mine]}, "owned_by": {"$in": [*owners]}}
                    mine = {one["_id"] async for one in self._database["owned_keys"].find(query, {"_id": 1})}
            if filters.tiers:
                query = {"_id": {"$in": [*mine]}, "tier": {"$in": [*filters.tiers]}}
                mine = {one["_id"] async for one in self._database["customer_keys_by_net"].find(query, {"_id": 1})}
        return mine

    async def rows(self, after: str) -> Sequence[str]:
        """Ids of customers behind this one, in order."""
        query = {"_id": {"$gt": after}}
        async with transient_errors():
            found = self._database["customer_keys_by_net"].find(query, {"_id": 1}).sort("_id", 1).limit(STEP_CHANGES)
            return [one["_id"] async for one in found]

    async def row(self, customer: str) -> Mapping[str, Any] | None:
        """What the public changes say of a customer: the tier."""
        async with transient_errors():
            found = await self._database["customer_keys_by_net"].find_one({"_id": customer}, {"tier": 1})
        return None if found is None else {"tier": found.get("tier")}

    async def _rows(self, rows: str) -> Collection[str] | None:
        kind, _, whose = rows.partition(":")
        if rows == EVERYTHING:
            return None
        if kind == OWN:
            return (whose,)
        return [one["_id"] async for one in self._database["representative_keys"].find({"team": whose}, {"_id": 1})]

    async def counts(self) -> Mapping[str, int]:
        """For the metrics: of all subscriptions, by status; lanes that are parked, and dead."""
        async with transient_errors():
            found: dict[str, int] = {}
            async for one in self._all.find({}, {"status": 1, "stands_still": 1, "behind": 1}):
                found[one["status"]] = found.get(one["status"], 0) + 1
                found["stands_still"] = found.get("stands_still", 0) + bool(one.get("stands_still"))
                found["behind"] = max(found.get("behind", 0), one.get("behind") or 0)
            found["parked"] = await self._lanes.count_documents({})
            found["dead"] = await self._lanes.count_documents({"next_at": None})
        return found

    new_id = staticmethod(new_id)


def begun(stored: Mapping[str, int] | None, ends: Mapping[int, int]) -> dict[int, int]:
    """Where each partition is read from; ends: of the topic, where what is new stands. All partitions: a position that
    names only some of them must not leave the others unread for good.
    """
    return {partition: (stored or {}).get(str(partition), end) for partition, end in ends.items()}


def _written(places: Mapping[int, int]) -> dict[str, int]:
    return {str(partition): at for partition, at in places.items()}


def _read(places: Mapping[str, int]) -> dict[int, int]:
    return {int(partition): at for partition, at in places.items()}


def _lane(found: Document) -> Lane:
    partition, customer = found["partition"], found["customer"]
    pending = tuple(Item(partition, offset, customer, number, replay) for offset, replay, number in found["pending"])
    return Lane(pending, found["failed"], found["next_at"], found["since"], found["why"])


def _change(subscription: str, customer: str, lane: Lane | None) -> Any:
    name = {"_id": f"{subscription}/{customer}"}
    if lane is None:
        return DeleteOne(name)
    document = {
        "subscription": subscription,
        "customer": customer,
        "partition": lane.pending[0].partition,
        "pending": [[one.offset, one.replay, one.sequence] for one in lane.pending],
        "failed": lane.failed,
        "next_at": lane.next_at,
        "since": lane.since,
        "why": lane.why,
    }
    return ReplaceOne(name, document, upsert=True)
