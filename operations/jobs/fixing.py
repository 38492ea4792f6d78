"""The job of refused events: corrected, or as they are, they are tried; or sent through the door and followed.

The correction is the one of `guanxi rejected fix`; the way is that of dropped files (door.py). An event keeps its
source and id, so that sent twice it counts once; who asked is its `actor`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pydantic_core import to_json

from operations.jobs.audited import asker, audited
from operations.jobs.door import ByDoor, door_client
from operations.jobs.made import Made, Work
from services.ingest.admission import BACKFILL_HEADER
from services.ingest.admit import Candidate, Duplicate, admit, refuse_sender
from services.ingest.doors.files.drafts import Origin
from services.ingest.doors.files.outcomes import Prepared
from services.ingest.doors.kafka.wire import from_kafka
from services.ingest.refusals.fixes import Chosen, Fix, When, fixed
from services.ingest.refusals.read import Rejection, newest, parse_position, read_rejections
from services.ingest.store import MongoStore
from services.query.api.jobs_asked import FixAsked, read_stored
from services.worker.settings import WorkerSettings
from shared.console import SOURCE
from shared.errors import Malformed
from shared.events.codec import CONTENT_TYPE
from shared.events.refusal import Reason, Refused
from shared.kafka.batches import Outgoing
from shared.keys import ApiKey
from shared.mongo.generations import current_generation

MOST = 10_000
"""Events that one job sends: a typo must not flood the inbox."""
AT_ONCE = 500
SHOWN = 50
"""Events and kinds of refusals that the page shows; the result has all."""
MAX_SHOWN_CHARS = 500
READING, TRYING, SENDING = "reading what was refused", "trying", "sending events"


@dataclass(slots=True)
class Told:
    """What became of the events: counts by status, refusals by reason and field, and each of them as a line."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    hints: dict[tuple[str, str], str] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, one: Candidate | str, status: str, why: Refused | None = None) -> None:
        """Of an event; of a record that was not sent, by its place on the inbox."""
        self.counts[status] += 1
        line: dict[str, Any] = {"status": status, "code": None, "field": None, "hint": None}
        if isinstance(one, str):
            line |= {"position": one, "source": None, "event": None, "customer": None}
        else:
            line |= {"position": None, "source": one.source, "event": one.id, "customer": one.subject}
        if why is not None:
            kind = str(why.reason), why.field
            self.refused[kind] += 1
            self.hints.setdefault(kind, why.hint[:MAX_SHOWN_CHARS])
            line |= {"code": kind[0], "field": kind[1], "hint": why.hint[:MAX_SHOWN_CHARS]}
        self.lines.append(line)

    def manifest(self) -> dict[str, Any]:
        """What is told beside the file."""
        kinds = [
            {"reason": reason, "field": where, "rows": rows, "hint": self.hints[reason, where]}
            for (reason, where), rows in self.refused.most_common(SHOWN)
        ]
        return {"counts": dict(self.counts), "refusals": kinds, "events": self.lines[:SHOWN]}


async def fix(work: Work) -> Made:
    """Tries a correction, or sends what it makes. Raises Malformed, Transient."""
    asked = read_stored(work.job.parameters)
    assert isinstance(asked, FixAsked), "by its kind"
    chosen = await _chosen(work, asked)
    told = Told()
    for place, why in chosen.refusals:
        told.tell(place, "refused", why)
    made = list(_prepared(work, chosen))
    if asked.send:
        arguments = (f"--reason {asked.reason}",) if asked.reason else tuple(asked.positions)
        async with audited(work, "rejected replay" if asked.change == "none" else "rejected fix", *arguments):
            await _send(work, made, told)
    else:
        for one in made:
            told.tell(one.candidate, "fit")
    work.file.writelines(to_json(one) + b"\n" for one in told.lines)
    manifest = {"incomplete": chosen.incomplete, **told.manifest()}
    return Made("events.ndjson", "application/x-ndjson", manifest)


async def _chosen(work: Work, asked: FixAsked) -> Chosen:
    """What the topic holds of what was asked for, each original once. Raises Malformed, Transient."""
    wanted = {parse_position(text) for text in asked.positions}
    correction = correction_of(asked)
    window = await newest(work.settings, partitions={one.partition for one in wanted} or None)
    chosen = Chosen()
    make = partial(_made, correction, work)
    work.told.begin(READING, sum(window.ends.values()) - sum(window.begins.values()))
    async for one in read_rejections(work.settings, window):
        work.told.add(1)
        if not wanted or one.position in wanted:
            chosen.take(one, make)
        if len(chosen.records) + len(chosen.refusals) > MOST:
            raise Malformed(f"these are more than {MOST:,}, the most of one job: choose by field or source")
    return chosen


def correction_of(asked: FixAsked) -> Fix:
    """As a file of corrections would say it."""
    path, new = asked.path or "", asked.new
    changes: Mapping[str, Mapping[str, Any]] = {
        "none": {},
        "rename": {"rename": {path: new}},
        "replace": {"values": {path: {asked.old: new}}},
        "set": {"set": {path: new}},
        "remove": {"remove": [path]},
    }
    change = changes[asked.change]
    return Fix.model_validate({"when": When(reason=asked.reason, field=asked.field, source=asked.source), **change})


def _made(correction: Fix, work: Work, one: Rejection) -> Outgoing | Refused | None:
    """The event to send, or why it may not be."""
    settings = work.settings
    made = fixed(correction, one, now=work.now, zone=settings.zone, partitions=settings.partitions)
    if not isinstance(made, Outgoing):
        return made
    if any(name == BACKFILL_HEADER for name, _ in made.headers):
        return Refused(Reason.INVALID_FIELD, "", "it was sent as history: use guanxi rejected fix")
    document = from_kafka(made.value, [CONTENT_TYPE])
    assert not isinstance(document, Refused), "it was judged"
    return _may_send(work.key, document) or made


def _may_send(key: ApiKey, document: Mapping[str, Any]) -> Refused | None:
    """What the door would refuse of who asked."""
    source = str(document["source"])
    if source == SOURCE:
        return Refused(Reason.SOURCE_NOT_ALLOWED, "source", "it was entered in the console: enter it again there")
    if not key.may_send(source):
        return Refused(Reason.SOURCE_NOT_ALLOWED, "source", f"you may not send events of source {source[:100]!r}")
    return refuse_sender(document["type"], document["data"], by_steward=False)


def _prepared(work: Work, chosen: Chosen) -> Iterator[Prepared]:
    for made in chosen.records:
        document = from_kafka(made.value, [CONTENT_TYPE])
        assert not isinstance(document, Refused), "it was judged"
        candidate = admit(document, now=work.now, zone=work.settings.zone)
        assert not isinstance(candidate, Refused), "it was judged"
        assert made.value is not None, "an event"
        yield Prepared(Origin(0, 0, ""), made.value, candidate)


async def _send(work: Work, made: Sequence[Prepared], told: Told) -> None:
    """Through the door, followed until admission has judged each. Raises Malformed, Transient."""
    assert isinstance(work.settings, WorkerSettings), "of the worker"
    async with door_client(work.settings) as (client, secret):
        generation = await current_generation(work.database, "inbox")
        store = MongoStore(work.database, generation)
        way = ByDoor(client, secret, asker(work), store, generation, lambda: datetime.now(UTC))
        work.told.begin(SENDING, len(made))
        for at in range(0, len(made), AT_ONCE):
            underway = await way.send(made[at : at + AT_ONCE])
            found = await underway.outcomes(now=datetime.now(UTC), zone=work.settings.zone)
            for one, outcome in zip(underway.events, found, strict=True):
                if isinstance(outcome, Refused):
                    told.tell(one.candidate, "refused", outcome)
                else:
                    told.tell(one.candidate, "duplicate" if isinstance(outcome, Duplicate) else "admitted")
            work.told.add(len(found))
