"""Links and sessions in MongoDB. All methods raise Transient while it is away."""

from datetime import datetime

from services.query.console.roles import Person
from services.query.console.sign_in import (
    LINK_LASTS,
    MAX_SESSIONS,
    SESSION_LASTS,
    Session,
    new_secret,
    person_read,
    person_stored,
    stored_as,
)
from shared.keys import ApiKey
from shared.mongo import Database, Document, transient_errors
from shared.mongo.schema import Index

LINKS, SESSIONS = "console_links", "console_sessions"
COLLECTIONS = (LINKS, SESSIONS)
INDEXES = (
    Index(LINKS, ("expires_at",), expire_after_seconds=0, generational=False),
    Index(SESSIONS, ("expires_at",), expire_after_seconds=0, generational=False),
    Index(SESSIONS, ("person.id", "begun_at"), generational=False),
)
_NOT_LEFT = {"left": {"$ne": True}}
"""Of those that did not sign out."""


class SignIns:
    """Who may sign in, and who has."""

    def __init__(self, database: Database) -> None:
        self._links, self._sessions = database[LINKS], database[SESSIONS]

    async def issue(self, person: Person, now: datetime) -> str:
        """A link's secret, good once and for LINK_LASTS."""
        secret = new_secret()
        document = {"_id": stored_as(secret), "person": person_stored(person), "expires_at": now + LINK_LASTS}
        async with transient_errors():
            await self._links.insert_one(document)
        return secret

    async def redeem(self, secret: str, now: datetime) -> Person | None:
        """Whom a link is for, once: whoever comes second gets None, as with one that is too old or was never made."""
        async with transient_errors():
            found: Document | None = await self._links.find_one_and_delete(
                {"_id": stored_as(secret), "expires_at": {"$gt": now}}
            )
        return None if found is None else person_read(found["person"])

    async def begin(self, person: Person, now: datetime) -> str:
        """Begin a session; gives its secret."""
        secret = new_secret()
        document = {
            "_id": stored_as(secret),
            "person": person_stored(person),
            "begun_at": now,
            "expires_at": now + SESSION_LASTS,
        }
        async with transient_errors():
            await self._sessions.insert_one(document)
            found = self._sessions.find({"person.id": person.id}, {"_id": 1}).sort("begun_at", -1)
            old = [one["_id"] for one in await found.skip(MAX_SESSIONS).to_list(MAX_SESSIONS)]
            if old:
                await self._sessions.delete_many({"_id": {"$in": old}})
        return secret

    async def find(self, session: str, now: datetime) -> Session | None:
        """The session that is stored so, unless it is over."""
        async with transient_errors():
            found = await self._sessions.find_one({"_id": session, "expires_at": {"$gt": now}, **_NOT_LEFT})
        if found is None:
            return None
        return Session(session, person_read(found["person"]), found["begun_at"], found["expires_at"])

    async def key(self, key_id: str, now: datetime) -> ApiKey | None:
        """The rights that somebody has now who is signed in, or signed out of a session that would last still, by the
        id by which the API knows them: what they asked for is done after they have left. None where that time is
        over, or where somebody revoked their sessions: then their jobs end.
        """
        async with transient_errors():
            async for one in self._sessions.find({"expires_at": {"$gt": now}}):
                key = person_read(one["person"]).key(one["begun_at"])
                if key is not None and key.id == key_id:
                    return key
        return None

    async def end(self, session: str) -> None:
        """End it; nothing happens where it is over. That it was stays, for the jobs, until it would have expired."""
        async with transient_errors():
            await self._sessions.update_one({"_id": session}, {"$set": {"left": True}})

    async def of_all(self) -> list[Session]:
        """Those that are open, the latest first."""
        async with transient_errors():
            found = await self._sessions.find(_NOT_LEFT).sort("begun_at", -1).to_list(1000)
        return [Session(one["_id"], person_read(one["person"]), one["begun_at"], one["expires_at"]) for one in found]

    async def end_all(self, person: str) -> int:
        """End all of somebody's sessions, and the links made for them; gives how many sessions."""
        async with transient_errors():
            await self._links.delete_many({"person.id": person})
            ended = await self._sessions.delete_many({"person.id": person})
        return int(ended.deleted_count)
