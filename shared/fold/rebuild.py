"""Folding the log from its beginning into another generation of the views, beside the live one.

A rebuild folds and never decides (architecture.md, invariant 6): the decisions are on the log. It never passes the
live reader, since it takes over at exactly the offset that the live reader has committed (shared/fold/handover.py).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from shared.errors import Stop, Transient
from shared.fold.domain import Domain
from shared.fold.pace import rebuilding
from shared.fold.processor import LogProcessor
from shared.kafka.batches import Appender
from shared.kafka.connection import Record
from shared.kafka.tail import Tail
from shared.mongo import Database, transient_errors
from shared.mongo.generations import BUILDING, RETIRED, Generations, current_generation
from shared.mongo.schema import Schema, apply, pinned
from shared.mongo.states import StateStore
from shared.settings import Settings
from shared.topics import LOG

FRESHNESS = ("projected_at", "generation")
"""Fields that differ between two generations although they say the same."""
BATCH_RECORDS = 2_000
"""Records read at once while following the live reader."""
MAX_FAILURES = 5
"""Batches that fail one after the other before the rebuild gives up; each next one is half as large."""
STALE_AFTER = timedelta(seconds=60)
"""A rebuild that has given no sign of life for so long has died, and another one may go on with its work."""
ALIVE_EVERY_SECONDS = 10.0


class Rebuild:
    """Builds a generation of one service's views, or brings a replaced one up to date. Enter it to begin: it then goes
    on where an earlier one of the same program on the same log stopped, unless `fresh`. One at a time per service.

    log_generation: of a log that is not the current one yet (relog); `settings` name its topic.
    back: bring the generation back that was replaced last, instead of a new one.
    pace: the share of the time in which it works, in short batches; the rest is left to the live service. 1: all of
    it, in long batches, which is fastest and felt by live traffic.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        schema: Schema,
        domain: Domain[Any, Any],
        *,
        token: str,
        now: Callable[[], datetime],
        fresh: bool = False,
        back: bool = False,
        pace: float = 1.0,
        log_generation: int | None = None,
    ) -> None:
        self.settings, self.database, self.schema, self.domain = settings, database, schema, domain
        self.token, self.now = token, now
        self.generations = Generations(database, domain.service)
        self.live = self.target = self.log_generation = 0
        self._other_log = log_generation
        self.resumed = False
        self.tail = Tail(settings, LOG.full_name(settings))
        self._fresh, self._back, self._pace = fresh, back, pace
        self._alive_at = 0.0
        self._in_one = rebuilding(pace)
        self._processor: LogProcessor[Any, Any] | None = None

    async def __aenter__(self) -> Self:
        await self.generations.lease(self.token, self.now(), STALE_AFTER)
        try:
            await self._begin()
            await self.tail.__aenter__()
        except BaseException:
            await self.generations.release(self.token)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.tail.__aexit__(kind, error, trace)
        await self.generations.release(self.token)

    async def _begin(self) -> None:
        self.log_generation = self._other_log or await current_generation(self.database, "log")
        known = await self.generations.read()
        self.live = known["current"]
        kept = [one["generation"] for one in known.get("kept", ())]
        build = known.get("build")
        wanted = {
            "fold_version": self.domain.fold_version,
            "log_generation": self.log_generation,
            "partitions": self.settings.partitions,
        }
        if build is not None and build["generation"] in kept and not self._back:
            await self.generations.mark(build["generation"], RETIRED)  # a rollback that was not finished
            build = None
        if self._back:
            self.target = await self._bring_back(kept)
        elif build is not None and not self._fresh and wanted.items() <= build.items():
            self.target, self.resumed = build["generation"], True
        else:
            if build is not None:
                await self._remove(build["generation"])
            self.target = await self.generations.begin_build(wanted)
        await apply(self.database, self.schema, self.target, with_views=False)
        store = self.store(self.target, mark=BUILDING)
        appender = Appender(self.settings)  # never used: nothing is decided
        self._processor = LogProcessor(
            self.domain, store, appender, "", now=self.now, deciding=False, pace=self._in_one
        )

    async def _bring_back(self, kept: list[int]) -> int:
        if not kept:
            raise Stop(f"there is no earlier generation of {self.domain.service}")
        target = kept[-1]
        async with transient_errors():
            for name in self.schema.collections:
                other = {"fold_version": {"$gt": self.domain.fold_version}}
                found = await self.database[f"{name}_g{target}"].find_one(other, {"fold_version": 1})
                if found is not None:
                    raise Stop(
                        f"generation {target} was written by fold version {found['fold_version']}, this program's is "
                        f"{self.domain.fold_version}: run the rollback with that version's program"
                    )
            query = {"_id": {"$regex": f"^g{target}/"}, "log_generation": {"$ne": self.log_generation}}
            if await self.database[f"{self.domain.service}_positions"].find_one(query) is not None:
                raise Stop(f"generation {target} was folded from another log generation")
        await self.generations.begin_build({"fold_version": self.domain.fold_version}, target=target)
        await self.generations.mark(target, BUILDING)
        return target

    def store(self, generation: int, *, mark: str | None = None) -> StateStore:
        """The service's collections in one generation."""
        return StateStore(self.database, self.domain.service, generation, self.log_generation, mark=mark)

    async def live_offsets(self) -> dict[int, int]:
        """How far the live reader has come, by partition."""
        stored = await self.store(self.live).progress(range(self.settings.partitions))
        return {partition: progress.offset for partition, progress in stored.items()}

    async def offsets(self) -> dict[int, int]:
        """How far the new generation has come."""
        return await self._folding().positions(range(self.settings.partitions))

    async def fold(self, until: Mapping[int, int]) -> AsyncIterator[int]:
        """Fold up to these offsets; gives the number of records after each batch. Raises Transient like the live
        reader.
        """
        began = await self.offsets()
        behind = {p: (began[p], end) for p, end in until.items() if began[p] > end}
        if behind:
            raise Transient(f"the live reader is behind the new generation: {behind}")
        left = {p: end for p, end in until.items() if began[p] < end}
        if sum(end - began[p] for p, end in left.items()) <= BATCH_RECORDS:
            async for count in self._fold_all(began, left):
                yield count
            return
        for partition, end in left.items():
            async for records in self._read(partition, began[partition], end):
                async for count in self._fold_one(partition, records):
                    yield count

    async def _fold_all(self, began: Mapping[int, int], until: Mapping[int, int]) -> AsyncIterator[int]:
        """Fold the little that is left of all partitions together; what fails is tried again in smaller batches."""
        size = BATCH_RECORDS
        for left in reversed(range(MAX_FAILURES)):
            try:
                async for batches in self.tail.read(began, until, max_records=size):
                    await self._folding().process(batches)
                    yield sum(map(len, batches.values()))
            except Transient:
                if not left:
                    raise
                size, began = size // 2, await self.offsets()
            else:
                return

    async def _read(self, partition: int, begin: int, end: int) -> AsyncIterator[list[Record]]:
        """The records of one partition, as many at a time as make a batch."""
        held: list[Record] = []
        async for batches in self.tail.read({partition: begin}, {partition: end}, max_records=self._in_one.most):
            held += batches[partition]
            if len(held) >= self._in_one.records:
                yield held
                held = []
        if held:
            yield held

    async def _fold_one(self, partition: int, records: list[Record]) -> AsyncIterator[int]:
        """Fold records of one partition, in batches fitted to the servers; what fails is tried again in smaller."""
        processor, failures = self._folding(), 0
        while records:
            some, at = records[: self._in_one.records], time.monotonic()
            try:
                await processor.process({partition: some})
            except Transient:
                failures += 1
                if failures > MAX_FAILURES:
                    raise
                stored = (await processor.positions([partition]))[partition]
                some = [record for record in records if record.offset < stored]  # it went through after all
            else:
                failures, took = 0, time.monotonic() - at
                await self._alive()
                if self._pace < 1.0:
                    await asyncio.sleep(min(took, self._in_one.seconds) * (1.0 / self._pace - 1.0))
            records = records[len(some) :]
            yield len(some)

    async def remove(self) -> None:
        """Drop what was built; a generation that was brought back is kept as it is."""
        known = await self.generations.read()
        if any(one["generation"] == self.target for one in known.get("kept", ())):
            await self.generations.mark(self.target, RETIRED)
            await self.generations.forget_build()
        else:
            await self._remove(self.target)

    async def _remove(self, generation: int) -> None:
        await drop(self.database, self.schema, generation)
        async with transient_errors():
            await self.database[f"{self.schema.service}_positions"].delete_many(
                {"_id": {"$regex": f"^g{generation}/"}, "closed": BUILDING}
            )
        await self.generations.forget_build()

    async def _alive(self) -> None:
        if time.monotonic() - self._alive_at > ALIVE_EVERY_SECONDS:
            self._alive_at = time.monotonic()
            await self.generations.lease(self.token, self.now(), STALE_AFTER)

    def _folding(self) -> LogProcessor[Any, Any]:
        assert self._processor is not None, "entered before it is used"
        return self._processor


async def drop(database: Database, schema: Schema, generation: int) -> None:
    """Drop a generation's collections and what its quarantine holds; its positions stay."""
    async with transient_errors():
        for view in schema.views:
            await database[pinned(view.name, generation)].drop()
        for name in schema.collections:
            await database[f"{name}_g{generation}"].drop()
        await database[f"{schema.service}_quarantine"].delete_many({"_id": {"$regex": f"^g{generation}/"}})


async def clean(database: Database, schema: Schema, now: datetime, *, all_of_them: bool = False) -> list[int]:
    """Remove the replaced generations whose time has passed, or all of them; gives which."""
    generations = Generations(database, schema.service)
    gone = [one.generation for one in await generations.kept() if all_of_them or one.until <= now]
    for generation in gone:
        await drop(database, schema, generation)
        await generations.removed(generation)
    return gone
