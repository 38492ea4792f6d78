"""`guanxi policy simulate`: the log, the adopted versions and a file, put together into a trial."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Any

from guanxi.policy_tools.files import PolicyFile
from guanxi.policy_tools.tally import Tally
from guanxi.policy_tools.trial import Moves, Question, run_trial
from services.tiering.app import read_policies
from services.tiering.policy import Policy, in_force
from services.tiering.rules.days import Days
from shared.errors import Stop
from shared.kafka.connection import Record
from shared.kafka.scan import bounds, scan
from shared.mongo import Database
from shared.mongo.policies import adopted
from shared.policies.adoption import begins_at
from shared.settings import Settings
from shared.topics import LOG

MAX_BATCH = 2000


@dataclass(frozen=True)
class Trial:
    """What came of it: `adopted` and `tried` are the versions in force as of the day."""

    tally: Tally
    moves: Moves
    adopted: Policy
    tried: Policy
    as_of: date
    records: int
    seconds: float


async def simulate(
    database: Database,
    settings: Settings,
    file: PolicyFile,
    on: date | None,
    now: datetime,
    progress: Callable[[int, int], Any],
) -> Trial:
    """Try a file over the log as it stands now; `progress` gets how many records are done, and of how many.

    on: the first day on which the file decides, and the adopted versions before it; None: it always has. A day to come
    is reached by time alone. Writes nothing. Raises Transient where a server does not answer.
    """
    known = await adopted(database)
    if not known:
        raise Stop("no policy is adopted yet; run 'guanxi setup'")
    versions, zone = read_policies(known), settings.zone
    if on is None:
        tried: tuple[Policy, ...] = (file.policy,)
    else:
        tried = (*(one for one in versions if one.effective_on < on), replace(file.policy, effective_on=on))
    as_of = now if on is None else max(now, begins_at(on, zone))
    topic = LOG.full_name(settings)
    held = await bounds(settings, topic)
    total, done = sum(held.ends.values()) - sum(held.begins.values()), 0

    def advance(records: int) -> None:
        nonlocal done
        done += records
        progress(done, total)

    began, moves = time.monotonic(), Moves()
    readers = [partial(_records, settings, topic, held.begins[one], held.ends[one], one) for one in held.ends]
    tally = await run_trial(Question(versions, tried, zone, as_of), readers, moves, advance)
    today = Days(zone).day(as_of)
    return Trial(
        tally,
        moves,
        in_force(versions, today),
        in_force(tried, today),
        date.fromordinal(today),
        done,
        time.monotonic() - began,
    )


async def _records(
    settings: Settings, topic: str, begin: int, end: int, partition: int
) -> AsyncIterator[Sequence[Record]]:
    async for batches in scan(settings, topic, {partition: begin}, {partition: end}, max_records=MAX_BATCH):
        yield batches[partition]
