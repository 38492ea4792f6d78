"""The parts of guanxi that a run puts together. A planted bug replaces some of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

import services.ingest.erasures
import shared.fold.telling
import shared.kafka.batches
import shared.kafka.reader
from services.ingest.admission import Admission
from services.ingest.erasing import Eraser
from services.ingest.store import MongoStore
from shared.fold.processor import LogProcessor
from shared.fold.sweep import Sweep
from shared.fold.telling import Telling
from shared.kafka.batches import Appender
from shared.kafka.reader import TopicReader
from shared.mongo.states import StateStore
from tests.sim.toy import Policy, Toy

MARK_EVERY_RECORDS = 4

if TYPE_CHECKING:
    from tests.sim.world import World


@dataclass(frozen=True, slots=True)
class Parts:
    """Classes to make the system of. `patched` is entered for a run, for what no class can be replaced for."""

    admission: Callable[..., Admission] = Admission
    claims: Callable[..., MongoStore] = MongoStore
    appender: Callable[..., Appender] = Appender
    reader: Callable[..., TopicReader] = TopicReader
    processor: Callable[..., LogProcessor[Any, Any]] = LogProcessor
    states: Callable[..., StateStore] = StateStore
    sweep: Callable[..., Sweep] = Sweep
    telling: Callable[..., Telling] = Telling
    domain: Callable[[Sequence[Policy]], Toy] = Toy
    eraser: Callable[..., Eraser] = Eraser
    patched: Callable[[], AbstractContextManager[object]] = nullcontext


@contextmanager
def installed(world: "World") -> Iterator[None]:
    """Give the code under test the world's producers and clock; nothing else of it is touched."""

    def make(_: object, *, max_record_bytes: int, **__: object) -> Any:
        return world.kafka.producer(min(max_record_bytes, world.plan.batch_max_bytes))

    drawn = count(1)
    with (
        mock.patch.object(shared.kafka.batches, "make_producer", make),
        mock.patch.object(shared.fold.telling, "MARK_EVERY_RECORDS", MARK_EVERY_RECORDS),
        mock.patch.object(services.ingest.erasures, "token_hex", lambda size: f"{next(drawn):0{2 * size}x}"),
        mock.patch.object(shared.kafka.reader, "time", SimpleNamespace(monotonic=world.loop.time)),
        world.parts.patched(),
    ):
        yield
