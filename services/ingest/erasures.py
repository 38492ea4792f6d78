"""Who is to be erased, as ingest stores it, and what must not come back; and the ids of persons known by name only.

An erasure is one document, by the log's key and the person's id. It holds no name: to find one it has keyed hashes
(`services.ingest.admit.erasing`). In `people` a person known by name only has two documents: who it is, and the tie,
found by the keyed hash of the name, to the id that was drawn.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from secrets import token_hex
from typing import Any

from services.ingest.admit.erasing import Erasing, HashedName, Person, Suppressed, hashed_name, suppressed_as, tie_of
from services.ingest.admit.people import DERIVED
from shared.mongo import Database, Document, by_majority, insert_new, transient_errors

ERASURES, PEOPLE = "erasures", "people"
ERASE, RESTRICT = "erase", "restrict"
MAX_DRAWS = 8
"""Rounds of drawing ids; each lost one means that another process has drawn one for the same name."""
_DRAWN_BYTES = 12


def new_id() -> str:
    """An id for a person known by name only: by chance, so that nothing but `people` ties it to the name."""
    return DERIVED + token_hex(_DRAWN_BYTES)


class Erasures:
    """The erasures that admission asks for and looks at."""

    def __init__(self, database: Database, person_key: bytes, draw_id: Callable[[], str] = new_id) -> None:
        self._erasures, self._people = by_majority(database, ERASURES), by_majority(database, PEOPLE)
        self._person_key, self._draw_id = person_key, draw_id

    async def suppressed(self, keys: Collection[str]) -> Mapping[str, Suppressed]:
        """What must not come back to these keys; those of which nobody was erased are left out."""
        found: dict[str, list[Document]] = defaultdict(list)
        wanted = {"key": 1, "person_id": 1, "ties": 1, "names": 1}
        async with transient_errors():
            async for one in self._erasures.find({"key": {"$in": [*keys]}}, wanted):
                found[one["key"]].append(one)
        return {key: _suppressed(documents) for key, documents in found.items()}

    async def learn(self, names: Mapping[Person, str]) -> None:
        """Suppress erased persons by these names as well, by which they are sent again."""
        for (key, person_id), name in names.items():
            new = suppressed_as(key, name, self._person_key)
            learnt = {"names": {"$each": [one._asdict() for one in new.names]}, "ties": {"$each": [*new.ties]}}
            async with transient_errors():
                await self._erasures.update_one({"_id": {"key": key, "person_id": person_id}}, {"$addToSet": learnt})

    async def draw(self, ties: Collection[Person]) -> Mapping[Person, str]:
        """The ids of persons known by name only, drawn for those who have none. Who was named before ids were drawn
        keeps the keyed hash as the id.
        """
        found: dict[Person, str] = {}
        for _ in range(MAX_DRAWS):
            found |= await self._drawn([tie for tie in ties if tie not in found])
            missing = [tie for tie in ties if tie not in found]
            if not missing:
                break
            async with transient_errors():
                await insert_new(self._people, [self._tie(key, tie) for key, tie in missing])
        return found

    async def _drawn(self, ties: Sequence[Person]) -> dict[Person, str]:
        if not ties:
            return {}
        ids = [{"key": key, name: tie} for key, tie in ties for name in ("tie", "person_id")]
        found: dict[Person, str] = {}
        async with transient_errors():
            async for one in self._people.find({"_id": {"$in": ids}}, {"key": 1, "person_id": 1, "tie": 1}):
                found[one["key"], one.get("tie", one["person_id"])] = one["person_id"]
        return found

    def _tie(self, key: str, tie: str) -> Document:
        tied = {"key": key, "tie": tie}
        return {"_id": tied, **tied, "person_id": self._draw_id(), "order": ""}

    async def erase(self, erasings: Collection[Erasing]) -> None:
        """Store who is to be erased; the work on it is due at once. A repeat changes nothing; erasing ends a
        restriction, and never the reverse; of two restrictions the longer one holds.
        """
        for one in erasings:
            names, ties = await self._known(one)
            new: Document = {
                "key": one.key,
                "person_id": one.person_id,
                "basis": one.basis,
                "requested_on": one.requested_on,
                "decided_by": one.decided_by,
                "event": {"source": one.event[0], "id": one.event[1], "time": one.time},
                "asked_at": one.at,
                "mode": one.mode,
                "until": one.until,
                "done_at": None,
                "next_at": one.at,
                "found": {},
                "confirm": [],
                "kept_texts": [],
            }
            of = {"_id": {"key": one.key, "person_id": one.person_id}}
            learnt = {"names": {"$each": names}, "ties": {"$each": ties}}
            further: Document = {"$max": {"until": one.until}}
            if one.mode == ERASE:
                further = {"$set": {"mode": ERASE, "until": None, "next_at": new["next_at"], "done_at": None}}
            async with transient_errors():
                await self._erasures.update_one(of, {"$setOnInsert": new, "$addToSet": learnt}, upsert=True)
                await self._erasures.update_one({**of, "mode": RESTRICT}, further)

    async def _known(self, one: Erasing) -> tuple[list[Document], list[str]]:
        """By what the person's names are found from now on."""
        async with transient_errors():
            known = await self._people.find({"key": one.key, "person_id": one.person_id}).to_list(None)
        return known_by(known, self._person_key)


def known_by(known: Sequence[Document], person_key: bytes) -> tuple[list[Document], list[str]]:
    """The hashed names and the ties of a person, by what `people` has, as an erasure stores them."""
    ties: set[str] = set()
    names: list[Document] = []
    for one in known:
        if "tie" in one:
            ties.add(one["tie"])
        elif one["person_id"].startswith(DERIVED):
            ties.add(one["person_id"])  # the keyed hash itself, of before ids were drawn; else it finds nobody
        for name in (one.get("name"), one.get("kept", {}).get("name")):
            if isinstance(name, str):
                ties.add(tie_of(one["key"], name, person_key))
                hashed = hashed_name(one["key"], name, person_key)
                names += [] if hashed is None else [hashed._asdict()]
    return names, sorted(ties)


def names_of(erasure: Document) -> frozenset[HashedName]:
    """The names that an erasure looks for."""
    return frozenset(HashedName(one["hash"], one["chars"]) for one in erasure.get("names", ()))


def _suppressed(documents: Sequence[Document]) -> Suppressed:
    ids: set[str] = set()
    ties: set[str] = set()
    names: set[HashedName] = set()
    for one in documents:
        ids.add(one["person_id"])
        ties.update(one.get("ties", ()))
        names |= names_of(one)
    return Suppressed(frozenset(ids), frozenset(ties), frozenset(names))


def erasing_from(document: Mapping[str, Any], at: datetime) -> Erasing:
    """What a stored erasure asks for, as if it was asked for now."""
    event = document["event"]
    return Erasing(
        document["key"],
        document["person_id"],
        document["mode"],
        document["until"],
        document["requested_on"],
        document["basis"],
        document["decided_by"],
        (event["source"], event["id"]),
        event["time"],
        at,
    )
