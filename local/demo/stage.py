"""The parts of the demo in their order: simulate, import, wait for the views. Each says what it does."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from guanxi.reading.console import Narrator
from local.demo.cloudevents import write_ndjson
from local.demo.customers import Invoices, read_invoices
from local.demo.simulate import simulate
from local.stack.paths import REPOSITORY
from operations.status.progress import progress
from services import SERVICES
from services.ingest.doors.files.adapters import connected, run_name
from services.ingest.doors.files.mapping import read_mapping
from services.ingest.doors.files.plan import Input, Plan
from services.ingest.doors.files.run import Import
from services.ingest.doors.files.shift import Shift
from services.ingest.doors.files.tally import Tally
from services.ingest.doors.files.times import LocalTimes
from shared.errors import Transient
from shared.mongo import Database, transient_errors
from shared.mongo.generations import current_generation
from shared.settings import Settings

INVOICES = REPOSITORY / "data" / "online-retail" / "invoices.csv.gz"
MAPPING = REPOSITORY / "deploy" / "mappings" / "online-retail.yaml"
POLICY = REPOSITORY / "deploy" / "policies" / "wholesale-gbp.yaml"
ZONE = ZoneInfo("Europe/London")
POLL_SECONDS = 0.25
SETTLE_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Story:
    """What is imported. events: a file of the simulated ones, in the invoices' own years like the invoices."""

    invoices: Invoices
    events: Path
    simulated: int


def write_story(folder: Path, last_on: date, seed: int) -> Story:
    """Reads the invoices' customers and simulates around them, as of days on which the last is `last_on`.

    The file is written moved back to the invoices' own years, so that one import moves both by the same days.
    """
    invoices = read_invoices(INVOICES, last_on=last_on)
    back = Shift(-invoices.shift_days, ZONE, LocalTimes(ZONE))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "simulated.ndjson"
    events = simulate(invoices.customers, (invoices.first_on, invoices.last_on), seed, ZONE)
    return Story(invoices, path, write_ndjson(map(back, events), path))


async def import_story(settings: Settings, story: Story, last_on: date, folder: Path, narrator: Narrator) -> Tally:
    """Through the file door, both files in one run, as `guanxi import` does it."""
    inputs = [Input(INVOICES, read_mapping(MAPPING)), Input(story.events)]
    plan = Plan(inputs=inputs, zone=ZONE, backfill=True, shift_to=last_on)
    async with connected(settings, backfill=run_name(plan.files)) as ports:
        one = Import(plan, ports, folder / "refused.csv")

        def show(*, last: bool = False) -> None:
            tally = one.tally
            known = tally.admitted + tally.duplicates
            narrator.moving(f"{tally.read:,} rows read, {known:,} admitted, {tally.refusals:,} refused", last=last)

        tally = await one.run(show)
        show(last=True)
    return tally


async def wait_for_views(settings: Settings, database: Database, narrator: Narrator) -> None:
    """Returns when all of the log is folded and every customer whose day has come meanwhile has been reviewed."""
    deadline = narrator.seconds + SETTLE_SECONDS
    while True:
        readers = await progress(settings, database)
        behind = {one.reader: one.behind for one in readers}
        due = await _due(database)
        last = max(behind, key=lambda name: behind[name])
        text = f"{last} has {behind[last]:,} events to do, and {due:,} reviews are due"
        narrator.moving(text)
        if not any(behind.values()) and not due:
            narrator.moving("everything on the log is in the views, and every customer is up to date", last=True)
            return
        if narrator.seconds > deadline:
            raise Transient(f"the views were not up to date within {SETTLE_SECONDS:.0f} s: {text}")
        await asyncio.sleep(POLL_SECONDS)


async def _due(database: Database) -> int:
    now = datetime.now(UTC)
    due = []
    async with transient_errors():
        for name, service in SERVICES.folding.items():
            collection = database[f"{service.customers}_g{await current_generation(database, name)}"]
            due.append(await collection.count_documents({"due_at": {"$lte": now}, "incomplete_since": None}))
    return max(due)
