"""The data of `guanxi status`. Each part is independent: a part without an answer is reported, the rest is shown."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from operations.status.progress import Progress, compare, lost_beginning, stored_positions, topic_ends
from operations.status.services import Answer, ask_services
from services import SERVICES
from shared.errors import GuanxiError, Transient, in_short
from shared.kafka.scan import appended_since
from shared.mongo import Database, transient_errors
from shared.mongo.generations import current_generation
from shared.service import FoldingService
from shared.settings import Settings
from shared.topics import REJECTED

_T = TypeVar("_T")
PART_SECONDS = 7.0
"""Time limit of a part: a little longer than the driver looks for MongoDB's primary."""
MAX_QUERY_MS = 3_000
MAX_COUNTED = 100_000
_NOT_REACHED = ("refused", "timed out", "Name or service", "No replica set members", "No primary", "No servers")


@dataclass(frozen=True, slots=True)
class Fresh:
    """How new a view is: its documents; customers that are frozen and records in quarantine; customers whose day has
    come; the newest event in it. The two instants are None where there is none, or where looking takes too long.
    """

    view: str
    documents: int
    frozen: int
    quarantined: int
    due: int
    recorded_at: datetime | None
    projected_at: datetime | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """Records that admission has refused: all that are kept, those of the last hour, those of the last day."""

    kept: int
    last_hour: int
    last_day: int


@dataclass(slots=True)
class Status:
    """Everything. A part is empty or None if its server did not answer; `problems` says so."""

    at: datetime
    services: list[Answer] = field(default_factory=list)
    readers: list[Progress] = field(default_factory=list)
    views: list[Fresh] = field(default_factory=list)
    rejected: Rejected | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Everything answers and is ready, and no customer is frozen."""
        ready = all(answer.ready for answer in self.services)
        return ready and not self.problems and not any(view.frozen or view.quarantined for view in self.views)


async def find_status(settings: Settings, database: Database, urls: Mapping[str, str], now: datetime) -> Status:
    """Query all parts at once, each for at most `PART_SECONDS`. Does not raise if something does not answer."""
    status = Status(now)
    kafka, mongo = f"Kafka at {settings.kafka_bootstrap}", "MongoDB"
    status.services, stored, views = await asyncio.gather(
        ask_services(urls, settings.kafka_ca_file or settings.mongo_ca_file),
        _part(status, mongo, stored_positions(database)),
        _part(status, mongo, freshness(database, settings.partitions, now)),
    )
    # After the positions: nothing is shown as caught up that was not.
    ends, rejected, gone = await asyncio.gather(
        _part(status, kafka, topic_ends(settings)),
        _part(status, kafka, _rejected(settings, now)),
        _part(status, kafka, lost_beginning(settings)),
    )
    if gone:
        which = ", ".join(map(str, gone))
        status.problems.append(f"the log has lost its first records on partitions {which}: restore a backup")
    status.views, status.rejected = views or [], rejected
    if stored is not None and ends is not None:
        status.readers = compare(settings, stored, ends)
    status.problems = list(dict.fromkeys(status.problems))
    return status


async def _part(status: Status, whom: str, question: Coroutine[Any, Any, _T]) -> _T | None:
    try:
        async with asyncio.timeout(PART_SECONDS):
            return await question
    except TimeoutError:
        status.problems.append(f"{whom} does not answer within {PART_SECONDS:.0f} s")
    except GuanxiError as error:
        status.problems.append(_words(whom, str(error)))
    return None


def _words(whom: str, error: str) -> str:
    """A driver's error in words for people."""
    if "KafkaConnectionError" in error:
        return f"{whom} is unreachable: not running, or at another address"
    error = in_short(error).removeprefix("MongoDB: ").removeprefix("Kafka: ")
    return f"{whom} {'is unreachable' if any(one in error for one in _NOT_REACHED) else 'says'}: {error}"


async def _rejected(settings: Settings, now: datetime) -> Rejected:
    since = [now - timedelta(hours=1), now - timedelta(days=1)]
    kept, last_hour, last_day = await appended_since(settings, REJECTED.full_name(settings), since)
    return Rejected(kept, last_hour, last_day)


async def freshness(database: Database, partitions: int, now: datetime) -> list[Fresh]:
    """Of the views that hold a document per customer. Raises Transient."""
    return [await _fresh(database, service, partitions, now) for service in SERVICES.folding.values()]


async def _fresh(database: Database, service: FoldingService[Any], partitions: int, now: datetime) -> Fresh:
    generation = await current_generation(database, service.name)
    collection = database[f"{service.customers}_g{generation}"]
    quarantine = database[f"{service.name}_quarantine"]
    stopped = {"_id": {"$regex": f"^g{generation}/"}}
    is_due = {"partition": {"$in": list(range(partitions))}, "review_at": {"$lte": now}}  # as the index has it
    async with transient_errors():
        documents = await collection.estimated_document_count()
        frozen = [key for key in await quarantine.distinct("key", stopped) if key]
        quarantined = await quarantine.count_documents(stopped)
        due = await collection.count_documents(is_due, limit=MAX_COUNTED)
    last = await _newest(collection)
    recorded_at, projected_at = last.get("recorded_at"), last.get("projected_at")
    return Fresh(service.shown.name, documents, len(frozen), quarantined, due, recorded_at, projected_at)


async def _newest(collection: Any) -> dict[str, Any]:
    """Looks through all documents, which is too much for a screen where there are millions."""
    fields = {"recorded_at": 1, "projected_at": 1}
    try:
        async with transient_errors():
            cursor = collection.find({}, fields).sort("recorded_at", -1).limit(1).max_time_ms(MAX_QUERY_MS)
            found = await cursor.to_list(1)
    except Transient:
        return {}
    return dict(found[0]) if found else {}
