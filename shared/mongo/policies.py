"""Policies and templates that were adopted: append-only, each with its file's text, so that every process decides by
the same ones.
"""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from pymongo.errors import DuplicateKeyError

from shared.errors import Stop, Transient
from shared.mongo import Database, Document, transient_errors
from shared.policies.adoption import Adopted, in_order, last_begin

COLLECTION, TEMPLATES = "policies", "templates"
"""Of the policies; of the templates of profiles."""
ADOPTED_SHAPE: Document = {
    "bsonType": "object",
    "required": ["_id", "name", "version", "effective_on", "text", "sha256", "adopted_at"],
    "properties": {
        "version": {"bsonType": "int", "minimum": 1},
        "effective_on": {"bsonType": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
        "text": {"bsonType": "string"},
        "sha256": {"bsonType": "string", "pattern": "^[0-9a-f]{64}$"},
        "adopted_at": {"bsonType": "date"},
    },
}
"""Every process decides by what stands there, so what is no policy or template must not come in."""
LOOK_AFTER = timedelta(seconds=5)
"""A process looks again for adopted policies before it decides anything when its last look is older. A version is
announced an hour ahead (shared/policies/adoption.py), so that none decides by an older one."""

TakeUp = Callable[[list[Adopted]], Awaitable[None]]
"""Makes a service use these versions from now on."""


async def adopt(database: Database, policy: Adopted, at: datetime, collection: str = COLLECTION) -> bool:
    """Keep a policy or template; False when the same one is there already. Raises Stop when the name and version stand
    for another text or day, since a version is never edited (domain.md, Tiering). Whether it may be adopted now is the
    caller's question (shared/policies/adoption.py).
    """
    digest = sha256(policy.text.encode()).hexdigest()
    async with transient_errors():
        try:
            await database[collection].insert_one(
                {
                    "_id": policy.id,
                    "name": policy.name,
                    "version": policy.version,
                    "effective_on": policy.effective_on.isoformat(),
                    "text": policy.text,
                    "sha256": digest,
                    "adopted_at": at,
                }
            )
        except DuplicateKeyError:
            found = await database[collection].find_one({"_id": policy.id}) or {}
            if found.get("sha256") != digest:
                raise Stop(
                    f"{policy.id} was adopted with another text; give the changed file a higher version"
                ) from None
            if found["effective_on"] != policy.effective_on.isoformat():
                raise Stop(
                    f"{policy.id} is already adopted, for {found['effective_on']}; for another day, give the "
                    "file a higher version"
                ) from None
            return False
    return True


async def adopted(database: Database, collection: str = COLLECTION) -> list[Adopted]:
    """All versions that hold some day, the one that takes effect first in front."""
    return _ordered([one for one, _ in await all_adopted(database, collection)], collection)


async def all_adopted(database: Database, collection: str = COLLECTION) -> list[tuple[Adopted, datetime]]:
    """Every version that was ever adopted, and when, in that order."""
    async with transient_errors():
        documents = [document async for document in database[collection].find()]
    documents.sort(key=lambda document: (document["adopted_at"], document["_id"]))
    return [(_adopted(document), document["adopted_at"]) for document in documents]


def _ordered(known: list[Adopted], collection: str) -> list[Adopted]:
    """One policy rules a day; of templates one for each kind of profile does, which their reader sorts out."""
    return in_order(known) if collection == COLLECTION else known


def _adopted(document: Document) -> Adopted:
    day = date.fromisoformat(document["effective_on"])
    return Adopted(document["name"], document["version"], day, document["text"])


class PolicyWatch:
    """What a running process knows of the adopted policies: looked up before it decides, taken up without a restart.

    The wall clock says only when to look, never which version holds: that is the business day's to say.
    """

    def __init__(
        self,
        database: Database,
        zone: ZoneInfo,
        take_up: TakeUp,
        now: Callable[[], datetime],
        collection: str = COLLECTION,
    ) -> None:
        self._database, self._zone, self._take_up, self._now = database, zone, take_up, now
        self._collection = collection
        self._known: list[Adopted] = []
        self._looked_at: datetime | None = None

    async def look(self) -> None:
        """Take up what was adopted since the last look, unless that was a moment ago. Raises Transient while there is
        no policy, and while MongoDB does not answer: without a look nothing is decided.
        """
        now = self._now()
        # A clock that was set back asks for a look as well.
        if self._looked_at is not None and abs(now - self._looked_at) < LOOK_AFTER:
            return
        async with transient_errors():
            ids = [document["_id"] async for document in self._database[self._collection].find(projection={"_id": 1})]
        if len(ids) != len(self._known):
            found = [one for one, _ in await all_adopted(self._database, self._collection)]
            await self._take_up(_ordered(found, self._collection))
            self._known = found
        if not self._known and self._collection == COLLECTION:
            raise Transient("no policy is adopted yet; run 'guanxi setup'")
        self._looked_at = now

    def last_begin(self, now: datetime) -> datetime | None:
        """When the version in force began, None while it is still the first one."""
        return last_begin(self._known, now, self._zone, first_holds=self._collection == COLLECTION)
