"""Erases what admission was asked to: names in `people`, in texts, and hashes of them in claims.

Each erasure is worked on at once, an hour later and then once a day, as often as that may be: what a batch of admission
wrote that began before it knew of the erasure is found by the next one. It is done when the topics that may still hold
the name have let it go, nothing waits for a steward, and no restriction is left (domain.md, Erasing a person).
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from msgspec.json import decode as from_json

from services.ingest.admit.erasing import Forgetting, Kept
from services.ingest.erasures import ERASE, ERASURES, PEOPLE, RESTRICT, known_by, names_of
from services.ingest.store import CLAIMS, SAYING
from shared import metrics
from shared.errors import Transient
from shared.mongo import Database, Document, by_majority, transient_errors
from shared.mongo.texts import TEXTS
from shared.topics import INBOX, REJECTED

SOON = timedelta(hours=1)
DAILY = timedelta(days=1)
DONE_AFTER = timedelta(milliseconds=max(INBOX.kept_ms, REJECTED.kept_ms))
"""As long as the inbox and the topic of refusals keep anything: 22 days."""
LOOK_EVERY_SECONDS = 30.0
READ_AT_ONCE = 500
MAX_CONFIRMED = 10_000
"""Texts of one erasure that wait for a steward; with more, the rest are listed when these are done."""

log = logging.getLogger(__name__)


class Worked(NamedTuple):
    """What one turn has done: names taken out of `people`, texts gone whole, texts changed, claims without their hash;
    and the texts of which a steward must say whether the name is in them.
    """

    people: int
    texts_gone: int
    texts_changed: int
    claims: int
    confirm: Sequence[str]


class Eraser:
    """Works on erasures. zone: of business days; now: the clock."""

    def __init__(
        self, database: Database, person_key: bytes, zone: ZoneInfo, now: Callable[[], datetime] | None = None
    ) -> None:
        self._erasures, self._people, self._texts, self._claims = (
            by_majority(database, name) for name in (ERASURES, PEOPLE, TEXTS, CLAIMS)
        )
        self._person_key, self._zone = person_key, zone
        self._now = now or (lambda: datetime.now(UTC))

    async def work(self) -> int:
        """Work on everything that is due; gives how many erasures that were."""
        due = {"next_at": {"$lte": self._now()}}
        async with transient_errors():
            ids = [one["_id"] async for one in self._erasures.find(due, {"_id": 1})]
        for one in ids:
            await self.work_on(one)
        return len(ids)

    async def work_on(self, of: Document) -> Worked | None:
        """Work on one erasure; None when there is none."""
        now = self._now()
        erasure = await self._learnt(of)
        if erasure is None:
            return None
        if erasure["mode"] == RESTRICT and date.fromisoformat(erasure["until"]) < now.astimezone(self._zone).date():
            erasure |= {"mode": ERASE, "restricted_until": erasure["until"], "until": None}
            changed = {name: erasure[name] for name in ("mode", "restricted_until", "until")}
            async with transient_errors():
                await self._erasures.update_one({"_id": of, "mode": RESTRICT}, {"$set": changed})
        people = await self._forget_person(erasure)
        gone, changed_texts, touched, confirm = await self._forget_in_texts(erasure)
        claims = await self._forget_in_claims(erasure, touched)
        worked = Worked(people, gone, changed_texts, claims, confirm)
        await self._note(erasure, worked, now)
        log.info("erasure worked on: %d texts, %d claims", gone + changed_texts, claims)
        return worked

    async def overdue(self) -> int:
        """How many erasures are not done although they could be."""
        late = {"done_at": None, "mode": ERASE, "asked_at": {"$lt": self._now() - DONE_AFTER - DAILY}}
        async with transient_errors():
            return int(await self._erasures.count_documents(late))

    async def confirm(self, of: Document, text_id: str, *, is_name: bool) -> bool:
        """A steward says of a text that waits whether the name in it is the person's; False when it does not wait."""
        async with transient_errors():
            erasure = await self._erasures.find_one({"_id": of, "confirm": text_id})
            text = await self._texts.find_one({"_id": text_id})
        if erasure is None:
            return False
        if is_name and text is not None:
            await self._change(text, self._forgetting(erasure).confirmed(_kept_of(text)))
            await self._forget_in_claims(erasure, {(text["claim"], text["revision"])})
        said: Document = {"$pull": {"confirm": text_id}, "$set": {"next_at": self._now()}}
        if not is_name:
            said["$addToSet"] = {"kept_texts": text_id}
        async with transient_errors():
            await self._erasures.update_one({"_id": of}, said)
        return True

    async def _learnt(self, of: Document) -> Document | None:
        """The erasure, with the names by which the person is known now."""
        async with transient_errors():
            known = await self._people.find({"key": of["key"], "person_id": of["person_id"]}).to_list(None)
            names, ties = known_by(known, self._person_key)
            learnt = {"names": {"$each": names}, "ties": {"$each": ties}}
            await self._erasures.update_one({"_id": of}, {"$addToSet": learnt})
            return await self._erasures.find_one({"_id": of})

    async def _forget_person(self, erasure: Document) -> int:
        """The name, the title, and what ties a name to the id: also of one whom a batch has named anew meanwhile."""
        key, tied = erasure["key"], {"$in": erasure.get("ties", [])}
        hides = erasure["mode"] == RESTRICT
        async with transient_errors():
            anew = [one["person_id"] async for one in self._people.find({"key": key, "tie": tied}, {"person_id": 1})]
            gone: Document = {"key": key, "person_id": {"$in": [erasure["person_id"], *anew]}}
            if not hides:
                return int((await self._people.delete_many(gone)).deleted_count)
            person = await self._people.find_one({"_id": erasure["_id"]})
            if person is not None and "name" in person:
                kept = {name: person[name] for name in ("name", "title") if name in person}
                hidden = {"$set": {"kept": kept}, "$unset": {"name": "", "title": ""}}
                await self._people.update_one({"_id": erasure["_id"], "order": person["order"]}, hidden)
            removed = await self._people.delete_many({**gone, "_id": {"$ne": erasure["_id"]}})
        return int(removed.deleted_count)

    async def _forget_in_texts(self, erasure: Document) -> tuple[int, int, set[tuple[bytes, int]], list[str]]:
        """How many texts went whole and how many were changed; of which revisions; and which must be confirmed."""
        gone = changed = 0
        touched: set[tuple[bytes, int]] = set()
        confirm: list[str] = []
        forgetting, left_alone = self._forgetting(erasure), {*erasure.get("kept_texts", ())}
        async with transient_errors():
            async for text in self._texts.find({"key": erasure["key"]}, batch_size=READ_AT_ONCE):
                stored = _kept_of(text)
                left, unsure = forgetting.forget(stored, text.get("mentions", ()))
                if unsure and text["_id"] not in left_alone and len(confirm) < MAX_CONFIRMED:
                    confirm.append(text["_id"])
                if left != stored:
                    await self._change(text, left)
                if left.text != stored.text:
                    touched.add((text["claim"], text["revision"]))
                    gone += left.text is None
                    changed += left.text is not None
        return gone, changed, touched, confirm

    def _forgetting(self, erasure: Document) -> Forgetting:
        restricts = erasure["mode"] == RESTRICT
        return Forgetting(erasure["key"], erasure["person_id"], names_of(erasure), self._person_key, restricts)

    async def _change(self, text: Document, left: Kept) -> None:
        """Unless somebody else has changed it meanwhile: then the next turn does."""
        fields = {"text": left.text, "kept": left.kept, "kept_for": [*left.kept_for] or None}
        changes: Document = {}
        for name, value in fields.items():
            if value != text.get(name):
                operator = "$unset" if value is None else "$set"
                changes.setdefault(operator, {})[name] = "" if value is None else value
        if changes:
            unchanged = {"_id": text["_id"], "text": text.get("text"), "kept": text.get("kept")}
            async with transient_errors():
                await self._texts.update_one(unchanged, changes)

    async def _forget_in_claims(self, erasure: Document, touched: Collection[tuple[bytes, int]]) -> int:
        """How many claims lost a hash of what the person's events said: of the texts that were changed; of events that
        name the person; and of facts without a business id, of which the claim can't tell whom they name.
        """
        wanted = {"key": erasure["key"]} | SAYING
        count = 0
        async with transient_errors():
            async for claim in self._claims.find(wanted, batch_size=READ_AT_ONCE):
                places = [
                    place
                    for place, entry in enumerate(claim["entries"])
                    if entry.get("said") is not None
                    and ((claim["_id"], entry["revision"]) in touched or _may_name(entry, erasure["person_id"]))
                ]
                if places:
                    forgotten = {f"entries.{place}.said": None for place in places}
                    # A greater v, so that admission does not write the claim as it has read it.
                    one = {"_id": claim["_id"], "v": claim["v"]}
                    changed = await self._claims.update_one(one, {"$set": forgotten, "$inc": {"v": 1}})
                    count += changed.modified_count
        return count

    async def _note(self, erasure: Document, worked: Worked, now: datetime) -> None:
        """What was found, and when it is looked for again."""
        age = now - erasure["asked_at"]
        is_done = age >= DONE_AFTER and erasure["mode"] == ERASE and not worked.confirm
        found = worked._asdict()
        del found["confirm"]
        noted: Document = {
            "$set": {
                "confirm": [*worked.confirm],
                "worked_at": now,
                "done_at": now if is_done else None,
                "next_at": None if is_done else now + (SOON if age < SOON else DAILY),
            },
            "$inc": {f"found.{name}": number for name, number in found.items()},
        }
        # A further request that came meanwhile is looked at next time.
        async with transient_errors():
            await self._erasures.update_one({"_id": erasure["_id"], "mode": erasure["mode"]}, noted)


async def keep_erasing(eraser: Eraser) -> None:
    """Work on what is due, for as long as the process runs. Several processes may: each step can be done twice."""
    while True:
        try:
            await eraser.work()
            metrics.ERASURES_OVERDUE.set(await eraser.overdue())
        except Transient as error:
            log.warning("erasing waits: %s", error)
        await asyncio.sleep(LOOK_EVERY_SECONDS)


def _kept_of(text: Document) -> Kept:
    return Kept(text.get("text"), text.get("kept"), tuple(text.get("kept_for", ())))


def _may_name(entry: Document, person_id: str) -> bool:
    """Whether a claim's revision may be of an event that names the person."""
    if entry["undo"] is None:
        return True
    data = from_json(entry["undo"])["data"] or {}
    return any(one.get("person_id") == person_id for one in data.get("attendees", ()))
