"""What one event puts on the log under other keys, and what is left of a person who was erased."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

from shared.kafka.connection import partition_of
from tests.sim.arrivals import AGREED, ASSESSED, COVERED, ERASED, VOIDED, LogEntry
from tests.sim.checks import Aftermath, Broken
from tests.sim.plan import PARTITIONS

A_TURN = timedelta(days=2)
"""After its last day a restriction is an erasing within a day, by the eraser's next turn."""
MARGIN_MS = 8_000
"""More than the clocks of brokers are apart."""
Outputs = dict[str, str | None]
"""By key, the first day that a plan covers, or the person who was erased; None where a plan covers no more."""


def every_output_is_on_the_log(after: Aftermath) -> None:
    """Invariant 3: an event that concerns other keys is there under each of them, once, in their order."""
    found: dict[Any, list[LogEntry]] = defaultdict(list)
    for entry in after.facts():
        assert entry.position is not None
        found[entry.position[:3]].append(entry)
    for position, wanted in _wanted(after):
        first, *rest = sorted(found.pop(position), key=lambda one: one.position or ())
        outputs = {(one.record.key or b"").decode(): _said(one.document) for one in rest}
        if outputs != wanted or [*outputs] != sorted(outputs) or len(outputs) != len(rest):
            raise Broken(f"{position} ({first.document['type']}) is under {outputs}, not under {wanted}")
        for one in rest:
            if one.record.partition != partition_of(one.record.key or b"", PARTITIONS):
                raise Broken(f"{one.position} is on the log under a wrong key")
    left = next((position for position, entries in found.items() if len(entries) != 1), None)
    if left is not None:
        raise Broken(f"{left} is on the log under {len(found[left])} keys")


def _wanted(after: Aftermath) -> Iterator[tuple[Any, Outputs]]:
    """By the position of each admitted plan, void of one, and erasure, what it must be under."""
    admitted = {entry.position[:3] for entry in after.facts() if entry.position is not None}
    known: dict[Any, dict[int, list[str]]] = defaultdict(dict)
    judged = [(position, one) for position, _, one in after.arrived if position in admitted]
    for position, one in sorted(judged, key=lambda each: each[1].revision):
        document = one.document
        data, name = document["data"], document["type"]
        if name == ERASED:
            yield position, dict.fromkeys(data.get("also", ()), data["person_id"])
        elif name == AGREED or (name == VOIDED and data["kind"] == "plan"):
            covers = data.get("covers", [])
            before = known[one.key]
            last = before[max(before)] if before else []
            gone: Outputs = dict.fromkeys((f"customer:{who}" for who in last), None)
            before[one.revision] = covers
            yield position, gone | dict.fromkeys((f"customer:{who}" for who in covers), data.get("from_on"))


def _said(document: dict[str, Any]) -> str | None:
    data: dict[str, str | None] = document["data"]
    return data.get("from_on") if document["type"] == COVERED else data["person_id"]


def an_erased_name_is_nowhere(after: Aftermath) -> None:
    """Of somebody who had one name until the erasing: it is neither with the persons of the customer nor in its texts,
    whatever came before, meanwhile and after.
    """
    sent = {position: one.document for position, _, one in after.arrived}
    mongo = after.world.mongo
    for partition in after.log:
        names: dict[tuple[str, str], set[str]] = defaultdict(set)
        for entry in partition:
            if entry.position is None or entry.position[:3] not in sent:
                continue
            key = (entry.record.key or b"").decode()
            if entry.document["type"] == ERASED:
                person = entry.document["data"]["person_id"]
                if len(names[key, person]) == 1:
                    _look(
                        mongo.find("people", {"key": key}),
                        mongo.find("texts", {"key": key}),
                        person,
                        *names[key, person],
                    )
                continue
            data = sent[entry.position[:3]]["data"]
            for one in (data, *data.get("attendees", ())):
                if "person_id" in one and "name" in one:
                    names[key, one["person_id"]].add(one["name"])


def _look(people: list[Any], texts: list[Any], person: str, name: str) -> None:
    named = [one for one in people if one["person_id"] == person and (one.get("name") or one.get("title"))]
    if named:
        raise Broken(f"{person} was erased, and is {named[0]}")
    whole = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    for one in texts:
        if whole.search(one.get("text") or ""):
            raise Broken(f"{person} was erased, and {name!r} is in {json.dumps(one['text'], ensure_ascii=False)}")


def an_erased_name_is_let_in_no_more(after: Aftermath) -> None:
    """Of somebody named well before the erasing: who is sent under that name alone, well after it is on the log, has no
    id any more, whichever process admits it.
    """
    arrived = {position: (record.timestamp, one.document) for position, record, one in after.arrived}
    for partition in after.log:
        named: dict[tuple[bytes, str], list[tuple[int, str]]] = defaultdict(list)
        gone: dict[bytes, dict[str, int]] = defaultdict(dict)
        for entry in partition:
            if entry.position is None:
                continue
            key, logged = entry.record.key or b"", entry.record.timestamp
            came, document = arrived[entry.position[:3]]
            if entry.document["type"] == ERASED:
                known = named[key, entry.document["data"]["person_id"]]
                if known and len({name for _, name in known}) == 1 and max(known)[0] + MARGIN_MS < came:
                    gone[key].setdefault(known[0][1], logged)
                continue
            data = document["data"]
            if document["type"] == ASSESSED:
                named[key, data["person_id"]].append((logged, data["name"]))
            for sent, kept in zip(data.get("attendees", ()), entry.document["data"].get("attendees", ()), strict=True):
                if sent.get("person_id"):
                    named[key, sent["person_id"]].append((logged, sent["name"]))
                elif gone[key].get(sent["name"], came) + MARGIN_MS < came and kept.get("person_id"):
                    raise Broken(f"{sent['name']!r} was erased, and is {kept['person_id']} at {entry.position}")


def what_is_restricted_is_kept_from_sight(after: Aftermath) -> None:
    """Whose last erasing is a restriction has the name kept, where no field shows it, through its last day; with an
    erasing, and after that day, nothing is kept.
    """
    mongo, today = after.world.mongo, after.now.date()
    restricted: dict[str, bool] = defaultdict(bool)
    for (key, person), (last, names) in _erasings(after).items():
        people = mongo.find("people", {"key": key, "person_id": person})
        kept = {one["kept"]["name"] for one in people if "kept" in one}
        over = last is None or last + A_TURN < today
        restricted[key] |= not over
        if last is not None and today <= last and len(names) == 1 and kept != names:
            raise Broken(f"{person} of {key} is restricted through {last}, and of {names} there is {kept}")
        if over and kept:
            raise Broken(f"{person} of {key} is erased, and {kept} is kept")
    for key in (key for key, some in restricted.items() if not some):
        if any(one.get("kept") for one in mongo.find("texts", {"key": key})):
            raise Broken(f"nobody of {key} is restricted any more, and a text is kept")


def _erasings(after: Aftermath) -> dict[tuple[str, str], tuple[date | None, set[str]]]:
    """By key and person: through which day they are restricted, None if erased; and how they were named before."""
    sent = {position: one.document for position, _, one in after.arrived}
    found: dict[tuple[str, str], tuple[date | None, set[str]]] = {}
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in (one for partition in after.log for one in partition):
        if entry.position is None or entry.position[:3] not in sent:
            continue
        key, data = (entry.record.key or b"").decode(), entry.document["data"]
        if entry.document["type"] != ERASED:
            data = sent[entry.position[:3]]["data"]
            for one in (data, *data.get("attendees", ())):
                if "person_id" in one and "name" in one:
                    names[key, one["person_id"]].add(one["name"])
            continue
        of = key, data["person_id"]
        last, before = found.get(of, (date.min, {*names[of]}))
        until = date.fromisoformat(data["until"]) if data["mode"] == "restrict" else None
        found[of] = None if last is None or until is None else max(last, until), before
    return found


CHECKS: tuple[Callable[[Aftermath], None], ...] = (
    every_output_is_on_the_log,
    an_erased_name_is_nowhere,
    an_erased_name_is_let_in_no_more,
    what_is_restricted_is_kept_from_sight,
)
