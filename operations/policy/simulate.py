"""`guanxi policy simulate`: a trial of a file over the log, against the adopted versions."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Any

from operations.policy.files import PolicyFile
from operations.policy.tally import Tally
from operations.policy.trial import Moves, Question, run_trial
from services.tiering.policy import Policy, in_force
from services.tiering.policy_file import read_policies
from shared.errors import Stop
from shared.facts.days import Days
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
    """The result: `adopted` and `tried` are the versions in force as of the day."""

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
    """Try a file over the present log; `progress` receives how many records are done, and of how many.

    on: the first day of the file, with the adopted versions before it; None: it was always in force. A future day is
    reached without new events. Changes nothing. Raises Transient if a server does not answer.
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
