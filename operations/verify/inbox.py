"""Checks the outcome of each record still on the inbox: on the log, refused, or a duplicate; nothing else.

And what admission remembers (the claims) against the log, both ways.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from operations.verify.findings import Report
from operations.verify.log import OnLog, identity
from operations.verify.meter import Meter
from operations.verify.positions import Offsets, Positions, Source, Sums, block_of
from operations.verify.sample import Wants
from services.ingest.admission import read
from services.ingest.admit import Candidate, Duplicate, judge
from services.ingest.refusals.read import parse
from services.ingest.settings import key_bytes
from services.ingest.store import CLAIMS, MongoClaims, is_person_key
from shared.errors import Malformed
from shared.events.codec import type_and_position
from shared.events.event import Position
from shared.events.refusal import Reason, Refused
from shared.events.registry import FACTS
from shared.kafka.connection import Record
from shared.kafka.follow import Follower
from shared.kafka.scan import Bounds
from shared.mongo import Database, transient_errors
from shared.settings import Settings
from shared.topics import INBOX, LOG, REJECTED

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CLAIMS_AT_ONCE = 5000
MAX_PLACED = 100
"""Differences of whose records the place on the log is looked up; of more, the inbox position must do."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """How far admission had come before the log was read: so all of it is on the log, or a duplicate, or refused."""

    generation: int
    positions: Mapping[int, int]
    inbox: Bounds


async def refusals(settings: Settings, held: Bounds, on_log: OnLog, meter: Meter, report: Report) -> Positions:
    """The positions on the inbox of what stands on the topic of refusals."""
    found = Positions()
    meter.begin("reading refusals", sum(held.ends.values()) - sum(held.begins.values()))
    async with Follower(settings, REJECTED.full_name(settings)) as follower:
        for partition, end in held.ends.items():
            follower.seek(partition, held.begins[partition])
            async for records in follower.read(end):
                meter.add(len(records))
                for record in records:
                    try:
                        rejection = parse(record)
                    except Malformed:
                        continue  # somebody else's record
                    found.add(rejection.position)
                    if rejection.position in on_log.admitted and rejection.reason != Reason.INTERNAL_ERROR:
                        said = f"is on the log although it was refused ({rejection.reason})"
                        report.found("log", "refused_and_admitted", _name(rejection.position), None, said)
    return found


async def check_inbox(
    settings: Settings,
    database: Database,
    admitted: Admitted,
    on_log: OnLog,
    refused: Positions,
    meter: Meter,
    report: Report,
) -> None:
    """Each record of the inbox below admission's position that is on neither topic must be a duplicate."""
    claims = MongoClaims(database)
    comparable = await is_person_key(database, key_bytes(settings.person_key))
    async with Follower(settings, INBOX.full_name(settings)) as follower:
        for partition, end in admitted.positions.items():
            begin = admitted.inbox.begins.get(partition, 0)
            source: Source = (admitted.generation, partition)
            report.looked_at["records of the inbox"] += max(0, end - begin)
            rest = Offsets()
            for offset in Offsets.all_of(begin, end).without(on_log.admitted.of(source), begin, end):
                if offset not in refused.of(source):
                    rest.add(offset)
            offsets = list(rest.without(Offsets(), begin, end))
            if not offsets:
                continue
            meter.begin(f"inbox partition {partition}", offsets[-1] + 1 - offsets[0])
            follower.seek(partition, offsets[0])
            async for records in follower.read(offsets[-1] + 1):
                meter.add(len(records))
                unknown = [record for record in records if record.offset in rest]
                judged = [_read(record, settings, comparable=comparable) for record in unknown]
                positions = [Position(admitted.generation, one.partition, one.offset) for one in unknown]
                await _judge(list(zip(positions, judged, strict=True)), claims, report)


async def _judge(judged: Sequence[tuple[Position, Candidate | Refused]], claims: MongoClaims, report: Report) -> None:
    """Admission's present verdict on records, given all claims."""
    identities = {one.identity for _, one in judged if isinstance(one, Candidate) and one.claimed}
    known = await claims.find(list(identities))
    for position, one in judged:
        if isinstance(one, Refused):
            said = f"would be refused ({one.reason}), but is not among what was refused"
            report.found("log", "lost_refusal", _name(position), None, said)
            continue
        verdict = judge(known.get(one.identity), one, position)
        if isinstance(verdict, Duplicate):
            report.looked_at["duplicates on the inbox"] += 1
        elif isinstance(verdict, Refused):
            said = f"{one.type} {one.id} would be refused ({verdict.reason}), but is not among what was refused"
            report.found("log", "lost_refusal", one.key, _name(position), said)
        else:
            how = "is claimed" if verdict.claim is None and one.claimed else "is new"
            said = f"{one.type} {one.id} of {one.source} {how}, but admission passed it and it is not on the log"
            report.found("log", "skipped", one.key, _name(position), said)


def _read(record: Record, settings: Settings, *, comparable: bool) -> Candidate | Refused:
    """As admission reads it: an error of ours is a refusal there. comparable: whether the key is here by which the
    hashes of texts and names were made; without it a repeat counts as one whatever it says.
    """
    appended_at = EPOCH + timedelta(milliseconds=record.timestamp)
    try:
        token = settings.backfill_token.get_secret_value().encode()
        found = read(record, appended_at, settings.zone, token, key_bytes(settings.person_key))
    except Exception as error:  # noqa: BLE001 - whatever a record does
        return Refused(Reason.INTERNAL_ERROR, "", f"{type(error).__name__}: {error}")
    return replace(found, said=None) if isinstance(found, Candidate) and not comparable else found


async def check_claims(
    settings: Settings,
    database: Database,
    admitted: Admitted,
    on_log: OnLog,
    log_ends: Mapping[int, int],
    wants: Wants,
    meter: Meter,
    report: Report,
) -> None:
    """Every claim has its record on the log, and every record its claim."""
    claimed, identities = Positions(), Sums()
    meter.begin("claims", await _count(database))
    async for some in _claims(database):
        meter.add(len(some))
        for claim in some:
            is_wanted = wants(claim["key"])
            report.looked_at["claims"] += is_wanted
            for position, entry in _entries(claim):
                claimed.add(position)  # whoever it belongs to now: a record that moved was somebody else's first
                if position in on_log.to_be_claimed:
                    identities.add(position, claim["_id"])
                if is_wanted and position not in on_log.admitted and _is_past(position, admitted):
                    said = (
                        f"revision {entry['revision']} is claimed, but is not on the log: sent again, it would be "
                        "refused"
                    )
                    report.found("log", "claimed_not_logged", claim["key"], _name(position), said + " as a duplicate")
    await _report_unclaimed(settings, on_log.to_be_claimed, claimed, log_ends, meter, report)
    blocks = on_log.identities.differing(identities)
    if blocks:
        await _report_misplaced(settings, database, blocks, log_ends, meter, report)


def _entries(claim: dict[str, Any]) -> Iterator[tuple[Position, dict[str, Any]]]:
    for entry in claim["entries"]:
        yield Position(*map(int, entry["position"].split("/"))), entry


async def _report_misplaced(
    settings: Settings,
    database: Database,
    blocks: Collection[tuple[int, int, int]],
    log_ends: Mapping[int, int],
    meter: Meter,
    report: Report,
) -> None:
    """Which claims stand under another identity than that of the record that they say they are of."""
    wanted: dict[Position, bytes] = {}
    meter.begin("finding what is claimed under another identity", sum(log_ends.values()))
    async for record, name, position in _admitted_records(settings, log_ends, meter):
        if block_of(position) in blocks and name in FACTS and FACTS[name].is_claimed:
            wanted.setdefault(position, identity(record, name))
    async for some in _claims(database):
        for claim in some:
            for position, entry in _entries(claim):
                if wanted.get(position._replace(output=0), claim["_id"]) != claim["_id"]:
                    said = f"revision {entry['revision']} is claimed under another identity than its record on the log "
                    said += "has: sent again, that counts twice"
                    report.found("log", "claimed_as_another", claim["key"], _name(position), said)


async def _count(database: Database) -> int:
    async with transient_errors():
        return int(await database[CLAIMS].estimated_document_count())


async def _claims(database: Database) -> AsyncIterator[list[dict[str, Any]]]:
    projection = {"key": 1, "entries.position": 1, "entries.revision": 1}
    async with transient_errors():
        cursor = database[CLAIMS].find({}, projection=projection, batch_size=CLAIMS_AT_ONCE)
        while some := await cursor.to_list(length=CLAIMS_AT_ONCE):
            yield some


def _is_past(position: Position, admitted: Admitted) -> bool:
    """Whether admission had gone past it before the log was read."""
    if position.generation != admitted.generation:
        return position.generation < admitted.generation
    return position.offset < admitted.positions.get(position.partition, 0)


async def _report_unclaimed(
    settings: Settings,
    to_be_claimed: Positions,
    claimed: Positions,
    log_ends: Mapping[int, int],
    meter: Meter,
    report: Report,
) -> None:
    missing = set()
    said = "is on the log without a claim: sent again, it would count twice"
    for number, position in enumerate(to_be_claimed.without(claimed)):
        if number < MAX_PLACED:
            missing.add(position)
        else:
            report.found("log", "logged_not_claimed", _name(position), None, said)
    if not missing:
        return
    meter.begin("finding the records without a claim", sum(log_ends.values()))
    async with aclosing(_admitted_records(settings, log_ends, meter)) as admitted:
        async for record, name, position in admitted:
            if position not in missing:
                continue
            missing.discard(position)
            key = (record.key or b"").decode(errors="replace")
            place = f"log partition {record.partition} offset {record.offset}, from {_name(position)}"
            report.found("log", "logged_not_claimed", key, place, f"{name} {said}")
            if not missing:
                return


async def _admitted_records(
    settings: Settings, log_ends: Mapping[int, int], meter: Meter
) -> AsyncGenerator[tuple[Record, str, Position], None]:
    """The log's records that came from the inbox, each with its type and where it was there."""
    async with Follower(settings, LOG.full_name(settings)) as follower:
        for partition, end in log_ends.items():
            follower.seek(partition, 0)
            async for records in follower.read(end):
                meter.add(len(records))
                for record in records:
                    try:
                        name, at = type_and_position(record.headers)
                    except Malformed:
                        continue
                    if at is not None:
                        yield record, name, at._replace(output=0)


def _name(position: Position) -> str:
    return f"inbox {position.generation}/{position.partition}/{position.offset}"
