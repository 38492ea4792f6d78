"""The register of erasures: who was erased, when and why, how far each is; without any name.

Written to a file it outlives the database: a restore of a backup from before an erasure applies it again from there.
"""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from services.ingest.doors.http.vouching import vouch
from services.ingest.erasing import Eraser
from services.ingest.erasures import ERASURES, PEOPLE, Erasures, erasing_from
from services.ingest.settings import key_bytes
from services.ingest.store import check_person_key
from shared.errors import Malformed, Stop
from shared.events.registry import ERASED
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.connection import partition_of
from shared.mongo import MAJORITY, Database, Document, transient_errors
from shared.settings import Settings
from shared.topics import INBOX, MAX_INBOX_RECORD_BYTES

MAX_REGISTER_BYTES = 64 * 1024 * 1024
KEY_ID = "register"
"""Stands for the API key of what is sent again from the register."""


async def erasures(database: Database) -> AsyncIterator[Document]:
    """All erasures, the oldest first."""
    async with transient_errors():
        async for one in database[ERASURES].find({}).sort("asked_at", 1):
            yield one


async def of_person(database: Database, person_id: str) -> list[str]:
    """The keys of the log that know a person's id, in `people` or in the register."""
    keys: set[str] = set()
    async with transient_errors():
        for collection in (PEOPLE, ERASURES):
            async for one in database[collection].find({"person_id": person_id}, {"key": 1}):
                keys.add(one["key"])
    return sorted(keys)


def to_line(erasure: Document) -> str:
    """An erasure as a line of the register's file: what is needed to apply it again."""
    kept = ("key", "person_id", "mode", "until", "requested_on", "basis", "decided_by", "event", "ties")
    names = [{"hash": one["hash"].hex(), "chars": one["chars"]} for one in erasure.get("names", ())]
    line: dict[str, Any] = {name: erasure.get(name) for name in kept} | {"names": names}
    return json.dumps(line, ensure_ascii=False)


def read_register(path: Path) -> list[Document]:
    """The erasures of a file. Raises Malformed with the line that is none."""
    if path.stat().st_size > MAX_REGISTER_BYTES:
        raise Malformed(f"{path}: over {MAX_REGISTER_BYTES} bytes")
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            one = json.loads(line)
            one["names"] = [{"hash": bytes.fromhex(name["hash"]), "chars": name["chars"]} for name in one["names"]]
            _event(one)
        except (ValueError, KeyError, TypeError) as error:
            raise Malformed(f"{path}, line {number}: no erasure: {type(error).__name__} {error}") from None
        found.append(one)
    return found


async def apply_again(
    settings: Settings, database: Database, listed: Iterable[Document], now: datetime, asked_by: datetime | None = None
) -> tuple[int, int]:
    """After a restore, before doors open: erase again whom the restored register and a register's file name. An erasure
    that only the file knows is sent to the inbox too, so that views fold it. Every one on the restored log is in the
    restored register, as admission stores it first. Gives how many erasures there are, and how many were sent.
    asked_by: the log ends there; whatever was asked for later is sent too.
    """
    person_key, listed = key_bytes(settings.person_key), list(listed)
    await check_person_key(database, person_key)
    stored = Erasures(database, person_key)
    register = [one async for one in erasures(database)]
    known = {_event_of(one) for one in register if asked_by is None or one["asked_at"] <= asked_by}
    missing = [one for one in _each_once([*listed, *register]) if _event_of(one) not in known]
    if missing and not person_key:
        raise Stop("the register can't be applied without GUANXI_PERSON_KEY, which shows that it is ours")
    await stored.erase([erasing_from(one, now) for one in listed])
    collection = database.get_collection(ERASURES, write_concern=MAJORITY)
    async with transient_errors():
        for one in listed:
            learnt = {"names": {"$each": one["names"]}, "ties": {"$each": one["ties"] or []}}
            of = {"_id": {"key": one["key"], "person_id": one["person_id"]}}
            await collection.update_one(of, {"$addToSet": learnt})
        # What the backup has of texts and names may be from before the work on them.
        await collection.update_many({}, {"$set": {"asked_at": now, "next_at": now, "done_at": None}})
    await _send(settings, missing, person_key)
    await Eraser(database, person_key, settings.zone, lambda: now).work()
    async with transient_errors():
        return int(await collection.count_documents({})), len(missing)


def _each_once(listed: Iterable[Document]) -> list[Document]:
    return list({(*_event_of(one), one["key"]): one for one in listed}.values())


def _event_of(one: Document) -> tuple[str, str]:
    return one["event"]["source"], one["event"]["id"]


def _event(one: Document, also: Sequence[str] = ()) -> Document:
    """The PersonErased that an erasure came from; also: the keys of the other erasures that it asked for."""
    scope, _, subject = one["key"].partition(":")
    fields = ("person_id", "requested_on", "basis", "mode", "decided_by")
    data = {"scope": scope} | {name: one[name] for name in fields}
    if one["until"] is not None:
        data["until"] = one["until"]
    if also:
        data["also"] = [*also]
    event = one["event"]
    attributes = {"specversion": "1.0", "type": ERASED, "subject": subject}
    return attributes | {"id": event["id"], "source": event["source"], "time": event["time"], "data": data}


async def _send(settings: Settings, missing: Iterable[Document], person_key: bytes) -> None:
    of_event: dict[tuple[str, str], list[Document]] = {}
    for one in missing:
        of_event.setdefault(_event_of(one), []).append(one)
    records = []
    for one, *others in of_event.values():
        event = _event(one, [other["key"] for other in others])
        value, key = json.dumps(event, ensure_ascii=False).encode(), one["key"].encode()
        headers = vouch(KEY_ID, value, person_key)
        records.append(Outgoing(partition_of(key, settings.partitions), key, value, [*headers]))
    if records:
        appender = Appender(settings, max_record_bytes=MAX_INBOX_RECORD_BYTES)
        try:
            await appender.append(INBOX.full_name(settings), records)
        finally:
            await appender.close()
