"""The whole demo: from nothing to working views, and back to nothing."""

import asyncio
import os
import shutil
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from guanxi.reading.console import Narrator
from guanxi.reading.explain import explain
from local.demo import report
from local.demo.door import Door
from local.demo.latency import Latencies, over_http
from local.demo.live import EVENTS_PER_SECOND, live_phase
from local.demo.stage import POLICY, ZONE, Story, import_story, wait_for_views, write_story
from local.stack.backing import Backing, backing
from local.stack.errors import StackError
from local.stack.services import STORING, Services
from services.engagement.questions import EngagementQuestions
from services.tiering.questions import TierQuestions
from shared.keys.edit import create_key
from shared.mongo import Database, connect
from shared.settings import Settings

KEPT = Path(".guanxi")
"""Where data are kept, unless another folder is named."""
SWEEP_EVERY_SECONDS = 2
"""So that customers are brought up to today soon after the import; in production it is an hour."""


@dataclass(frozen=True, slots=True)
class Options:
    """seed: of the simulation; data: folder to keep everything in, None to leave nothing."""

    seed: int
    data: Path | None


async def demo(narrator: Narrator, options: Options) -> None:
    """Runs it. Raises StackError, or a GuanxiError, that says what could not be done."""
    _refuse_given_servers()
    today = datetime.now(ZONE).date()
    _introduce(narrator, options)
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(
            backing(narrator.step, data=options.data, keep=options.data is not None)
        )
        keys_file = servers.folder / "keys.yaml"
        _, token = create_key(keys_file, ["*"], now=datetime.now(UTC))
        services = await stack.enter_async_context(
            Services(servers, narrator.step, settings=_environment(keys_file), names=STORING)
        )
        await _unless_one_ends(servers, services, _play(narrator, options, servers, services, token, today))
    _part(narrator, options)


def _refuse_given_servers() -> None:
    given = [name for name in ("GUANXI_KAFKA_BOOTSTRAP", "GUANXI_MONGO_URI") if os.environ.get(name)]
    if given:
        raise StackError(f"the demo uses only its own servers; unset {' and '.join(given)}")


def _environment(keys_file: Path) -> dict[str, str]:
    return {
        "GUANXI_TIME_ZONE": ZONE.key,
        "GUANXI_POLICY": str(POLICY),
        "GUANXI_API_KEYS_FILE": str(keys_file),
        "GUANXI_SWEEP_EVERY_SECONDS": str(SWEEP_EVERY_SECONDS),
    }


async def _play(
    narrator: Narrator, options: Options, servers: Backing, services: Services, token: str, today: date
) -> None:
    settings = Settings(
        kafka_bootstrap=servers.kafka_bootstrap, mongo_uri=SecretStr(servers.mongo_uri), time_zone=ZONE.key
    )
    database = connect(settings)
    try:
        story = await _simulate(narrator, servers.folder, today, options.seed)
        began = narrator.seconds
        tally = await import_story(settings, story, today - timedelta(days=1), servers.folder, narrator)
        await wait_for_views(settings, database, narrator)
        seconds = narrator.seconds - began
        report.show_import(narrator, tally, story.invoices.rows, story.simulated)
        largest = await report.show_views(narrator, database, today)
        live = await _live(narrator, database, services, token)
        report.show_speed(narrator, tally.admitted, seconds, live, servers.kafka.what, EVENTS_PER_SECOND)
        await _explain(narrator, database, largest)
    finally:
        database.client.close()


async def _simulate(narrator: Narrator, folder: Path, today: date, seed: int) -> Story:
    story = await asyncio.to_thread(write_story, folder, today - timedelta(days=1), seed)
    first, last = story.invoices.first_on, story.invoices.last_on
    narrator.step(f"{story.simulated:,} events simulated around {len(story.invoices.customers):,} real customers")
    narrator.step(f"importing {story.invoices.rows:,} invoices and the simulated events, moved to {first} - {last}")
    return story


async def _live(narrator: Narrator, database: Database, services: Services, token: str) -> Latencies:
    narrator.heading("Live: events through the HTTP door, on customers set aside")
    async with Door(services.url(), token) as door:

        def show(done: int, total: int) -> None:
            narrator.moving(f"{done:,} of {total:,} sent, {EVENTS_PER_SECOND:.0f} a second", last=done == total)

        return await live_phase(over_http(door), database, datetime.now(UTC), show)


async def _explain(narrator: Narrator, database: Database, customer: str) -> None:
    narrator.heading(f"One customer in full: guanxi explain {customer}")
    row, history = await TierQuestions(database).customer(customer)
    questions = EngagementQuestions(database)
    if row is not None:
        engagement, names = await questions.customer(customer), await questions.names_of_representatives()
        narrator.say(explain(row, history, engagement, names))


async def _unless_one_ends(servers: Backing, services: Services, play: Coroutine[Any, Any, None]) -> None:
    """Plays on, unless a process of the stack ends meanwhile: then that is what there is to say."""
    playing = asyncio.create_task(play)
    ends = [asyncio.create_task(servers.first_end()), asyncio.create_task(services.first_end())]
    try:
        done, _ = await asyncio.wait([playing, *ends], return_when=asyncio.FIRST_COMPLETED)
        if playing not in done:
            raise next(iter(done)).result()  # type: ignore[misc]
        await playing
    finally:
        for task in (playing, *ends):
            task.cancel()
        await asyncio.gather(playing, *ends, return_exceptions=True)


def _introduce(narrator: Narrator, options: Options) -> None:
    narrator.say("guanxi demo: a year of a wholesaler's customers, from the doors to the views")
    narrator.say()
    narrator.say("Real:       25,900 invoices of a UK giftware wholesaler (Online Retail, CC0), moved by whole days so")
    narrator.say("            that the last falls on yesterday; time zone Europe/London, policy wholesale-gbp. Some")
    narrator.say("            name no customer or come to zero: these are refused, each with its reason.")
    narrator.say("Simulated:  company names, representatives, who owns whom, visits and surveys; the same for the")
    narrator.say(
        f"            same seed, which is {options.seed} (--seed). Every such event has the source simulated/..."
    )
    narrator.say()


def _part(narrator: Narrator, options: Options) -> None:
    narrator.heading("How to go on")
    # `make demo` calls it by its path, and what is said must work when it is pasted.
    guanxi = "guanxi" if shutil.which("guanxi") else sys.argv[0]
    up = f"GUANXI_TIME_ZONE={ZONE.key} {guanxi} up --keep --data"
    if options.data is None:
        narrator.say("Everything has stopped and no data are left. To keep the data, and open the console on them:")
        narrator.say()
        narrator.say(f"  {guanxi} demo --keep")
        narrator.say(f"  {up} {KEPT}")
        narrator.say()
        narrator.say("The second prints the console's address, with a link to sign in by.")
        return
    narrator.say(
        f"Everything has stopped; the data are in {options.data}. To start it again, which prints the console's"
    )
    narrator.say("address, with a link to sign in by:")
    narrator.say()
    narrator.say(f"  {up} {options.data}")
    narrator.say()
    narrator.say("then, in another terminal in the same folder:")
    narrator.say()
    for line in (
        "guanxi console               another link to the console",
        "guanxi explain CUSTOMER      why a customer has its tier, and what would change it",
        "guanxi explain CUSTOMER --on 2026-01-31",
        "guanxi week                  coverage by representative; guanxi week 2026-W20",
        "guanxi today                 whom to contact next",
        "guanxi status                whether everything runs, and how fresh the views are",
    ):
        narrator.say(f"  {line.replace('guanxi', guanxi)}")
