"""The steps of a relog; each can be repeated, so that an interrupted run continues when it is run again.

1. Stop all writes: the services' groups have no members, and the old log accepts no more records. 2. Copy the log in
order, each key to its new partition, texts that stand on it moved to `texts`, and read the copy to verify it. 3. Grow
the inbox and guanxi.rejected in place: records keep their partition and offset, so claims and what readers skip stay
valid. Copy guanxi.tiers aside and back, as its keys change partitions. 4. Fold the copy into a new generation of each
service's views, up to exactly the service's position. 5. In one transaction carry over what is pending and make the new
log and views the current ones. Switch the views.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from operations.progress import Steps
from operations.rebuild.run import now
from operations.relog.texts import TextsMoved
from services import SERVICES
from services.ingest.settings import key_bytes
from services.ingest.store import check_person_key
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
from shared.service import FoldingService
from shared.settings import Settings
from shared.topics import INBOX, LOG, REJECTED, TIERS

ASIDE = ".relog"
"""Ends the name of the topic that guanxi.tiers is copied to and back from."""


@dataclass(slots=True)
class Outcome:
    """The result of a relog: the new settings, records copied, records folded by service, keys carried over."""

    settings: Settings
    copied: int
    folded: dict[str, int] = field(default_factory=dict)
    carried: dict[str, int] = field(default_factory=dict)


async def relog(settings: Settings, database: Database, partitions: int, *, note: Callable[[str], None]) -> Outcome:
    """Copy the log into its next generation. Raises Stop if it can't be copied, Transient if a server does not
    answer.
    """
    if partitions % settings.partitions:
        raise Stop(
            f"{partitions} is not a multiple of {settings.partitions}: each new partition must come from one old one, "
            f"so that its order stays; use for example {2 * settings.partitions}"
        )
    async with TopicAdmin(settings) as admin:
        await refuse_running(settings, admin)
        await check_person_key(database, key_bytes(settings.person_key))  # ids of texts are made with it
        begun = await begin_relog(database, settings.log_generation, partitions)
        later = settings.model_copy(update={"partitions": partitions, "log_generation": begun.generation})
        note(
            f"log generation {settings.log_generation}, {settings.partitions} partitions, is being copied into the "
            "next one"
        )
        return await _Relogging(settings, later, database, admin, begun, note).run()


async def refuse_running(settings: Settings, admin: TopicAdmin) -> None:
    """Raises Stop while a service runs that writes the inbox, or reads the inbox or the log."""
    must_end = [one for one in SERVICES.values() if INBOX in one.writes or {INBOX, LOG} & {*one.reads}]
    active = await admin.active([service.group(settings) for service in must_end])
    if active:
        names = [service.name for service in must_end]
        raise Stop(f"{', '.join(active)} still runs: stop {', '.join(names[:-1])} and {names[-1]} first")


async def abandon(settings: Settings, database: Database) -> str:
    """Abandon an unfinished relog: reopen the old log and delete the copy. Raises Stop if there is none."""
    begun = await relog_under_way(database)
    if begun is None:
        raise Stop("no relog is unfinished")
    if begun.tiers != "":
        raise Stop(
            "guanxi.tiers is being copied to its new partitions; run the relog again, it completes within a minute"
        )
    later = settings.model_copy(update={"partitions": begun.partitions, "log_generation": begun.generation})
    async with TopicAdmin(settings) as admin:
        await admin.delete(LOG.full_name(later))
        await admin.configure(LOG.full_name(settings), LOG.config())
    await end_relog(database)
    return f"log generation {settings.log_generation} stays current and is open again"


class _Relogging:
    """One run."""

    def __init__(
        self,
        settings: Settings,
        later: Settings,
        database: Database,
        admin: TopicAdmin,
        begun: Relog,
        note: Callable[[str], None],
    ) -> None:
        self._settings, self._later, self._database = settings, later, database
        self._admin, self._begun = admin, begun
        self._token, self._steps = secrets.token_hex(8), Steps(note)

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
        cuts = {service: await self._live_offsets(service) for service in SERVICES.folding}
        copy = Copy(
            self._settings,
            source,
            target,
            self._later.partitions,
            cuts,
            change=TextsMoved(self._settings, self._database),
        )
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
            rebuilds = [await self._rebuild(one) for one in SERVICES.folding.values()]
            done = [(await stack.enter_async_context(one), reached[one.domain.service]) for one in rebuilds]
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

    async def _rebuild(self, service: FoldingService[Any]) -> Rebuild:
        domain = await service.domain(self._database, self._later)
        return Rebuild(
            self._later,
            self._database,
            service.schema,
            domain,
            token=self._token,
            now=now,
            log_generation=self._begun.generation,
        )
