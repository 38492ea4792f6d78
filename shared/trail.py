"""Who read which texts, or was refused them: the entries of the trail, and the chain of each reader's.

Entries are only added. Each names the hash of its reader's last one, so that one that was changed, removed from the
middle or put beside another is found; who may write the database can still remove a reader's newest.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.audit import FIRST, NOTHING_BEFORE, hash_of, to_the_millisecond

KEPT = timedelta(days=3 * 366)
"""The law asks for six months at least."""
BULK_CUSTOMERS, BULK_TIME = 50, timedelta(hours=24)
"""Who reads texts of more customers within this time reads in bulk, which is told."""
MAX_FAULTS = 20
"""Told of the chains; more have one cause."""
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


class Chains:
    """Looks at entries by reader and number; `faults` is what was found, at most MAX_FAULTS. now: the clock."""

    def __init__(self, now: datetime) -> None:
        self.faults: list[str] = []
        self.looked_at = 0
        self._gone_before = now - KEPT
        self._last: Mapping[str, Any] | None = None

    def look(self, document: Mapping[str, Any]) -> None:
        """At the next entry."""
        last = self._last if self._last is not None and self._last["reader"] == document["reader"] else None
        reader, seq = document["reader"], document["seq"]
        place = f"entry {seq} of {reader}"
        if last is None:
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
        self._last = document
        self.looked_at += 1

    def _say(self, fault: str) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(fault)
