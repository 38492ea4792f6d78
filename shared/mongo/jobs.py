"""The queue of jobs in MongoDB, and their results in pieces (docs/adr/0026-...). All methods raise Transient.

The server's clock is the only one: leases are compared between machines. An index lets one job of a kind run, and one
job hold each of a key's places, whatever several processes do at once.
"""

import secrets
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from shared.jobs import (
    KEPT,
    MAX_LISTED,
    MAX_OPEN_PER_KEY,
    MAX_RESULTS_PER_KEY,
    End,
    Job,
    Progress,
    Take,
    beaten,
    cancelled,
    next_step,
    taken,
)
from shared.mongo import Database, Document, transient_errors
from shared.mongo.schema import Index

COLLECTION, PIECES = "jobs", "job_pieces"
COLLECTIONS = (COLLECTION, PIECES)
LOOKED_AT = 100
"""Open jobs of a kind among which the next one is chosen."""
PIECES_OUTLIVE = timedelta(hours=1)
"""A piece is written before its job has ended, and must not go before it."""
INDEXES = (
    Index(COLLECTION, ("kind",), unique=True, partial={"status": "running"}, generational=False),
    Index(
        COLLECTION, ("requester.key", "place"), unique=True, partial={"place": {"$exists": True}}, generational=False
    ),
    Index(COLLECTION, ("kind", "status", "created_at"), generational=False),
    Index(COLLECTION, ("requester.key", "created_at"), generational=False),
    Index(COLLECTION, ("expires_at",), expire_after_seconds=0, generational=False),
    Index(PIECES, ("expires_at",), expire_after_seconds=0, generational=False),
)


Change = Callable[[Job, datetime], Job]
"""The next version of a job, made from what is stored and the time."""


_WITHOUT_TEXTS = {"parameters.policy": 0, "parameters.mapping": 0, "result.mapping": 0}


class Queue:
    """All jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs, self._pieces = database[COLLECTION], database[PIECES]

    async def now(self) -> datetime:
        """The server's time, UTC."""
        async with transient_errors():
            found: datetime = (await self._database.command("hello"))["localTime"]
        return found.replace(tzinfo=UTC)

    async def add(self, job: Job) -> Job | None:
        """Queue it; None where its key has as many open jobs as it may. One of the same id is there already: that."""
        for place in range(MAX_OPEN_PER_KEY):
            async with transient_errors():
                try:
                    await self._jobs.insert_one({**_document(job), "place": place})
                except DuplicateKeyError:
                    there = await self._one({"_id": job.id})
                    if there is not None:
                        return there
                else:
                    return job
        return None

    async def get(self, job: str, key: str) -> Job | None:
        """A job of this API key."""
        async with transient_errors():
            return await self._one({"_id": job, "requester.key": key})

    async def of(self, key: str) -> list[Job]:
        """The jobs of this API key, the newest first, without the texts of their policies and mappings."""
        async with transient_errors():
            found = self._jobs.find({"requester.key": key}, _WITHOUT_TEXTS)
            documents = await found.sort([("created_at", DESCENDING), ("_id", DESCENDING)]).to_list(MAX_LISTED)
        return [Job.model_validate(one) for one in documents]

    async def cancel(self, job: str, key: str) -> Job | None:
        """Cancel a job of this API key; gives it as it is then."""
        while True:
            found = await self.get(job, key)
            if found is None:
                return None
            changed = cancelled(found, await self.now())
            if changed is found or await self._write(found, changed):
                return changed

    async def take(self, kind: str, owner: str, lease_seconds: float) -> Job | None:
        """The next job of a kind, which runs from now on; None while there is none to run."""
        while True:
            async with transient_errors():
                found = self._jobs.find({"kind": kind, "status": {"$in": ["queued", "running"]}})
                # The running one before those that wait.
                documents = await found.sort([("status", DESCENDING), ("created_at", 1)]).to_list(LOOKED_AT)
            now = await self.now()
            match next_step([Job.model_validate(one) for one in documents], now):
                case None:
                    return None
                case End(job, over):
                    await self._write(job, over)
                case Take(job):
                    mine = taken(job, owner, lease_seconds, now)
                    if await self._write(job, mine):
                        return mine
                    return None  # another worker was quicker; it is asked again soon

    async def beat(self, job: Job, progress: Progress, lease_seconds: float) -> Job | None:
        """Renew the lease and say how far it is; None where the job is no longer this worker's."""
        return await self._change(job, lambda held, now: beaten(held, progress, lease_seconds, now))

    async def finish(self, job: Job, change: Change) -> Job | None:
        """End a run; None where the job is no longer this worker's."""
        over = await self._change(job, change)
        if over is not None and over.result is not None:
            await self._drop_old(over.requester.key)
        return over

    async def _change(self, job: Job, change: Change) -> Job | None:
        while True:
            async with transient_errors():
                found = await self._one({"_id": job.id})
            if found is None or not job.holds(found):
                return None
            changed = change(found, await self.now())
            if await self._write(found, changed):
                return changed

    async def _write(self, before: Job, after: Job) -> bool:
        """Whether nobody else has changed it, nor runs another of its kind."""
        change: Document = {"$set": _document(after)}
        if not after.open:
            change["$unset"] = {"place": ""}
        async with transient_errors():
            try:
                done = await self._jobs.update_one({"_id": before.id, "version": before.version}, change)
            except DuplicateKeyError:
                return False
        return bool(done.matched_count)

    async def _one(self, query: Document) -> Job | None:
        found = await self._jobs.find_one(query)
        return None if found is None else Job.model_validate(found)

    # Results

    async def put(self, job: Job, number: int, piece: bytes) -> None:
        """Write a piece of the result of this run."""
        expires = await self.now() + KEPT + PIECES_OUTLIVE
        document = {"_id": _piece(job, number), "data": piece, "expires_at": expires}
        async with transient_errors():
            await self._pieces.replace_one({"_id": document["_id"]}, document, upsert=True)

    async def pieces(self, job: Job) -> AsyncIterator[bytes]:
        """The result of a job that is done, a piece at a time, each asked for when it is wanted: a slow reader holds
        nothing open.
        """
        for number in range((job.result or {})["pieces"]):
            async with transient_errors():
                found = await self._pieces.find_one({"_id": _piece(job, number)})
            if found is None:
                return  # it has expired: the reader sees fewer bytes than it was promised
            yield found["data"]

    async def _drop_old(self, key: str) -> None:
        async with transient_errors():
            found = self._jobs.find({"requester.key": key, "result": {"$ne": None}})
            for old in await found.sort("finished_at", DESCENDING).skip(MAX_RESULTS_PER_KEY).to_list(None):
                job = Job.model_validate(old)
                await self._jobs.delete_one({"_id": job.id, "version": job.version})
                names = [_piece(job, number) for number in range((job.result or {})["pieces"])]
                await self._pieces.delete_many({"_id": {"$in": names}})


def new_id() -> str:
    """Of a job: nobody guesses it."""
    return secrets.token_hex(16)


def _piece(job: Job, number: int) -> str:
    return f"{job.id}/{job.attempts}/{number}"


def _document(job: Job) -> Document:
    """As stored: an instant that is not there is left out, since the index by which jobs expire goes by it."""
    found = job.model_dump(by_alias=True)
    found["requester"]["scopes"] = [str(scope) for scope in job.requester.scopes]
    if job.expires_at is None:
        del found["expires_at"]
    return found
