"""The services' real processors in one process, on a real mongod, with a log in memory.

An older tree is measured with this file as well as its own: what it knows of a tree's services stands in `stages`, and
in `stages_2b2bfed` for trees in which services were no values yet.
"""

import gc
import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import SecretStr

from local.stack.mongod import start_mongod
from local.stack.server import Ask
from shared import process as service_process
from shared.kafka.batches import Outgoing
from shared.kafka.connection import partition_of
from shared.mongo import connect
from shared.settings import Settings
from tests.bench import former
from tests.bench.processes import cpu_seconds

_services = import_module("tests.bench.stages_2b2bfed" if former.is_former() else "tests.bench.stages")
FOLDING: tuple[str, ...] = _services.FOLDING
"""The folding services of the tree that runs this."""

TODAY = datetime(2026, 11, 28, 8, tzinfo=UTC)
"""When live events arrive: the same in every run, so that every tree folds the same."""
ADMISSION, TIERING, ENGAGEMENT, FEED, *_ = STAGES = (
    "admission",
    "tiering",
    "engagement",
    "feed",
    "archives",
    "planning",
)
JSON = (("content-type", b"application/json"),)
LOG, REJECTED = "log", "rejected"


@dataclass(frozen=True, slots=True)
class Read:
    """A record as a consumer gives it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Any


@dataclass(slots=True)
class Queues:
    """A topic in memory, in the appender's place: what is appended to another topic is thrown away."""

    partitions: int
    clock_ms: int = int(TODAY.timestamp() * 1000)
    records: list[list[Read]] = field(init=False)
    at: dict[str, list[int]] = field(init=False)
    """How far each stage has come, by partition."""
    refused: int = 0

    def __post_init__(self) -> None:
        self.records = [[] for _ in range(self.partitions)]
        self.at = {stage: [0] * self.partitions for stage in STAGES}

    def put(self, partition: int, key: bytes | None, value: bytes | None, headers: Any) -> None:
        queue = self.records[partition]
        queue.append(Read(partition, len(queue), self.clock_ms, key, value, headers))

    async def append(self, topic: str, records: Iterable[Outgoing]) -> list[tuple[int, int]]:
        if topic == REJECTED:
            self.refused += len(list(records))
            return []
        where = []
        for one in records if topic == LOG else ():
            self.clock_ms += 1
            self.put(one.partition, one.key, one.value, tuple(one.headers))
            where.append((one.partition, len(self.records[one.partition]) - 1))
        return where

    async def close(self) -> None:
        """As an appender's."""

    def batches(self, stage: str, size: int) -> Iterator[dict[int, list[Read]]]:
        """To the end, and to the end of what is appended meanwhile; as a consumer gives a backlog, partition by
        partition.
        """
        at = self.at[stage]
        while True:
            batch: dict[int, list[Read]] = {}
            left = size
            for partition, queue in enumerate(self.records):
                some = queue[at[partition] : at[partition] + left]
                if some:
                    batch[partition] = some
                    at[partition] += len(some)
                    left -= len(some)
                if not left:
                    break
            if not batch:
                return
            yield batch


@dataclass(slots=True)
class Cost:
    """CPU seconds of this process and of mongod."""

    own: float = 0.0
    mongod: float = 0.0


class Pipeline:
    """Admission and the folds. `take` puts records on the inbox, `tell` on the log; `run` has a stage go through all
    that is there, and adds what that took to the cost under a label.
    """

    def __init__(self, database: Any, settings: Settings, mongod_pid: int, batch_records: int | None) -> None:
        self.database, self.settings = database, settings
        self._mongod_pid = mongod_pid
        self._batch_records = batch_records or settings.batch_max_records
        self.inbox, self.log = Queues(settings.partitions), Queues(settings.partitions)
        self.costs: dict[tuple[str, str], Cost] = {}
        self._processors: dict[str, Any] = {}

    async def prepare(self) -> None:
        """Collections, policy, processors: as set-up and the services make them."""
        database, settings = self.database, self.settings
        self._processors = await _services.processors(database, settings, self.log, now=_now)
        for processor in self._processors.values():
            await processor.positions(range(settings.partitions))
        gc.set_threshold(*service_process.GC_THRESHOLDS)

    def take(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Keys and values, onto the inbox."""
        for key, value in records:
            self.inbox.put(partition_of(key, self.settings.partitions), key, value, JSON)

    def tell(self, records: Iterable[tuple[datetime, bytes, bytes, Any]]) -> None:
        """Append times, keys, values and headers, straight onto the log."""
        for at, key, value, headers in records:
            self.log.clock_ms = int(at.timestamp() * 1000)
            self.log.put(partition_of(key, self.settings.partitions), key, value, headers)

    @property
    def stages(self) -> list[str]:
        """Those of STAGES that this tree has; admission first."""
        return [stage for stage in STAGES if stage in self._processors]

    async def run(self, stage: str, label: str) -> None:
        """Has a stage go through all that is there. `costs[label, stage]` grows by what it took."""
        cost = self.costs.setdefault((label, stage), Cost())
        processor = self._processors[stage]
        queues = self.inbox if stage == ADMISSION else self.log
        own, mongod = time.process_time(), cpu_seconds(self._mongod_pid)
        for batch in queues.batches(stage, self._batch_records):
            await processor.process(batch)
        if stage == ADMISSION:
            await processor._moved()
        cost.own += time.process_time() - own
        cost.mongod += cpu_seconds(self._mongod_pid) - mongod

    async def settle(self, label: str = "", stage: str = "") -> None:
        """Has mongod write out what has changed, as it does once a minute anyway, and the garbage collector forget what
        this measure keeps. With a label, the writing is part of that cost.
        """
        before = cpu_seconds(self._mongod_pid)
        await self.database.client.admin.command("fsync")
        if label:
            self.costs[label, stage].mongod += cpu_seconds(self._mongod_pid) - before
        gc.collect()
        gc.freeze()

    def decisions(self) -> int:
        """Made so far, by both."""
        return sum(self._processors[stage].counts.decided for stage in (TIERING, ENGAGEMENT))

    def check(self) -> None:
        """A measure of records that were refused or could not be folded says nothing."""
        assert not self.inbox.refused + self.log.refused, "the benchmark's events are all to be taken"
        for stage in self.stages[1:]:
            assert not self._processors[stage].counts.frozen, f"{stage}: the benchmark's events can all be folded"


def _now() -> datetime:
    return TODAY


@asynccontextmanager
async def pipeline(say: Any, *, cache_gb: float, batch_records: int | None) -> AsyncIterator[Pipeline]:
    """On a fresh mongod, which ends with the block."""
    async with AsyncExitStack() as running:
        folder = Path(running.enter_context(TemporaryDirectory(prefix="guanxi-bench-")))
        (folder / "logs").mkdir()
        os.environ.pop("GUANXI_MONGO_URI", None)
        server = await start_mongod(Ask(folder, folder / "logs"), say)
        assert server.process is not None, "it was started here"
        running.push_async_callback(server.process.stop)
        settings = Settings(mongo_uri=SecretStr(server.endpoint), mongo_database="bench")
        database = connect(settings)
        running.callback(database.client.close)
        await database.client.admin.command(
            {"setParameter": 1, "wiredTigerEngineRuntimeConfig": f"cache_size={int(cache_gb * 1024)}M"}
        )
        one = Pipeline(database, settings, server.process.pid, batch_records)
        await one.prepare()
        yield one
