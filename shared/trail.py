"""Who read which texts, or was refused them: the entries of the trail, and the chain of each reader's.

Entries are only added. Each names the hash of its reader's last one, so that one that was changed, removed from the
middle or put beside another is found. Where the chains ended is sealed on the log once a day (UTC), so that a chain's
end that was removed or written anew is found too, from the next day on.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from shared.audit import FIRST, NOTHING_BEFORE, hash_of, to_the_millisecond

KEPT = timedelta(days=3 * 366)
"""The law asks for six months at least."""
BULK_CUSTOMERS, BULK_TIME = 50, timedelta(hours=24)
"""Who reads texts of more customers within this time reads in bulk, which is told."""
MAX_FAULTS = 20
"""Told of the chains; more have one cause."""
SEAL_SUBJECT = "heads"
SEAL_KEY = f"trail:{SEAL_SUBJECT}"
"""All seals have this key on the log, so that they stand in one of its partitions."""
SEAL_SOURCE = "guanxi/trail"
SEALED_AFTER = timedelta(hours=1)
"""A day is sealed so long after its end: an entry is stored, or refused, within minutes of its instant."""
UNSEALED_FOR = timedelta(days=2)
"""A day that is not sealed so long after its end should have been."""
_EPOCH = datetime.fromtimestamp(0, UTC)
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One reading, or one refused. grade: None where the customer has no such profile; by: the right, or why not;
    reason and since: of an emergency, why and from when on; bulk: whether the reader reads in bulk with it.
    """

    reader: str
    at: datetime
    customer: str
    profile: str
    vendor_id: str | None
    items: tuple[str, ...]
    grade: str | None
    allowed: bool
    by: str
    reason: str | None = None
    since: datetime | None = None
    bulk: bool = False


def id_of(reader: str, seq: int) -> str:
    """Of an entry: the same for two that claim the same place."""
    return f"{seq:010}/{reader}"


def in_ms(at: datetime) -> int:
    """Milliseconds since 1970."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def chained(entry: Entry, last: Mapping[str, Any] | None) -> Document:
    """The document of an entry that follows its reader's last one. `before_at`: when that was made, since old ones go
    in time; `at_ms`: for who pages through them.
    """
    seq = FIRST if last is None else last["seq"] + 1
    document: Document = {"_id": id_of(entry.reader, seq), "seq": seq, **asdict(entry), "items": [*entry.items]}
    document["at"] = to_the_millisecond(entry.at)
    document["at_ms"] = in_ms(entry.at)
    document["since"] = None if entry.since is None else to_the_millisecond(entry.since)
    document["before"] = NOTHING_BEFORE if last is None else last["hash"]
    document["before_at"] = None if last is None else last["at"]
    return {**document, "hash": hash_of(document)}


Seals = Mapping[date, frozenset[str]]
"""By day, the hashes of the last entries of all chains that grew on it."""


def end_of(day: date) -> datetime:
    """When a day of UTC ends."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


class Chains:
    """Looks at entries by reader and number, then `end`s; `faults` is what was found, at most MAX_FAULTS.

    now: the clock; seals: what the log says of days, where that was asked.
    """

    def __init__(self, now: datetime, seals: Seals | None = None) -> None:
        self.faults: list[str] = []
        self.looked_at = 0
        self._gone_before = now - KEPT
        self._now, self._seals = now, seals
        self._found: dict[date, set[str]] = {}
        self._ends: dict[date, Mapping[str, Any]] = {}
        self._last: Mapping[str, Any] | None = None

    @property
    def sealed_through(self) -> date | None:
        """The last day that was sealed."""
        return max(self._seals, default=None) if self._seals else None

    def look(self, document: Mapping[str, Any]) -> None:
        """At the next entry."""
        last = self._last if self._last is not None and self._last["reader"] == document["reader"] else None
        reader, seq = document["reader"], document["seq"]
        place = f"entry {seq} of {reader}"
        if last is None:
            self._end_chain()
            before_at = document["before_at"]
            if seq != FIRST and (before_at is None or before_at > self._gone_before):
                self._say(f"before {place} there are some missing")
        elif seq == last["seq"]:
            self._say(f"{place} is there twice")
        elif seq != last["seq"] + 1:
            self._say(f"before {place} there are {seq - last['seq'] - 1} missing")
        elif document["before"] != last["hash"]:
            self._say(f"{place} does not follow the one before it")
        if document["_id"] != id_of(reader, seq) or hash_of(document) != document["hash"]:
            self._say(f"{place} was changed")
        if isinstance(document["at"], datetime):
            self._ends[document["at"].date()] = document
        self._last = document
        self.looked_at += 1

    def end(self) -> None:
        """After the last entry: what was sealed must have been there."""
        self._end_chain()
        kept = sorted(day for day in self._seals or () if end_of(day) - timedelta(days=1) > self._gone_before)
        for day in kept:
            gone = len((self._seals or {})[day] - self._found.get(day, set()))
            if gone:
                self._say(f"of what was sealed on {day} the last entries of {gone} chains are gone, or were changed")
        for day, after in pairwise(kept):
            if (after - day).days > 1:
                self._say(f"between {day} and {after} no day was sealed")
        if kept and end_of(kept[-1]) + UNSEALED_FOR < self._now - timedelta(days=1):
            self._say(f"after {kept[-1]} no day was sealed")

    def _end_chain(self) -> None:
        """Of a chain, compare where it ended on each day with what was sealed."""
        for day, last in self._ends.items():
            if self._seals is not None and day in self._seals:
                if last["hash"] in self._seals[day]:
                    self._found.setdefault(day, set()).add(last["hash"])
                else:
                    self._say(f"entry {last['seq']} of {last['reader']} is its last of {day}, and another was sealed")
        self._ends = {}

    def _say(self, fault: str) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(fault)
