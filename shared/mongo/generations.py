"""Which generation of what is current: the inbox and the log on Kafka, the views of each service.

A service's views are rebuilt beside the live ones and then handed over. The positions of a generation say what it
is in: open, the live one, has no `closed`; `building` belongs to a rebuild; while a handover runs, the live one's carry
the handover's token, so that no batch of it can commit; `retired` once another generation has taken over.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.errors import DuplicateKeyError

from shared.errors import Stop, Transient
from shared.mongo import Database, Document, transaction, transient_errors
from shared.settings import Settings

COLLECTION = "generations"
FIRST = 1
BUILDING, RETIRED = "building", "retired"
KEPT_FOR = timedelta(days=1)
"""How long a generation that was replaced stays: readers that page through it finish, and a rollback finds it."""
HANDOVER_LASTS = timedelta(seconds=30)
"""After so long without an end a handover is given up and the live generation opened again. Longer than a transaction
may stay open (10 s), which a handover has to wait for."""
LOOK_AGAIN_SECONDS = 0.02
"""How often a reader that met a handover looks whether it is over."""


async def current_generation(database: Database, of: str) -> int:
    """The current generation of "inbox", "log" or a service's views; the first where none is written."""
    async with transient_errors():
        document = await database[COLLECTION].find_one({"_id": of})
    return FIRST if document is None else int(document["current"])


async def log_generation(database: Database, settings: Settings) -> int:
    """The log's generation, for who reads or writes it. Raises Stop when the settings name another one, Transient while
    a relog or a restore is under way.
    """
    async with transient_errors():
        document = await database[COLLECTION].find_one({"_id": "log"}) or {"current": FIRST}
    if "relog" in document:
        raise Transient("'guanxi relog' is copying the log; nothing may read or write it until it completes")
    if "restore" in document:
        raise Transient("'guanxi restore' is restoring a backup; nothing may read or write until it completes")
    generation = int(document["current"])
    if generation != settings.log_generation:
        raise Stop(f"this system's log is generation {generation}: set GUANXI_LOG_GENERATION={generation}")
    return generation


async def log_epoch(database: Database) -> int:
    """Rises whenever the log goes on with something left out: not with a plain relog, which leaves out nothing."""
    async with transient_errors():
        document = await database[COLLECTION].find_one({"_id": "log"}) or {}
    return int(document.get("epoch", 0))


async def raise_log_epoch(database: Database, at: datetime) -> None:
    """The log goes on without some of what was on it, as after a restore: who counted must count anew. The instant
    makes it higher than any before, also one that the log no longer knows of.
    """
    async with transient_errors():
        await database[COLLECTION].update_one({"_id": "log"}, {"$max": {"epoch": int(at.timestamp())}})


async def begin_generations(database: Database, names: Iterable[str]) -> None:
    """Write down the first generation of each where none is."""
    async with transient_errors():
        for name in names:
            try:
                await database[COLLECTION].update_one({"_id": name}, {"$setOnInsert": {"current": FIRST}}, upsert=True)
            except DuplicateKeyError:
                continue  # another set-up was quicker


async def taken_over(database: Database, service: str, generation: int) -> int:
    """The generation to go on with, for a reader of `generation` whose positions are closed: waits while a handover
    runs, and opens the positions again after one that did not end. Raises Stop where they are closed for good.
    """
    while True:
        async with transient_errors():
            document = await database[COLLECTION].find_one({"_id": service}) or {"current": FIRST}
        if document["current"] != generation:
            return int(document["current"])
        handover = document.get("handover")
        if handover is None:
            if await _is_open(database, service, generation):
                return generation
            raise Stop(f"the positions of {service}'s generation {generation} are closed, and no handover runs")
        if handover["until"] < datetime.now(UTC):
            await give_up_handover(database, service, generation, handover["token"])
            return generation
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def give_up_handover(database: Database, service: str, generation: int, token: str) -> None:
    """Open the positions that a handover has closed, unless it has ended meanwhile."""
    async with transaction(database) as session:
        ended = await database[COLLECTION].update_one(
            {"_id": service, "current": generation, "handover.token": token},
            {"$unset": {"handover": ""}},
            session=session,
        )
        if ended.matched_count:
            await database[f"{service}_positions"].update_many(
                {"closed": token}, {"$unset": {"closed": ""}}, session=session
            )


async def _is_open(database: Database, service: str, generation: int) -> bool:
    """Whether a handover was given up between two looks."""
    async with transient_errors():
        closed = await database[f"{service}_positions"].count_documents(
            {"_id": {"$regex": f"^g{generation}/"}, "closed": {"$ne": None}}
        )
    return closed == 0


@dataclass(frozen=True, slots=True)
class Kept:
    """A generation that was replaced, and until when it stays."""

    generation: int
    until: datetime


class Generations:
    """The generations of one service's views, for whoever builds, hands over, rolls back and removes them."""

    def __init__(self, database: Database, service: str) -> None:
        self._database, self.service = database, service
        self._all = database[COLLECTION]
        self._positions = database[f"{service}_positions"]

    async def read(self) -> Document:
        """What is written down: `current`, and where there is any, `highest`, `build`, `handover`, `kept`."""
        async with transient_errors():
            return await self._all.find_one({"_id": self.service}) or {"_id": self.service, "current": FIRST}

    async def kept(self) -> list[Kept]:
        """The replaced generations that are there still, the oldest first."""
        return [Kept(one["generation"], one["until"]) for one in (await self.read()).get("kept", ())]

    async def lease(self, token: str, now: datetime, stale_after: timedelta) -> None:
        """Let one rebuild work at a time. Raises Transient while another one gives signs of life."""
        await begin_generations(self._database, [self.service])
        async with transient_errors():
            free = [
                {"builder": None},
                {"builder.token": token},
                {"builder.alive_at": {"$lt": now - stale_after}},
            ]
            taken = await self._all.update_one(
                {"_id": self.service, "$or": free}, {"$set": {"builder": {"token": token, "alive_at": now}}}
            )
        if not taken.matched_count:
            raise Transient(f"another rebuild of {self.service} is running")

    async def release(self, token: str) -> None:
        """Let others work."""
        async with transient_errors():
            await self._all.update_one({"_id": self.service, "builder.token": token}, {"$unset": {"builder": ""}})

    async def begin_build(self, of: Mapping[str, int], *, target: int | None = None) -> int:
        """Note a build and what it is made `of`; gives its generation: `target` for one that is brought back, else the
        next number.
        """
        document = await self.read()
        highest = max(document.get("highest", FIRST), document["current"])
        generation = highest + 1 if target is None else target
        build = {"generation": generation, **of}
        async with transient_errors():
            await self._all.update_one(
                {"_id": self.service}, {"$set": {"build": build, "highest": max(highest, generation)}}
            )
        return generation

    async def forget_build(self) -> None:
        """Nothing is being built any more."""
        async with transient_errors():
            await self._all.update_one({"_id": self.service}, {"$unset": {"build": ""}})

    async def mark(self, generation: int, closed: str) -> None:
        """Say of all positions of a generation what it is in."""
        async with transient_errors():
            await self._positions.update_many({"_id": {"$regex": f"^g{generation}/"}}, {"$set": {"closed": closed}})

    async def close(self, live: int, target: int, token: str, now: datetime) -> None:
        """Begin a handover: from here on no batch of the live generation can commit. Waits for those that are open."""
        async with transient_errors():
            begun = await self._all.update_one(
                {"_id": self.service, "current": live, "$or": [{"handover": None}, {"handover.until": {"$lt": now}}]},
                {"$set": {"handover": {"token": token, "to": target, "until": now + HANDOVER_LASTS}}},
            )
            if not begun.matched_count:
                raise Transient(f"another handover of {self.service} is running")
            await self._positions.update_many(
                {"_id": {"$regex": f"^g{live}/"}, "closed": None}, {"$set": {"closed": token}}
            )

    async def hand_over(
        self,
        session: Any,
        live: int,
        target: int,
        token: str,
        until: datetime,
        *,
        offsets: Mapping[int, int] | None = None,
    ) -> None:
        """Inside a transaction: make `target` the current generation and retire the live one. Raises Transient when
        the handover has been given up, or when `target` is not at the live one's offsets, or at those given, where the
        two were folded from different logs.
        """
        ended = await self._all.update_one(
            {"_id": self.service, "current": live, "handover.token": token},
            {
                "$set": {"current": target},
                "$unset": {"handover": "", "build": ""},
                "$pull": {"kept": {"generation": target}},
            },
            session=session,
        )
        stands, reached = [await self._offsets(*one, session) for one in ((live, token), (target, BUILDING))]
        if not ended.matched_count or not stands or reached != (stands if offsets is None else offsets):
            raise Transient(f"the handover of {self.service} to generation {target} was overtaken")
        await self._all.update_one(
            {"_id": self.service}, {"$push": {"kept": {"generation": live, "until": until}}}, session=session
        )
        for generation, change in ((live, {"$set": {"closed": RETIRED}}), (target, {"$unset": {"closed": ""}})):
            await self._positions.update_many({"_id": {"$regex": f"^g{generation}/"}}, change, session=session)

    async def _offsets(self, generation: int, closed: str, session: Any) -> dict[int, int]:
        query = {"_id": {"$regex": f"^g{generation}/"}, "closed": closed}
        return {d["partition"]: d["offset"] async for d in self._positions.find(query, session=session)}

    async def removed(self, generation: int) -> None:
        """A replaced generation's collections are gone. Its positions stay, retired: a process that slept through it
        all must not take them for those of a generation never begun.
        """
        async with transient_errors():
            await self._all.update_one({"_id": self.service}, {"$pull": {"kept": {"generation": generation}}})
