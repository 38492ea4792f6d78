"""From the inbox to the log, each record exactly once (architecture.md, invariants 2, 3, 4, 11).

A batch takes six steps, always in this order: judge every record by itself; take out the names of erased persons, and
find the ids of those known by name only; judge it against the claims and claim it, while storing names of persons;
store the texts of what was claimed, and who is to be erased; append accepted records to the log and refused ones to
`guanxi.rejected`; move the position on the inbox. If any step fails, the batch is read again from the stored position.
A claim knows the position that made it, so the same records are written with the same content, but for persons erased
in between. An event that makes records under several keys (`derived_from`) is one claim, and one batch has them all.

Nothing here sleeps, knows a driver, or reads a clock except to measure, so that a simulation can run it.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import Any, NamedTuple, Protocol, TypeGuard
from zoneinfo import ZoneInfo

from services.ingest.admit import (
    Accepted,
    Candidate,
    Claim,
    Duplicate,
    Erasing,
    PersonName,
    Suppressed,
    WrittenText,
    admit,
    by_headers,
    derived_from,
    erasings_of,
    judge,
    read_quickly,
    refuse_key,
    refuse_sender,
    replaced_without_texts,
    said_of_erased,
    suppressed_as,
    with_ids,
    without_erased,
)
from services.ingest.admit.admit import identity_of
from services.ingest.doors.http.vouching import vouched_key
from services.ingest.doors.kafka.wire import from_kafka, is_plain
from services.ingest.refusals.publish import rejected
from shared import metrics, tracing
from shared.console import KEY_ID as CONSOLE_KEY_ID
from shared.console import SOURCE as CONSOLE
from shared.errors import Stop, Transient
from shared.events.codec import encode_data
from shared.events.event import Position
from shared.events.refusal import Reason, Refused
from shared.events.registry import ERASED
from shared.events.types import MAX_ID_CHARS
from shared.kafka.batches import Outgoing, ends_of
from shared.kafka.connection import Record, partition_of
from shared.topics import INBOX

MAX_CLAIM_ROUNDS = 8
"""Rounds of judging and claiming before the batch is retried. Each lost round means that another owner made progress
on the same records."""
YIELD_EVERY_RECORDS = 100
"""Judging takes some 50 microseconds a record, during which the HTTP door and the group's heartbeat wait."""
MAX_ERRORS_PER_BATCH = 10
"""Records of a batch that may raise an internal error. Each is refused and can be replayed after a fix, so that one
bad record does not block a partition. More than this many means that the records are not the cause, and admission
stops."""
MAX_FATES = 500
"""Refused events and duplicates of one batch whose fate is kept for whoever asks. A file sent twice brings thousands of
duplicates, and they must not cost as much as admitting them did; only the topic of refusals has the rest."""
BACKFILL_HEADER = "backfill"
"""Set by `guanxi import --backfill` to the deployment's backfill token: history, decided as of its own time. With any
other value a record counts as live, so that permission to write the inbox does not include writing the past.
"""
BINARY_HINT = "on Kafka they are called ce_id, ce_type ... with content-type: application/json"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_TIMESTAMP_MS = 7_258_118_400_000  # the year 2200, so that no record's timestamp can leave the calendar
_OUR_ERROR = Refused(
    Reason.INTERNAL_ERROR,
    "",
    "an internal error, logged; replay the record after a fix (guanxi rejected replay)",
)

log = logging.getLogger(__name__)


Person = tuple[str, str]
"""The log key that a person belongs to, and the person's id."""


class Named(NamedTuple):
    """A person's name, and `order` (the event's time, id and source), which decides which name is the latest."""

    person: PersonName
    order: str

    @property
    def id(self) -> Person:
        """Whose name it is."""
        return self.person[:2]


class Fate(NamedTuple):
    """What became of an event: refused, accepted, or a duplicate. source, id, subject: None where it has none that can
    be read. revision: of the record that was accepted.
    """

    source: str | None
    id: str | None
    subject: str | None
    position: Position
    at: datetime
    refused: Refused | None
    revision: int | None = None

    @property
    def accepted(self) -> bool:
        """Whether admission is the one to tell so."""
        return self.revision is not None


class Store(Protocol):
    """What admission stores in MongoDB. All methods raise Transient when it does not answer."""

    async def find(self, identities: Sequence[bytes]) -> Mapping[bytes, Claim]:
        """The claims that exist, by identity, as a majority has them."""
        ...

    async def claim(self, claims: Collection[Claim]) -> bool:
        """Store claims by compare-and-set on `v`, durably on a majority. Returns False when another writer changed any
        of them first; the others are stored.
        """
        ...

    async def last_named(self, persons: Collection[Person]) -> dict[Person, str]:
        """The `Named.order` of each person whose name is stored."""
        ...

    async def name(self, names: Collection[Named], known: Mapping[Person, str]) -> None:
        """Store names of persons; the greatest order wins, field by field, whatever order they arrive in. `known` is
        the result of `last_named` for them.
        """
        ...

    async def suppressed(self, keys: Collection[str]) -> Mapping[str, Suppressed]:
        """What must not come back to these keys; those of which nobody was erased are left out."""
        ...

    async def learn(self, names: Mapping[Person, str]) -> None:
        """Store by which names erased persons are sent again, as hashes, durably on a majority."""
        ...

    async def draw(self, ties: Collection[Person]) -> Mapping[Person, str]:
        """The ids of persons known by name only, by key and keyed hash of the name; drawn, durably on a majority, for
        those who have none.
        """
        ...

    async def erase(self, erasings: Collection[Erasing]) -> None:
        """Store who is to be erased, durably on a majority; from then on they are suppressed. A repeat changes
        nothing.
        """
        ...

    async def write(self, texts: Collection[WrittenText]) -> None:
        """Store texts, durably on a majority. What is stored under an id stays, an erased one's mark too."""
        ...

    async def positions(self, partitions: Collection[int]) -> Mapping[int, int]:
        """The next offset to admit, by inbox partition; 0 where nothing was admitted."""
        ...

    async def move(self, positions: Mapping[int, int], ends: Mapping[int, int]) -> None:
        """Raise the positions, and beside each the ends of the log's partitions by then; never lowers one."""
        ...

    async def tell(self, fates: Collection[Fate]) -> None:
        """Keep what became of events that were not admitted, for a bounded time."""
        ...


class Log(Protocol):
    """Appends to a topic: each partition's records in order, all acknowledged; else raises Transient. Returns
    (partition, offset) of each record.
    """

    async def append(self, topic: str, records: Iterable[Outgoing], /) -> Sequence[tuple[int, int]]: ...


@dataclass(frozen=True, slots=True)
class Place:
    """The settings of admission.

    zone: of business days; generation: of the inbox; partitions: of the log; log, rejected: names of the topics;
    backfill_token: marks history; person_key: goes into the ids of persons known by name and of texts;
    console_key: vouches for what comes from the console.
    """

    zone: ZoneInfo
    generation: int
    partitions: int
    log: str
    rejected: str
    backfill_token: bytes = b"1"
    person_key: bytes = b""
    console_key: bytes = b""


@dataclass(slots=True)
class Arrived:
    """A record of the inbox, judged by itself."""

    record: Record
    position: Position
    appended_at: datetime
    judged: Candidate | Refused


@dataclass(slots=True)
class Verdicts:
    """The outcome of a batch. texts, erasings: of what was accepted. untold: accepted too, and told here only, with
    where and when each came.
    """

    accepted: list[tuple[Candidate, Position, dict[str, Any] | None]] = field(default_factory=list)
    refused: list[tuple[Arrived, Refused]] = field(default_factory=list)
    duplicates: list[tuple[Arrived, Candidate]] = field(default_factory=list)
    changed: dict[bytes, Claim] = field(default_factory=dict)
    untold: list[tuple[Candidate, Position, datetime]] = field(default_factory=list)
    texts: list[WrittenText] = field(default_factory=list)
    erasings: list[Erasing] = field(default_factory=list)


class Admission:
    """The processor of the inbox (`shared.kafka.reader`).

    pause: lets others run between records. `counts` has the outcomes since the start: accepted,
    duplicate, refused:<reason>.
    """

    def __init__(
        self, store: Store, log: Log, place: Place, *, pause: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._store, self._log, self._place = store, log, place
        self._pause = pause or _let_others_run
        self._moving: asyncio.Task[None] | None = None
        self.counts: Counter[str] = Counter()

    async def positions(self, partitions: Collection[int]) -> Mapping[int, int]:
        """The next offset to admit of each partition."""
        await self._moved()
        return await self._store.positions(partitions)

    def forget(self) -> None:
        """Between batches only the write of the positions is pending; `positions` waits for it."""

    async def close(self) -> None:
        """Wait until the last batch's positions are stored; if that fails, the batch is read again."""
        with suppress(Transient):
            await self._moved()

    async def process(self, batches: Mapping[int, Sequence[Record]]) -> None:
        """Admit records, by inbox partition, each starting at its stored position."""
        with tracing.batch("admit", INBOX.name, sum(map(len, batches.values()))) as batch:
            await self._process(batches, batch)

    async def _process(self, batches: Mapping[int, Sequence[Record]], batch: tracing.Batch) -> None:
        watch = metrics.Stopwatch(batch.step if batch.on else None)
        arrived = await self._judge_alone(batches)
        if batch.on:
            _tell(batch, arrived)
        watch.step("judge")
        verdicts = await self._claim(arrived)
        watch.step("claim")
        if verdicts.texts:  # only now is it certain whose texts stand under an identity and revision
            await self._store.write(verdicts.texts)
            watch.step("texts")
        if verdicts.erasings:
            await self._store.erase(verdicts.erasings)
            watch.step("erase")
        ends = await self._append(verdicts)
        if fates := fates_of(verdicts):
            await self._store.tell(fates)
        watch.step("append")
        await self._moved()
        moves = {partition: records[-1].offset + 1 for partition, records in batches.items() if records}
        self._moving = asyncio.create_task(self._store.move(moves, ends))
        watch.step("position")
        self._count(verdicts)

    async def _append(self, verdicts: Verdicts) -> dict[int, int]:
        """Gives the ends on the log of what was accepted."""
        ends: dict[int, int] = {}
        if verdicts.accepted:
            ends = ends_of(await self._log.append(self._place.log, await self._encode(verdicts.accepted)))
        if verdicts.refused:
            await self._log.append(self._place.rejected, [_rejected(one, why) for one, why in verdicts.refused])
        return ends

    async def _moved(self) -> None:
        """Wait until the previous batch's positions are stored. At most one such write is in flight, beside the next
        batch's first steps; after a crash during the write the batch is read again, as after any crash.
        """
        moving, self._moving = self._moving, None
        if moving is not None:
            await moving

    async def _judge_alone(self, batches: Mapping[int, Sequence[Record]]) -> list[Arrived]:
        arrived: list[Arrived] = []
        errors, place = 0, self._place
        timestamp, appended_at = 0, _EPOCH
        for partition, batch in batches.items():
            for record in batch:
                position = Position(place.generation, partition, record.offset)
                if record.timestamp != timestamp:  # records of one append have one
                    timestamp = record.timestamp
                    appended_at = _EPOCH + timedelta(milliseconds=min(max(timestamp, 0), _MAX_TIMESTAMP_MS))
                judged: Candidate | Refused
                try:
                    judged = read(
                        record, appended_at, place.zone, place.backfill_token, place.person_key, place.console_key
                    )
                except Exception as error:
                    errors += 1
                    if errors > MAX_ERRORS_PER_BATCH:
                        raise Stop(f"more than {MAX_ERRORS_PER_BATCH} records of a batch raised an error") from error
                    log.exception("inbox record %d/%d/%d", *position[:3], extra=tracing.of_record(record.headers))
                    judged = _OUR_ERROR
                arrived.append(Arrived(record, position, appended_at, judged))
                if len(arrived) % YIELD_EVERY_RECORDS == 0:
                    await self._pause()
        return arrived

    async def _claim(self, arrived: Sequence[Arrived]) -> Verdicts:
        """Judge against the claims, then claim, until no other owner interferes. Names of persons are stored at the
        same time, for accepted records only.

        The first round assumes that every record is new, as nearly all are: the insert of an existing claim fails, and
        then the claims are read. (Measured: reading absent claims costs a tenth of the whole path.) Only for records
        that name a person are the claims read first, together with the person, so that no refused record leaves a name.
        """
        claims, known = await self._know_persons(arrived)
        candidates = [one.judged for one in arrived if isinstance(one.judged, Candidate)]
        for _ in range(MAX_CLAIM_ROUNDS):
            metrics.CLAIM_ROUNDS.inc()
            verdicts = judge_all(arrived, claims, self._place.person_key)
            claimed, _ = await _all_of(self._store_claims(verdicts), self._name(verdicts, known))
            if claimed:
                return verdicts
            wanted = {candidate.identity: None for candidate in candidates if candidate.claimed}
            claims = dict(await self._store.find([*wanted]))
        raise Transient(f"another process changed the claims {MAX_CLAIM_ROUNDS} times in a row")

    async def _know_persons(self, arrived: Sequence[Arrived]) -> tuple[dict[bytes, Claim], dict[Person, str]]:
        """Take out the names of erased persons and find the ids of those known by name only; gives the claims of the
        records that name persons, and the order of the names that are stored.
        """
        naming = [one for one in arrived if isinstance(one.judged, Candidate) and one.judged.names]
        keys = {one.judged.key for one in arrived if _says_something(one.judged)}
        if not keys:
            return {}, {}
        persons, identities = _persons(naming, by_name=False), [*dict.fromkeys(_identity(one) for one in naming)]
        found, known, suppressed = await _all_of(
            self._store.find(identities), self._store.last_named(persons), self._store.suppressed(keys)
        )
        if suppressed:
            suppressed = await self._learn(arrived, suppressed)
        for one in arrived if suppressed else ():
            if _says_something(one.judged) and one.judged.key in suppressed:
                one.judged = without_erased(one.judged, suppressed[one.judged.key], self._place.person_key)
        if ties := _persons(naming, by_name=True):
            drawn = await self._store.draw(ties)
            for one in naming:
                candidate = one.judged
                assert isinstance(candidate, Candidate), "it names persons"
                ids = {name.person_id: drawn[name[:2]] for name in candidate.names if name.by_name}
                one.judged = with_ids(candidate, ids)
            known = {**known, **await self._store.last_named(_persons(naming, by_name=True))}
        return dict(found), dict(known)

    async def _learn(
        self, arrived: Sequence[Arrived], suppressed: Mapping[str, Suppressed]
    ) -> Mapping[str, Suppressed]:
        """A name that comes with an erased id is suppressed too: it was not known when the person was erased."""
        key, known, said = self._place.person_key, dict(suppressed), dict[Person, str]()
        for one in arrived:
            if _says_something(one.judged) and one.judged.key in known:
                of = said_of_erased(one.judged, known[one.judged.key], key)
                said |= of
                for name in of.values():
                    known[one.judged.key] |= suppressed_as(one.judged.key, name, key)
        if said:
            await self._store.learn(said)
        return known

    async def _store_claims(self, verdicts: Verdicts) -> bool:
        return not verdicts.changed or await self._store.claim(verdicts.changed.values())

    async def _name(self, verdicts: Verdicts, known: dict[Person, str]) -> None:
        """Store the names in accepted records, and note them in `known`, so that a further round has nothing to
        store.
        """
        names = [named for candidate, _, _ in verdicts.accepted if candidate.names for named in _names(candidate)]
        if names:
            await self._store.name(names, known)
            for named in names:
                known[named.id] = max(named.order, known.get(named.id, ""))

    async def _encode(self, accepted: Sequence[tuple[Candidate, Position, dict[str, Any] | None]]) -> list[Outgoing]:
        records = []
        for candidate, position, replaces in accepted:
            records.append(log_record(candidate, position, replaces, self._place.partitions))
            for output, further in enumerate(derived_from(candidate, replaces), 1):
                at = position._replace(output=output)
                records.append(log_record(further, at, None, self._place.partitions))
            if len(records) % YIELD_EVERY_RECORDS == 0:
                await self._pause()
        return records

    def _count(self, verdicts: Verdicts) -> None:
        self.counts["accepted"] += len(verdicts.accepted)
        self.counts["duplicate"] += len(verdicts.duplicates)
        seen = Counter((candidate.type, "accepted") for candidate, _, _ in verdicts.accepted)
        seen.update((candidate.type, "duplicate") for _, candidate in verdicts.duplicates)
        for one, refused in verdicts.refused:
            self.counts[f"refused:{refused.reason}"] += 1
            seen[one.judged.type if isinstance(one.judged, Candidate) else metrics.UNREAD, "refused"] += 1
            metrics.REFUSED.labels("admission", refused.reason).inc()
        metrics.add(metrics.INBOX_RECORDS, seen)


def read(
    record: Record,
    appended_at: datetime,
    zone: ZoneInfo,
    backfill_token: bytes = b"1",
    person_key: bytes = b"",
    console_key: bytes = b"",
) -> Candidate | Refused:
    """Judge an inbox record by itself."""
    headers, value = record.headers, record.value
    backfill = any(name == BACKFILL_HEADER and compare_digest(text or b"", backfill_token) for name, text in headers)
    candidate: Candidate | None = None
    if is_plain(value, headers):
        candidate = read_quickly(value, now=appended_at, zone=zone, backfill=backfill, person_key=person_key)
    if candidate is None:
        document = from_kafka(value, headers)
        if isinstance(document, Refused):
            return document
        judged = admit(document, now=appended_at, zone=zone, backfill=backfill, internal=True, person_key=person_key)
        if isinstance(judged, Refused):
            return by_headers(judged, (name for name, _ in headers), binary=BINARY_HINT)
        candidate = judged
    if candidate.traceparent is None and headers:
        candidate.traceparent = tracing.header_traceparent(headers)
    of_console = candidate.source == CONSOLE
    candidate.key_id = vouched_key(headers, value, console_key if of_console else person_key)
    if of_console and candidate.key_id != CONSOLE_KEY_ID:
        return Refused(Reason.SOURCE_NOT_ALLOWED, "source", f"{CONSOLE!r} is the console's source; send with your own")
    by_steward = candidate.key_id is not None and not backfill  # the door looked at the key's scopes
    refused = refuse_key(record.key, candidate) or refuse_sender(candidate.type, candidate.data, by_steward=by_steward)
    return refused or candidate


def judge_all(arrived: Iterable[Arrived], claims: dict[bytes, Claim], person_key: bytes = b"") -> Verdicts:
    """Judge records in order, each against the claims left by those before it; changes `claims`."""
    verdicts = Verdicts()
    for one in arrived:
        candidate = one.judged
        if isinstance(candidate, Refused):
            verdicts.refused.append((one, candidate))
            continue
        verdict = judge(claims.get(candidate.identity), candidate, one.position)
        if isinstance(verdict, Accepted):
            replaces, texts = replaced_without_texts(candidate, verdict.replaces, person_key)
            verdicts.accepted.append((candidate, one.position, replaces))
            if _is_untold(candidate):
                verdicts.untold.append((candidate, one.position, one.appended_at))
            verdicts.texts += (*candidate.texts, *texts)
            if candidate.type == ERASED:
                verdicts.erasings += erasings_of(candidate, one.appended_at)
            if verdict.claim is not None:
                claims[candidate.identity] = verdicts.changed[candidate.identity] = verdict.claim
        elif isinstance(verdict, Duplicate):
            verdicts.duplicates.append((one, candidate))
        else:
            verdicts.refused.append((one, verdict))
    return verdicts


def fates_of(verdicts: Verdicts) -> list[Fate]:
    """What is told of the events of a batch that were not admitted; and of those accepted under a record's id that are
    no customer's: the timeline, which tells of the others, has no line of them.
    """
    fates: list[Fate] = []
    for one, refused in verdicts.refused[:MAX_FATES]:
        event: Any = one.judged
        if isinstance(event, Refused):
            document = from_kafka(one.record.value, one.record.headers)
            said = {} if isinstance(document, Refused) else document
            source, name, subject = (_id(said.get(field)) for field in ("source", "id", "subject"))
        else:
            source, name, subject = event.source, event.id, event.subject
        fates.append(Fate(source, name, subject, one.position, one.appended_at, refused))
    for one, candidate in verdicts.duplicates[:MAX_FATES]:
        named = candidate.source, candidate.id, candidate.subject
        fates.append(Fate(*named, one.position, one.appended_at, None))
    for candidate, position, at in verdicts.untold[:MAX_FATES]:
        named = candidate.source, candidate.id, candidate.subject
        fates.append(Fate(*named, position, at, None, candidate.revision))
    return fates


def _is_untold(candidate: Candidate) -> bool:
    """Whether neither a claim under its own id nor a customer's timeline says what became of it."""
    by_own_id = identity_of(candidate.source, candidate.id, None)
    return not candidate.key.startswith("customer:") and candidate.claimed and candidate.identity != by_own_id


def _id(said: Any) -> str | None:
    return said if isinstance(said, str) and 0 < len(said) <= MAX_ID_CHARS else None


def log_record(candidate: Candidate, position: Position, replaces: dict[str, Any] | None, partitions: int) -> Outgoing:
    """The log's record of an accepted event."""
    data = candidate.data if replaces is None else {**candidate.data, "replaces": replaces}
    value, headers = encode_data(candidate, data, position)
    key = candidate.key.encode()
    return Outgoing(partition_of(key, partitions), key, value, headers)


def _tell(batch: tracing.Batch, arrived: Iterable[Arrived]) -> None:
    for one in arrived:
        candidate = one.judged
        if isinstance(candidate, Candidate) and candidate.traceparent is not None:
            batch.saw(candidate.traceparent, candidate.type, f"{one.record.partition}/{one.record.offset}")


async def _all_of(*steps: Coroutine[Any, Any, Any]) -> list[Any]:
    """Run all at once, and wait for all even if one fails: work still in flight must not overlap the next attempt."""
    results = await asyncio.gather(*steps, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def _says_something(judged: Candidate | Refused) -> TypeGuard[Candidate]:
    """Whether an event has names of persons, or texts, in which there may be some."""
    return isinstance(judged, Candidate) and bool(judged.names or judged.texts)


def _persons(naming: Iterable[Arrived], *, by_name: bool) -> set[Person]:
    """Who is named: those with ids of upstream, or those known by name only."""
    return {
        name[:2]
        for one in naming
        if isinstance(one.judged, Candidate)
        for name in one.judged.names
        if name.by_name == by_name
    }


def _identity(one: Arrived) -> bytes:
    assert isinstance(one.judged, Candidate), "it names persons"
    return one.judged.identity


def _names(candidate: Candidate) -> Iterable[Named]:
    order = f"{candidate.time.isoformat(timespec='microseconds')}\0{candidate.id}\0{candidate.source}"
    return (Named(person, order) for person in candidate.names)


def _rejected(one: Arrived, refused: Refused) -> Outgoing:
    record = one.record
    return rejected(refused, one.position, one.appended_at, record.key, record.value, record.headers)


async def _let_others_run() -> None:
    await asyncio.sleep(0)
