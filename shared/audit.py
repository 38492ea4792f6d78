"""What operators did: the entries of the audit log, the chain that ties them together, and the runs they tell of.

A command adds an entry when it begins and one when it ends, so that one that was killed is known too. Entries are only
added. Each names the hash of the one before it, so that one that was changed, or removed from the middle, is found;
who may write the database can still remove the newest.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

Document = dict[str, Any]
FIRST = 1
NOTHING_BEFORE = ""
BEGUN, ENDED = "begun", "ended"
MAX_FAULTS = 20
"""Told of a chain; more have one cause."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. run: ties the two of a command together; exit_code: of the second.

    user and host: as the operating system knows them; name: as the operator gave it. Secrets and data of customers are
    left out of the arguments before (guanxi/auditing.py).
    """

    run: str
    what: str
    begun_at: datetime
    at: datetime
    user: str
    host: str
    name: str | None
    command: str
    arguments: tuple[str, ...]
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A command that ran, of one entry or two. ended_at and exit_code: None where its end is not known: it still runs,
    was killed, or MongoDB did not answer any more.
    """

    begun_at: datetime
    user: str
    host: str
    name: str | None
    command: str
    arguments: tuple[str, ...]
    ended_at: datetime | None
    exit_code: int | None

    @property
    def outcome(self) -> str:
        """In words."""
        if self.ended_at is None:
            return "no end known"
        return "done" if not self.exit_code else f"ended with {self.exit_code}"

    def as_document(self) -> Document:
        """For machines."""
        return asdict(self)


def to_the_millisecond(at: datetime) -> datetime:
    """As MongoDB keeps it."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def chained(entry: Entry, last: Mapping[str, Any] | None) -> Document:
    """The document of an entry that follows the last one."""
    document: Document = {"_id": FIRST if last is None else last["_id"] + 1, **asdict(entry)}
    document["arguments"] = list(entry.arguments)
    document["at"], document["begun_at"] = to_the_millisecond(entry.at), to_the_millisecond(entry.begun_at)
    document["before"] = NOTHING_BEFORE if last is None else last["hash"]
    return {**document, "hash": hash_of(document)}


def hash_of(document: Mapping[str, Any]) -> str:
    """Of everything in it but the hash itself."""
    said = {name: _plain(value) for name, value in document.items() if name != "hash"}
    return sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat(timespec="milliseconds") if isinstance(value, datetime) else value


class Chain:
    """Looks at entries by number, one after the other; `faults` is what was found, at most MAX_FAULTS."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.looked_at = 0
        self._number, self._before = FIRST, NOTHING_BEFORE

    def look(self, document: Mapping[str, Any]) -> None:
        """At the next entry."""
        number = document["_id"]
        if number != self._number:
            self._say(f"before entry {number} there are {number - self._number} missing")
        elif document["before"] != self._before:
            self._say(f"entry {number} does not follow the one before it")
        if hash_of(document) != document["hash"]:
            self._say(f"entry {number} was changed")
        self._number, self._before = number + 1, document["hash"]
        self.looked_at += 1

    def _say(self, fault: str) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(fault)


def runs_of(documents: Iterable[Mapping[str, Any]]) -> list[Run]:
    """The commands that the entries tell of, the last begun first."""
    by_run: dict[str, dict[str, Mapping[str, Any]]] = {}
    for document in documents:
        by_run.setdefault(document["run"], {})[document["what"]] = document
    found = [_run(entries) for entries in by_run.values()]
    return sorted(found, key=lambda one: one.begun_at, reverse=True)


def _run(entries: Mapping[str, Mapping[str, Any]]) -> Run:
    end = entries.get(ENDED)
    one = end or entries[BEGUN]
    return Run(
        begun_at=one["begun_at"],
        user=one["user"],
        host=one["host"],
        name=one["name"],
        command=one["command"],
        arguments=tuple(one["arguments"]),
        ended_at=None if end is None else end["at"],
        exit_code=None if end is None else end["exit_code"],
    )
