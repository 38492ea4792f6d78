"""Searches every store for a person's name: evidence for an auditor of what is where, and why (docs/erasing.md).

The name comes from who asks, is compared folded (NFKC, case, white space), and is neither stored nor shown. Databases
and topics are searched as bytes, whatever field or key it may stand in.
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from unicodedata import normalize

from shared.kafka.connection import Record
from shared.kafka.follow import Follower
from shared.kafka.scan import bounds
from shared.mongo import Database
from shared.mongo.dump import read_raw, stored_collections
from shared.settings import Settings
from shared.topics import CHANGES, INBOX, LOG, REJECTED, TIERS, Topic

SEARCHED_TOPICS = (INBOX, LOG, REJECTED, TIERS, CHANGES)

REMAINS = {
    INBOX.name: "it goes with the topic's retention: 7 days, and up to a day more",
    REJECTED.name: "it goes with the topic's retention: 21 days, and up to a day more; do not replay it",
    LOG.name: "it stays: only a log from before names and texts left it has any; guanxi relog moves texts out",
    "people": "another person of this name may be there; `guanxi person find` says who",
    "texts": "a short name, a longer word, a text of another customer, or one kept from sight (restrict)",
    "trail": "who read a text gave it as the reason of an emergency; it goes after three years",
    "claims": "what undoing needs, from before texts left the log; it goes with the record's next revision",
}
"""Why a name may still be where it is found."""
_ELSE = "nothing there is meant to hold names: tell the developers"


class Place(NamedTuple):
    """A store that was searched: how much was looked at, in how much of it the name is, and why it may be."""

    name: str
    searched: int
    found: int

    @property
    def why(self) -> str:
        """Why what is found may still be there; empty where nothing is."""
        return REMAINS.get(self.name, _ELSE) if self.found else ""


@dataclass(slots=True)
class Searched:
    """The outcome of a search."""

    places: list[Place] = field(default_factory=list)

    @property
    def found(self) -> list[Place]:
        """Where the name is."""
        return [place for place in self.places if place.found]


def folded(text: str) -> str:
    """Compatible forms and case are the same, white space is none."""
    return "".join(normalize("NFKC", normalize("NFKC", text).casefold()).split())


def holds(value: bytes | None, name: str) -> bool:
    """Whether bytes have a folded name in them, also where JSON writes it in escapes."""
    if not value:
        return False
    text = value.decode(errors="replace")
    if name in folded(text):
        return True
    if "\\u" not in text:
        return False
    try:
        return name in folded(json.dumps(json.loads(text), ensure_ascii=False))
    except ValueError:
        return False


async def search(settings: Settings, database: Database, name: str) -> Searched:
    """Search all collections, the former generations of views among them, and all topics."""
    wanted, searched = folded(name), Searched()
    for collection in await stored_collections(database):
        count = found = 0
        async for raw in read_raw(database, collection):
            count += 1
            found += holds(raw, wanted)
        searched.places.append(Place(collection, count, found))
    for topic in SEARCHED_TOPICS:
        count = found = 0
        async for records in _records(settings, topic):
            count += len(records)
            found += sum(_in_record(record, wanted) for record in records)
        searched.places.append(Place(topic.name, count, found))
    return searched


async def _records(settings: Settings, topic: Topic) -> AsyncIterator[Sequence[Record]]:
    name = topic.full_name(settings)
    held = await bounds(settings, name)
    partitions = [partition for partition, end in held.ends.items() if held.begins[partition] < end]
    if not partitions:
        return  # aiokafka's consumer does not take being stopped before it has read anything
    async with Follower(settings, name) as follower:
        for partition in partitions:
            follower.seek(partition, held.begins[partition])
            async for records in follower.read(held.ends[partition]):
                yield records


def _in_record(record: Record, name: str) -> bool:
    return any(holds(part, name) for part in (record.value, record.key, *(text for _, text in record.headers)))
