"""The steps of a relog; each can be done again, so that an interrupted run goes on when it is run again.

1. Nobody writes: the services' groups have no members, and the old log takes no record any more.
2. Copy the log in order, keys to the partitions that they have among more, and read the copy to prove it.
3. Grow the inbox and guanxi.rejected in place: a record's partition and offset stay, and with them the identity of
   claims and of what readers skip. Copy guanxi.tiers aside and back, as its keys change partitions.
4. Fold the copy into a new generation of each service's views, up to exactly where the service had come.
5. In one transaction carry over what is pending and make the new log and views the current ones. Point the views.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from guanxi.rebuilding.progress import Steps
from guanxi.rebuilding.run import now
from guanxi.rebuilding.services import FOLDING
from shared.errors import Stop
from shared.fold.handover import carry_over, published_after
from shared.fold.rebuild import Rebuild
from shared.kafka.alter import CLOSED, COPYING, TopicAdmin
from shared.kafka.batches import BATCH_BYTES
from shared.kafka.copying import Copy
from shared.kafka.scan import bounds
from shared.mongo import Database, transaction
from shared.mongo.generations import KEPT_FOR, current_generation
from shared.mongo.relogs import Relog, begin_relog, end_relog, relog_under_way
from shared.mongo.schema import point
from shared.mongo.states import StateStore
from shared.settings import Settings
from shared.topics import INBOX, LOG, REJECTED, TIERS

GROUPS = ("ingest", *FOLDING)
ASIDE = ".relog"
"""Ends the name of the topic that guanxi.tiers is copied to and back from."""


@dataclass(slots=True)
class Outcome:
    """What a relog did: the settings to go on with, records copied, records folded by service, keys carried over."""

    settings: Settings
    copied: int
    folded: dict[str, int] = field(default_factory=dict)
    carried: dict[str, int] = field(default_factory=dict)


async def relog(settings: Settings, database: Database, partitions: int, *, note: Callable[[str], None]) -> Outcome:
    """Copy the log into its next generation. Raises Stop when it can't be, Transient when a server does not answer."""
    if partitions % settings.partitions:
        raise Stop(
            f"{partitions} is no multiple of {settings.partitions}: a new partition must be filled from one old one, "
            f"so that the order on it stays what readers rely on; take {2 * settings.partitions}"
        )
    async with TopicAdmin(settings) as admin:
        active = await admin.active([f"{settings.topic_prefix}guanxi-{service}" for service in GROUPS])
        if active:
            raise Stop(f"{', '.join(active)} still runs: stop ingest, tiering and engagement first")
        begun = await begin_relog(database, settings.log_generation, partitions)
        later = settings.model_copy(update={"partitions": partitions, "log_generation": begun.generation})
        note(f"log generation {settings.log_generation}, {settings.partitions} partitions, is copied into the next one")
        return await _Relogging(settings, later, database, admin, begun).run()


async def abandon(settings: Settings, database: Database) -> str:
    """Give up an unfinished relog: the old log is opened again, the copy deleted. Raises Stop when there is none."""
    begun = await relog_under_way(database)
    if begun is None:
        raise Stop("no relog is under way")
    if begun.tiers != "":
        raise Stop("guanxi.tiers is between its partitions; run the relog again, it ends in a minute")
    later = settings.model_copy(update={"partitions": begun.partitions, "log_generation": begun.generation})
    async with TopicAdmin(settings) as admin:
        await admin.delete(LOG.full_name(later))
        await admin.configure(LOG.full_name(settings), LOG.config())
    await end_relog(database)
    return f"log generation {settings.log_generation} is the current one still, and open again"


class _Relogging:
    """One run."""

    def __init__(
        self,
        settings: Settings,
        later: Settings,
        database: Database,
        admin: TopicAdmin,
        begun: Relog,
    ) -> None:
        self._settings, self._later, self._database = settings, later, database
        self._admin, self._begun = admin, begun
        self._token, self._steps = secrets.token_hex(8), Steps()

    async def run(self) -> Outcome:
        with self._steps:
            await self._admin.configure(LOG.full_name(self._settings), LOG.config() | CLOSED)
            copy = await self._copy_log()
            await self._grow()
            outcome = Outcome(self._later, sum(copy.digests.counts.values()))
            await self._fold(copy.reached, outcome)
        return outcome

    async def _copy_log(self) -> Copy:
        source, target = LOG.full_name(self._settings), LOG.full_name(self._later)
        await self._admin.make(target, self._later.partitions, LOG.config() | COPYING)
        cuts = {service: await self._live_offsets(service) for service in FOLDING}
        copy = Copy(self._settings, source, target, self._later.partitions, cuts)
        await self._run(copy, f"copying {source}")
        await self._admin.configure(target, LOG.config())
        return copy

    async def _run(self, copy: Copy, what: str) -> None:
        step = self._steps.step(what, sum((await bounds(self._settings, copy.source)).ends.values()))
        async for count in copy.run(max_record_bytes=BATCH_BYTES):
            step.add(count)

    async def _live_offsets(self, service: str) -> dict[int, int]:
        live = await current_generation(self._database, service)
        store = StateStore(self._database, service, live, self._settings.log_generation)
        stored = await store.progress(range(self._settings.partitions))
        return {partition: progress.offset for partition, progress in stored.items()}

    async def _grow(self) -> None:
        for topic in (INBOX, REJECTED):
            await self._admin.grow(topic.full_name(self._settings), self._later.partitions)
        tiers = TIERS.full_name(self._settings)
        if self._begun.tiers == "done" or await self._admin.partitions(tiers) == self._later.partitions:
            return
        aside = tiers + ASIDE
        if self._begun.tiers != "aside":
            plain = {"retention.ms": "-1", **COPYING}
            await self._admin.make(aside, self._later.partitions, plain)
            await self._run(Copy(self._settings, tiers, aside, self._later.partitions), f"copying {tiers}")
            await self._begun.note(self._database, "aside")
        await self._admin.delete(tiers)
        await self._admin.make(tiers, self._later.partitions, TIERS.config() | COPYING)
        await self._run(Copy(self._settings, aside, tiers, self._later.partitions), f"copying {tiers} back")
        await self._admin.configure(tiers, TIERS.config())
        await self._begun.note(self._database, "done")
        await self._admin.delete(aside)

    async def _fold(self, reached: Mapping[str, Mapping[int, int]], outcome: Outcome) -> None:
        async with AsyncExitStack() as stack:
            done = [(await stack.enter_async_context(await self._rebuild(one)), reached[one]) for one in FOLDING]
            for rebuild, offsets in done:
                service = rebuild.domain.service
                step = self._steps.step(f"folding {service}", sum(offsets.values()))
                async for count in rebuild.fold(offsets):
                    step.add(count)
                outcome.folded[service] = sum(offsets.values())
            await self._take_over(done, outcome)
            for rebuild, _ in done:
                await point(self._database, rebuild.schema, rebuild.target)

    async def _take_over(self, done: Sequence[tuple[Rebuild, Mapping[int, int]]], outcome: Outcome) -> None:
        waiting = [await published_after(rebuild, offsets) for rebuild, offsets in done]
        for rebuild, _ in done:
            await rebuild.generations.close(rebuild.live, rebuild.target, self._token, now())
        async with transaction(self._database) as session:
            for (rebuild, offsets), keys in zip(done, waiting, strict=True):
                outcome.carried[rebuild.domain.service] = await carry_over(rebuild, session, keys)
                await rebuild.generations.hand_over(
                    session, rebuild.live, rebuild.target, self._token, now() + KEPT_FOR, offsets=offsets
                )
            await end_relog(self._database, self._begun.generation, session=session)

    async def _rebuild(self, service: str) -> Rebuild:
        folding = FOLDING[service]
        domain: Any = await folding.make_domain(self._database, self._later)
        return Rebuild(
            self._later,
            self._database,
            folding.schema,
            domain,
            token=self._token,
            now=now,
            log_generation=self._begun.generation,
        )
