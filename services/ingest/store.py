"""What ingest keeps in MongoDB: claims, names of persons, texts, positions on the inbox.

Claims and texts are written and read with majority concern, so that no rollback can lose one. A position may roll
back: then records are published again, and readers of the log skip them (architecture.md, invariants 3 and 4).
"""

from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b

from motor.motor_asyncio import AsyncIOMotorCollection
from msgspec.json import decode as from_json
from pymongo import ReplaceOne, UpdateOne
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from services.ingest.admission import Fate, Named, Person
from services.ingest.admit import Claim, Entry, Erasing, Suppressed, WrittenText
from services.ingest.admit.aside import NOTHING
from services.ingest.erasures import ERASURES, PEOPLE, Erasures
from shared.errors import Stop
from shared.events.codec import encode_json
from shared.events.event import Position
from shared.mongo import MAJORITY, Database, Document, insert_new, transient_errors
from shared.mongo.applied import PERSON_KEY, last_applied, note_applied
from shared.mongo.schema import Index, Name, Schema, View, keys
from shared.mongo.texts import TEXTS

CLAIMS, POSITIONS, FATES = "claims", "admission_positions", "fates"
FATES_KEPT_SECONDS = 30 * 86_400
"""For so long it is told what became of an event; a refused one can be replayed for 21."""
SAYING: Document = {"entries.said": {"$type": "binData"}}
"""Claims that keep a hash of what an event said of a person, or in a text, until it is erased."""
_REFUSED: Document = {"status": "refused"}
_NEWEST = {"at_ms": -1, "_id": -1}


def _rejections(_: Name) -> list[Document]:
    shown = ("source", "event", "subject", "code", "field", "hint", "position", "at")
    return [{"$match": _REFUSED}, {"$project": dict.fromkeys(shown, 1)}]


SCHEMA = Schema(
    "ingest",
    plain_collections=(CLAIMS, PEOPLE, TEXTS, ERASURES, POSITIONS, FATES),
    sharded=dict.fromkeys((CLAIMS, PEOPLE, TEXTS, FATES), "_id"),
    indexes=(
        Index(CLAIMS, ("expires_at",), expire_after_seconds=0, sparse=True, generational=False),
        # For erasing, which asks daily: of most claims there is nothing to erase.
        Index(CLAIMS, ("key",), partial=SAYING, generational=False),
        Index(PEOPLE, ("key",), generational=False),
        Index(ERASURES, ("key",), generational=False),
        Index(ERASURES, ("next_at",), generational=False),
        Index(TEXTS, ("key",), generational=False),
        Index(FATES, ("at",), expire_after_seconds=FATES_KEPT_SECONDS, generational=False),
        Index(FATES, ("position",), generational=False),
        # For who pages through refusals, the latest first: all of them, or by what most narrows them down.
        *(
            Index(FATES, (*by, "at_ms", "_id"), partial=_REFUSED, generational=False)
            for by in ((), ("code",), ("source",), ("subject",))
        ),
    ),
    views=(
        View("rejections", FATES, _rejections, generational=False),
        View(
            "rejection_keys",
            FATES,
            keys(_NEWEST, "code", "source", "subject", "field", among=_REFUSED),
            generational=False,
        ),
    ),
    validators={
        POSITIONS: {
            "bsonType": "object",
            "required": ["offset"],
            "properties": {"offset": {"bsonType": ["int", "long"], "minimum": 0}},
        },
        PEOPLE: {"bsonType": "object", "required": ["key", "person_id", "order"]},
        TEXTS: {"bsonType": "object", "required": ["key", "claim", "revision"]},
        ERASURES: {"bsonType": "object", "required": ["key", "person_id", "mode", "event", "next_at", "done_at"]},
    },
)

Stored = AsyncIOMotorCollection[Document]

MAX_REPLY_CLAIMS = 2_000
"""Identities per query; a batch rarely has more."""


async def fix_person_key(database: Database, person_key: bytes) -> None:
    """Store a hash of the key for the ids of persons. Raises Stop if the key has changed."""
    await check_person_key(database, person_key)
    if await last_applied(database, PERSON_KEY) is not None:
        return
    async with transient_errors():
        older = person_key and await database[CLAIMS].find_one({}, {"_id": 1}) is not None
    if older:
        raise Stop("events were admitted before GUANXI_PERSON_KEY was set; continue without it (docs/security.md)")
    await note_applied(database, PERSON_KEY, _fingerprint(person_key))


async def check_person_key(database: Database, person_key: bytes) -> None:
    """Raises Stop if ids of persons would change: each would count as a new person, and no erased name be found."""
    if not await is_person_key(database, person_key):
        raise Stop("GUANXI_PERSON_KEY differs from this database's first one; restore that one")


async def is_person_key(database: Database, person_key: bytes) -> bool:
    """Whether it is the one with which this database's keyed hashes were made, or is about to be."""
    known = await last_applied(database, PERSON_KEY)
    return known is None or known == _fingerprint(person_key)


def _fingerprint(person_key: bytes) -> str:
    return blake2b(b"guanxi person key", key=person_key, digest_size=12).hexdigest() if person_key else "none"


class MongoClaims:
    """The claims: read by the HTTP door, changed by admission."""

    def __init__(self, database: Database) -> None:
        self._claims = database.get_collection(CLAIMS, read_concern=ReadConcern("majority"), write_concern=MAJORITY)

    async def find(self, identities: Sequence[bytes]) -> Mapping[bytes, Claim]:
        """The claims that exist, by identity, as a majority has them."""
        found: dict[bytes, Claim] = {}
        async with transient_errors():
            for start in range(0, len(identities), MAX_REPLY_CLAIMS):
                some = identities[start : start + MAX_REPLY_CLAIMS]
                cursor = self._claims.find({"_id": {"$in": some}}, batch_size=MAX_REPLY_CLAIMS)
                for document in await cursor.to_list(length=len(some)):
                    found[document["_id"]] = _claim(document)
        return found

    async def claim(self, claims: Collection[Claim]) -> bool:
        """Store claims by compare-and-set on `v`. Returns False if another writer changed any of them first; the
        others are stored.
        """
        new = [_document(claim) for claim in claims if claim.v == 0]
        known = [ReplaceOne({"_id": claim.identity, "v": claim.v}, _document(claim)) for claim in claims if claim.v > 0]
        async with transient_errors():
            all_stored = not await insert_new(self._claims, new)
            if known:
                result = await self._claims.bulk_write(known, ordered=False)
                all_stored = all_stored and result.matched_count == len(known)
        return all_stored


class MongoStore(MongoClaims):
    """`services.ingest.admission.Store` for one generation of the inbox; log_generation: of the log that is written;
    person_key: by which names of erased persons are hashed.
    """

    def __init__(self, database: Database, generation: int, log_generation: int = 1, person_key: bytes = b"") -> None:
        super().__init__(database)
        self._erasures = Erasures(database, person_key)
        self._generation, self._log_generation = generation, log_generation
        self._fates = database.get_collection(FATES, write_concern=WriteConcern(w=1))
        self._people = database.get_collection(PEOPLE, write_concern=MAJORITY)
        self._texts = database.get_collection(TEXTS, write_concern=MAJORITY)
        self._positions = database.get_collection(POSITIONS, write_concern=WriteConcern(w=1))

    async def last_named(self, persons: Collection[Person]) -> dict[Person, str]:
        """The `Named.order` of each person whose name is stored."""
        wanted = {"_id": {"$in": [_person_id(person) for person in persons]}}
        async with transient_errors():
            found = await self._people.find(wanted, {"order": 1}).to_list(length=len(persons))
        return {(one["_id"]["key"], one["_id"]["person_id"]): one["order"] for one in found}

    async def name(self, names: Collection[Named], known: Mapping[Person, str]) -> None:
        """Store names; the greatest order wins, field by field, whatever order they arrive in.

        Inserts persons that are not `known`, and updates the others. (Measured: an upsert that finds nothing costs
        eight times an insert; a failing insert costs more than both together.)
        """
        latest: dict[Person, Named] = {}
        for named in sorted(names, key=_order):
            if named.order > known.get(named.id, ""):
                fields = latest[named.id].person.fields if named.id in latest else {}
                person = named.person._replace(fields={**fields, **named.person.fields})
                latest[named.id] = Named(person, named.order)
        later = [named for person, named in latest.items() if person in known]
        async with transient_errors():
            new = [named for person, named in latest.items() if person not in known]
            later += [new[index] for index in await insert_new(self._people, [_person(named) for named in new])]
            if later:
                await self._people.bulk_write([_renamed(named) for named in later], ordered=False)

    async def suppressed(self, keys: Collection[str]) -> Mapping[str, Suppressed]:
        """What must not come back to these keys; those of which nobody was erased are left out."""
        return await self._erasures.suppressed(keys)

    async def learn(self, names: Mapping[Person, str]) -> None:
        """Store by which names erased persons are sent again, as hashes, durably on a majority."""
        await self._erasures.learn(names)

    async def draw(self, ties: Collection[Person]) -> Mapping[Person, str]:
        """The ids of persons known by name only, by key and keyed hash of the name; drawn for those who have none."""
        return await self._erasures.draw(ties)

    async def erase(self, erasings: Collection[Erasing]) -> None:
        """Store who is to be erased, durably on a majority; from then on they are suppressed."""
        await self._erasures.erase(erasings)

    async def write(self, texts: Collection[WrittenText]) -> None:
        """Store texts; what is stored under an id stays."""
        await write_texts(self._texts, texts)

    async def positions(self, partitions: Collection[int]) -> Mapping[int, int]:
        """The next offset to admit, by inbox partition; 0 where nothing was admitted."""
        ids = {self._position_id(partition): partition for partition in partitions}
        stored = dict.fromkeys(partitions, 0)
        async with transient_errors():
            for document in await self._positions.find({"_id": {"$in": list(ids)}}).to_list(length=len(ids)):
                stored[ids[document["_id"]]] = document["offset"]
        return stored

    async def move(self, positions: Mapping[int, int], ends: Mapping[int, int]) -> None:
        """Raise the positions, and beside each the ends of the log's partitions by then; never lowers one."""
        on_log = {f"ends.{self._log_generation}.{partition}": end for partition, end in ends.items()}
        operations = [
            UpdateOne({"_id": self._position_id(partition)}, {"$max": {"offset": offset, **on_log}}, upsert=True)
            for partition, offset in positions.items()
        ]
        if operations:
            async with transient_errors():
                await self._positions.bulk_write(operations, ordered=False)

    async def tell(self, fates: Collection[Fate]) -> None:
        """Keep what became of events that nothing else tells of, for `FATES_KEPT_SECONDS`; the last word stays."""
        if fates:
            async with transient_errors():
                await self._fates.bulk_write([_fate(fate) for fate in fates], ordered=False)

    def _position_id(self, partition: int) -> str:
        return f"{self._generation}/{partition}"


async def write_texts(collection: Stored, texts: Collection[WrittenText]) -> None:
    """Insert texts; what is there under an id stays: the same text, or the mark of an erased one."""
    documents = {one.text_id: _text(one) for one in texts}
    async with transient_errors():
        await insert_new(collection, list(documents.values()))


def _text(one: WrittenText) -> Document:
    document = {"_id": one.text_id, "key": one.key, "claim": one.identity, "revision": one.revision}
    if one.mentions:
        document["mentions"] = [*one.mentions]
    return document if one.erased else {**document, "text": one.text}


def fate_id(source: str, event_id: str, *, accepted: bool = False) -> str:
    """Under which an event's fate is kept: 32 characters, as a cursor can carry them. That it was accepted is kept for
    itself: what else comes under its id changes nothing of it.
    """
    return _hashed("accepted" if accepted else "fate", source, event_id)


def _hashed(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(errors="surrogatepass"), digest_size=16).hexdigest()


def _fate(fate: Fate) -> ReplaceOne[Document]:
    position = "/".join(map(str, fate.position[:3]))
    named = fate.source is not None and fate.id is not None
    document: Document = {
        "position": position,
        "at": fate.at,
        "at_ms": int(fate.at.timestamp() * 1000),
        "status": "duplicate",
        "source": _storable(fate.source),
        "event": _storable(fate.id),
        "subject": _storable(fate.subject),
    }
    if fate.refused is not None:
        document |= {"status": "refused", "code": str(fate.refused.reason)}
        document |= {"field": _storable(fate.refused.field), "hint": _storable(fate.refused.hint)}
    if fate.accepted:
        document |= {"status": "accepted", "revision": fate.revision}
    # What names no event is one of its own, wherever it stands.
    kept_as = _hashed("unnamed", position)
    if named:
        kept_as = fate_id(fate.source or "", fate.id or "", accepted=fate.accepted)
    return ReplaceOne({"_id": kept_as}, document, upsert=True)


def _storable(text: str | None) -> str | None:
    """MongoDB takes no half of a surrogate pair, which JSON may hold."""
    return None if text is None else text.encode(errors="backslashreplace").decode()


def _document(claim: Claim) -> Document:
    """The stored form: what undoing needs is JSON, which the log shows and MongoDB never reads."""
    document: Document = {
        "_id": claim.identity,
        "v": claim.v + 1,
        "key": claim.key,
        "entries": [
            {
                "revision": revision,
                "position": "/".join(map(str, position)),
                "content": content,
                "undo": None if undo is None else encode_json(undo),
                **({} if said == NOTHING else {"said": said}),
            }
            for revision, position, content, undo, said in claim.entries
        ],
    }
    if claim.expires_at is not None:
        document["expires_at"] = claim.expires_at
    return document


def _claim(document: Document) -> Claim:
    return Claim(
        identity=document["_id"],
        key=document["key"],
        entries=tuple(_entry(entry) for entry in document["entries"]),
        expires_at=document.get("expires_at"),
        v=document["v"],
    )


def _entry(entry: Document) -> Entry:
    generation, partition, offset, output = map(int, entry["position"].split("/"))
    undo = entry["undo"]
    position = Position(generation, partition, offset, output)
    said = entry.get("said", NOTHING)
    return Entry(entry["revision"], position, entry["content"], None if undo is None else from_json(undo), said)


def _order(named: Named) -> str:
    return named.order


def _person_id(person: Person) -> Document:
    key, person_id = person
    return {"key": key, "person_id": person_id}


def _person(named: Named) -> Document:
    person_id = _person_id(named.id)
    return {"_id": person_id, **person_id, **named.person.fields, "order": named.order}


def _renamed(named: Named) -> UpdateOne:
    return UpdateOne(
        {"_id": _person_id(named.id), "order": {"$lt": named.order}},
        {"$set": {**named.person.fields, "order": named.order}},
    )
