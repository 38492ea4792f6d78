"""What query reads of MongoDB: pages of views, and where everybody stands. Every query has an end in time.

The confidential views have a reader of their own, with its own user: no bug of a filter can show them to the other.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from pymongo.errors import ExecutionTimeout

from services import SERVICES
from services.engagement.questions import stored_weeks
from services.query.changes import Ends
from services.query.changes_hub import Stands
from services.query.limits import MAX_OWNERS, MAX_QUERY_MS, OWNERS_SECONDS
from services.query.once import asked_once
from services.query.standing import FOLDING, Admitted, Reached, Standing
from shared.errors import Transient
from shared.mongo import Database, Document, Session, transient_errors
from shared.mongo.generations import COLLECTION as GENERATIONS
from shared.mongo.generations import FIRST, log_epoch
from shared.mongo.policies import COLLECTION as POLICIES
from shared.mongo.schema import pinned
from shared.mongo.states import freshness_collection, marks_collection

CLOCKS = {name: service.customers for name, service in SERVICES.folding.items()}
"""By service, the collection of customers whose clock says up to when its rows tell."""


class TooSlow(Transient):
    """A query did not end in its time."""


Ask = Callable[[], Coroutine[Any, Any, list[Document]]]


class Reader:
    """Reads views of one generation, with a session as its transaction sees them. All methods raise Transient while
    MongoDB is away, TooSlow out of time.
    """

    def __init__(self, database: Database, session: Session | None = None) -> None:
        self._database, self._session = database, session

    async def read(
        self, view: str, generation: int, conditions: Sequence[Document], limit: int | None = None
    ) -> list[Document]:
        """The documents of a view that meet all conditions, in the view's own order. They may be shared: not to be
        changed.
        """
        pipeline: list[Document] = [{"$match": {"$and": list(conditions)}}] if conditions else []
        if limit is not None:
            pipeline.append({"$limit": limit})
        return await self.group(view, generation, pipeline)

    async def weeks(
        self,
        generation: int,
        representatives: Sequence[str],
        of_week: Sequence[Document],
        fields: Collection[str] | None = None,
    ) -> list[Document]:
        """What the view rep_weeks shows of some representatives, from rows where they stand; with these fields at
        least. of_week: conditions on the week.
        """

        async def shared(question: str, read: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
            return await asked_once((self, generation, question), read)

        async def ask() -> list[Document]:
            async with _in_time():
                of = stored_weeks(self._database, generation, self._session, MAX_QUERY_MS, shared)
                return await of.read(representatives, of_week, fields)

        wanted = repr((generation, representatives, of_week, fields and sorted(fields)))
        return await self._asked(("weeks", wanted), ask)

    async def group(self, view: str, generation: int, pipeline: Sequence[Document]) -> list[Document]:
        """What a pipeline makes of a view."""
        name = pinned(view, generation)

        async def ask() -> list[Document]:
            async with _in_time():
                of = self._database[name]
                cursor = of.aggregate(list(pipeline), session=self._session, maxTimeMS=MAX_QUERY_MS)
                found: list[Document] = await cursor.to_list(None)
                return found

        return await self._asked((name, repr(pipeline)), ask)

    async def _asked(self, what: tuple[str, str], ask: Ask) -> list[Document]:
        """The answer to a question, each of which comes through here."""
        return await asked_once((self, *what), ask)


class Look:
    """Looks where everybody stands; those who ask at the same time share a look."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def standing(self) -> Standing:
        """One look. Raises Transient."""
        async with _in_time():
            documents = await self._all(GENERATIONS, {})
        current = {one["_id"]: int(one["current"]) for one in documents}
        generations = {name: current.get(name, FIRST) for name in ("inbox", "log", *FOLDING)}
        kept = {one["_id"]: {k["generation"]: k["until"] for k in one.get("kept", ())} for one in documents}
        reached: dict[str, dict[int, Reached]] = {name: {} for name in FOLDING}
        fresh: dict[str, datetime | None] = dict.fromkeys(FOLDING)
        policies = []
        async with _in_time():
            # Services before admission: what is behind is never told too small for having been read too late.
            for one in await self._told(generations):
                kind, name = one["of"]
                match kind:
                    case "policy":
                        policies.append(one["_id"])
                    case "reached":
                        at = Reached(int(one["offset"]), int(one.get("decided", 0)))
                        reached[name][int(one["_id"].partition("/")[2])] = at
                    case "fresh" if (as_of := one.get("as_of")) is not None:
                        fresh[name] = max(as_of, fresh[name] or as_of)
            admitted = await self._admitted(generations["inbox"], generations["log"])
        return Standing(generations, kept, admitted, reached, tuple(sorted(policies)), fresh)

    async def _told(self, generations: Mapping[str, int]) -> list[Document]:
        """Adopted policies, and of all services positions and clocks, in one question; `of` says what each is."""
        pipeline: list[Document] = [{"$project": {"of": {"$literal": ["policy", None]}}}]
        for name in FOLDING:
            of = CLOCKS[name]
            positions = [
                {"$match": {"_id": {"$regex": f"^g{generations[name]}/"}}},
                {"$project": {"offset": 1, "decided": 1, "of": {"$literal": ["reached", name]}}},
            ]
            clocks = [
                {"$match": {"_id": {"$gte": f"{of}/", "$lt": f"{of}0"}}},
                {"$project": {"as_of": 1, "of": {"$literal": ["fresh", name]}}},
            ]
            fresh = f"{freshness_collection(name)}_g{generations[name]}"
            pipeline += [
                {"$unionWith": {"coll": f"{name}_positions", "pipeline": positions}},
                {"$unionWith": {"coll": fresh, "pipeline": clocks}},
            ]
        found: list[Document] = await self._database[POLICIES].aggregate(pipeline, maxTimeMS=MAX_QUERY_MS).to_list(None)
        return found

    async def _admitted(self, inbox: int, log: int) -> dict[int, Admitted]:
        prefix = f"{inbox}/"
        found = await self._all("admission_positions", {"_id": {"$regex": f"^{prefix}"}})
        return {
            int(one["_id"].removeprefix(prefix)): Admitted(
                int(one["offset"]), {int(p): int(end) for p, end in one.get("ends", {}).get(str(log), {}).items()}
            )
            for one in found
        }

    async def _all(self, name: str, query: Document) -> list[Document]:
        found: list[Document] = await self._database[name].find(query).max_time_ms(MAX_QUERY_MS).to_list(None)
        return found


class FeedMarks:
    """Where on the changes a position of the log begins, and where the log stands (changes_hub.Marks)."""

    def __init__(self, database: Database, look: Look) -> None:
        self._database, self._look = database, look

    async def stands(self) -> Stands:
        """Now. Raises Transient."""
        standing = await self._look.standing()
        return Stands(await log_epoch(self._database), standing.generations["log"], standing.ends_of_log())

    async def before(self, log_generation: int, ends: Ends) -> dict[int, Sequence[int]]:
        """By partition of the log the latest mark up to there. Raises Transient."""
        marks = self._database[marks_collection("feed")]
        found: dict[int, Sequence[int]] = {}
        for partition, end in ends.items():
            query = {"log_generation": log_generation, "partition": partition, "offset": {"$lte": end}}
            async with _in_time():
                one = await marks.find_one(query, sort=[("offset", -1)], max_time_ms=MAX_QUERY_MS)
            if one is not None:
                found[partition] = one["ends"]
        return found


class Owners:
    """Whose customers are, at most OWNERS_SECONDS ago: those who send the same changes share a look."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[str, tuple[float, frozenset[str]]] = {}

    async def of(self, customers: Collection[str], generation: int) -> Mapping[str, frozenset[str]]:
        """Representatives by customer. generation: of engagement's views. Raises Transient."""
        now = asyncio.get_running_loop().time()
        known = {one: self._known[one] for one in customers if one in self._known}
        fresh = {one: owners for one, (at, owners) in known.items() if now - at < OWNERS_SECONDS}
        asked = [one for one in customers if one not in fresh]
        if asked:
            found = await self._reader.read("owned_keys", generation, [{"_id": {"$in": asked}}])
            owners = dict.fromkeys(asked, frozenset[str]()) | {
                one["_id"]: frozenset(one.get("owned_by") or ()) for one in found
            }
            if len(self._known) > MAX_OWNERS:
                self._known.clear()
            self._known |= {one: (now, owned) for one, owned in owners.items()}
            fresh |= owners
        return fresh


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    async with transient_errors():
        try:
            yield
        except ExecutionTimeout as error:
            raise TooSlow("the query did not end in time") from error


def is_owner(reps: Sequence[str]) -> dict[str, Any]:
    """The condition that one of these representatives owns a customer."""
    return {"owned_by": {"$in": list(reps)}}
