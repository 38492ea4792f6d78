"""A whole rebuild: fold, compare, catch up, hand over; with progress."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from operations.progress import Steps
from services import SERVICES
from shared.errors import Transient
from shared.fold.compare import Compared, compare
from shared.fold.handover import HandedOver, hand_over
from shared.fold.rebuild import Rebuild, clean
from shared.mongo import Database
from shared.mongo.generations import current_generation
from shared.mongo.schema import apply
from shared.settings import Settings

NEAR_RECORDS = 500
"""How far behind the live reader a handover may begin: the live service waits while these records are folded."""
MAX_CATCH_UPS = 200
"""Rounds of catching up; a live reader that stays faster for this long can't be caught up with."""
COMPARE_ROUNDS = 20
"""Rounds in which keys that the live service has changed meanwhile are compared again."""
HANDOVER_TRIES = 3
NICENESS = 10
"""A rebuild uses the processor time that the live services leave."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of a rebuild.

    check: compare and remove; fresh: do not continue an earlier run; back: restore the generation that was replaced
    last; accept: hand over even if documents differ; pace: fraction of time spent rebuilding.
    """

    service: str
    check: bool = False
    keep: bool = False
    fresh: bool = False
    back: bool = False
    accept: bool = False
    pace: float = 1.0


@dataclass(slots=True)
class Outcome:
    """The outcome: generations, records folded and how fast, differences, and the handover if there was one."""

    live: int
    target: int
    records: int
    seconds: float
    compared: Compared
    handed_over: HandedOver | None = None


def now() -> datetime:
    """The wall clock, for signs of life and for how long something is kept."""
    return datetime.now(UTC)


async def run(settings: Settings, database: Database, asked: Asked, *, note: Callable[[str], None]) -> Outcome:
    """Rebuild a service's views. Raises Transient or Stop, with the live views in place, if it fails."""
    service = SERVICES.folds(asked.service)
    os.nice(NICENESS)
    if not asked.check:
        # A run that ended between the handover and the views is finished here.
        await apply(database, service.schema, await current_generation(database, asked.service))
        for generation in await clean(database, service.schema, now()):
            note(f"generation {generation} of {asked.service} removed: its day is over")
    rebuild = Rebuild(
        settings,
        database,
        service.schema,
        await service.domain(database, settings),
        token=secrets.token_hex(8),
        now=now,
        fresh=asked.fresh,
        back=asked.back,
        pace=asked.pace,
    )
    with Steps(note) as steps:
        async with rebuild:
            begun = "continues" if rebuild.resumed else "builds"
            note(f"{asked.service}: live is generation {rebuild.live}; {begun} generation {rebuild.target}")
            outcome = await _build(rebuild, steps)
            if not asked.check and (asked.accept or asked.back or not outcome.compared.differing):
                outcome.handed_over = await _hand_over(rebuild, note)
            elif asked.check and not asked.keep:
                await rebuild.remove()
    return outcome


async def _build(rebuild: Rebuild, steps: Steps) -> Outcome:
    name = rebuild.domain.service
    until, began = await rebuild.live_offsets(), await rebuild.offsets()
    step = steps.step(f"folding {name}", sum(until.values()) - sum(began.values()))
    async for count in rebuild.fold(until):
        step.add(count)
    records, seconds = step.done, step.seconds()
    await _catch_up(rebuild)
    found = Compared()
    comparing = steps.step(f"comparing {name}", await _documents(rebuild))
    async for count in compare(rebuild, found):
        comparing.add(count)
    for _ in range(COMPARE_ROUNDS):
        if not found.later:
            break
        await _catch_up(rebuild)
        again, found.later = found.later, []
        found.documents -= len(again)
        async for _ in compare(rebuild, found, again):
            pass
    return Outcome(rebuild.live, rebuild.target, records, seconds, found)


async def _documents(rebuild: Rebuild) -> int:
    """About how many customers to compare, on either side."""
    name, store = rebuild.domain.collection("customer:"), rebuild.store(rebuild.live)
    sides = [store.in_generation(name, generation) for generation in (rebuild.live, rebuild.target)]
    return max([int(await side.estimated_document_count()) for side in sides])


async def _catch_up(rebuild: Rebuild) -> None:
    """Fold until the new generation is near the live one."""
    for _ in range(MAX_CATCH_UPS):
        until = await rebuild.live_offsets()
        if sum([count async for count in rebuild.fold(until)]) < NEAR_RECORDS:
            return
    raise Transient(f"the live {rebuild.domain.service} is faster than the rebuild: try again with less traffic")


async def _hand_over(rebuild: Rebuild, note: Callable[[str], None]) -> HandedOver:
    for left in reversed(range(HANDOVER_TRIES)):
        await _catch_up(rebuild)
        try:
            return await hand_over(rebuild)
        except Transient as error:
            if not left:
                raise
            note(f"the handover failed, trying again: {error}")
    raise AssertionError("the last try returns or raises")
