"""The worker as a process: it takes the jobs of each kind one by one, keeps their leases, and stores their results."""

import asyncio
import logging
import os
import secrets
import socket
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import IO, Any

from operations.jobs.adopting import adopt
from operations.jobs.checks import simulate, verify
from operations.jobs.export import export
from operations.jobs.fixing import fix
from operations.jobs.importing import import_file, import_preview
from operations.jobs.made import Kind, Made, Told, Work
from services.query.api.jobs_asked import asks_all_rows, read_stored, scopes_of
from services.query.api.problems import Refusal
from services.query.console.store import SignIns
from services.worker.settings import WorkerSettings
from shared import metrics
from shared.errors import GuanxiError, Malformed, Transient
from shared.jobs import (
    BEATS_PER_LEASE,
    KINDS,
    MAX_RESULT_BYTES,
    PIECE_BYTES,
    Job,
    again,
    ended,
    put_back,
)
from shared.keys import EVERYTHING, ApiKey, ApiKeys
from shared.mongo import Database, connect
from shared.mongo.confidential import connect_confidential
from shared.mongo.jobs import Change, Queue
from shared.mongo.ping import mongo_check
from shared.process import EXIT_MISCONFIGURED, Nothing, Process
from shared.service import Service

log = logging.getLogger(__name__)

Result = Mapping[str, Any]
"""What is told of a result: its manifest, bytes, sha256, and the number of its pieces."""
POLL_SECONDS = 1.0
"""How often a worker without work looks for some: a job waits so long at most."""
WORK: Mapping[str, Kind] = {
    "export": export,
    "verify": verify,
    "simulate": simulate,
    "adopt": adopt,
    "import_preview": import_preview,
    "import": import_file,
    "fix": fix,
}
assert {*WORK} == {*KINDS}, "each kind of job is done by something"


def run(service: Service, process: Process, settings: WorkerSettings) -> int:
    """Run the service; gives the exit code."""
    del service
    try:
        keys = ApiKeys(settings.api_keys_file)
    except Malformed as error:
        log.critical("%s", error)
        return EXIT_MISCONFIGURED
    tempfile.tempdir = str(settings.spool_dir)  # the file door sorts on disk, where there is room
    database, confidential = connect(settings), connect_confidential(settings)
    worker = Worker(settings, keys, database, confidential, Queue(database))

    async def prepare(starting: Process) -> Nothing:
        starting.health.checks["mongodb"] = mongo_check(database)
        starting.tasks.extend(partial(worker.serve, kind) for kind in KINDS)
        return Nothing()

    return process.run(prepare, [])


@dataclass(slots=True)
class Worker:
    """Does jobs. All of one process share `owner`."""

    settings: WorkerSettings
    keys: ApiKeys
    database: Database
    confidential: Database
    queue: Queue
    owner: str = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"

    async def serve(self, kind: str) -> None:
        """Do the jobs of a kind until the process ends."""
        while True:
            job = None
            try:
                job = await self.take(kind)
                if job is not None:
                    await self.do(job)
            except Transient as error:
                log.warning("jobs are not looked at: %s", error)
            except Exception:
                log.exception("a job (%s) could not be handled", kind)
                job = None
            if job is None:
                await asyncio.sleep(POLL_SECONDS)

    async def take(self, kind: str) -> Job | None:
        """The next job of a kind; None while there is none. One taken while the process is told to end goes back
        at once. Raises Transient.
        """
        taking = asyncio.ensure_future(self.queue.take(kind, self.owner, self.settings.job_lease_seconds))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            with suppress(Transient):
                job = await taking
                if job is not None:
                    await self._put_back(job)
            raise

    async def _put_back(self, job: Job) -> None:
        with suppress(Transient):
            await asyncio.shield(self.queue.finish(job, lambda held, _: put_back(held)))

    async def do(self, job: Job) -> None:
        """Run one job to its end, and write that down. What can't be written is left to the lease."""
        with metrics.JOBS_RUNNING.labels(job.kind).track_inprogress():
            await self._do(job)

    async def _do(self, job: Job) -> None:
        log.info("job %s (%s) begins, attempt %d", job.id, job.kind, job.attempts)
        told = Told()
        working = asyncio.create_task(self._work(job, told))
        try:
            try:
                cancel = await self._keep(job, told, working)
            except BaseException:
                working.cancel()
                await asyncio.wait([working])
                raise
            if cancel is None:
                metrics.JOBS.labels(job.kind, "lost").inc()
                log.warning("job %s is another worker's now; left", job.id)
                return
            await self._end(job, working, cancelled=cancel)
        except asyncio.CancelledError:
            await self._put_back(job)
            raise
        except Transient as error:
            log.warning("how job %s ended is not written: %s", job.id, error)

    async def _keep(self, job: Job, told: Told, working: "asyncio.Task[Result]") -> bool | None:
        """Renew the lease while it works. Whether it is to be cancelled; None where it is no longer ours."""
        seconds = self.settings.job_lease_seconds
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not working.done():
            await asyncio.wait([working], timeout=seconds / BEATS_PER_LEASE)
            try:
                beaten = await self.queue.beat(job, told.now, seconds)
            except Transient:
                lost = loop.time() > until
                if not lost:
                    continue
                beaten = None
            until = loop.time() + seconds
            if beaten is None or beaten.cancel:
                working.cancel()
                await asyncio.wait([working])
                return None if beaten is None else True
        return False

    async def _end(self, job: Job, working: "asyncio.Task[Result]", *, cancelled: bool) -> None:
        change = self._ending(job, working, cancelled=cancelled)

        def ending(held: Job, now: datetime) -> Job:  # who has cancelled since is told so, and finds no result
            return ended(held, "cancelled", now) if held.cancel else change(held, now)

        over = await self.queue.finish(job, ending)
        if over is None:
            metrics.JOBS.labels(job.kind, "lost").inc()
            log.warning("job %s is another worker's now; its result is dropped", job.id)
        else:
            metrics.JOBS.labels(job.kind, over.status).inc()
            log.info("job %s (%s) is %s%s", job.id, job.kind, over.status, _why(over))

    def _ending(self, job: Job, working: "asyncio.Task[Result]", *, cancelled: bool) -> Change:
        """How a run ended."""
        if cancelled or working.cancelled():
            return lambda held, now: ended(held, "cancelled", now)
        error = working.exception()
        match error:
            case None:
                result = working.result()
                return lambda held, now: ended(held, "done", now, result=result)
            case Refusal():
                said = error.problem.code, error.problem.detail
            case Transient():
                return lambda held, now: again(held, ("unavailable", str(error)), now)
            case GuanxiError():
                said = "refused", str(error)
            case _:
                log.error("job %s failed", job.id, exc_info=error)
                said = "internal", "an error on our side, logged by the worker"
        return lambda held, now: ended(held, "failed", now, error=said)

    async def _work(self, job: Job, told: Told) -> Result:
        """The result of a run, stored. Raises what its kind does."""
        key = await self._allowed(job)
        settings, spool = self.settings, self.settings.spool_dir
        with tempfile.TemporaryFile(dir=spool) as file:
            work = Work(job, key, settings, self.database, self.confidential, file, spool, told, datetime.now(UTC))
            made = await WORK[job.kind](work)
            return await self._store(job, made, file, told)

    async def _allowed(self, job: Job) -> ApiKey:
        """The key of who asked, or who is signed in to the console, which must be able to do now what it asked for.
        Raises Malformed where it is not.
        """
        now, who = datetime.now(UTC), job.requester.key
        key = self.keys.active(who, now) or await SignIns(self.database).key(who, now)
        asked = read_stored(job.parameters)
        if key is None:
            raise Malformed("the API key that asked for it is gone, or has expired; or the sign-in of who asked has")
        for scope in scopes_of(asked):
            if not (key.may(scope) and scope in job.requester.scopes):
                raise Malformed(f"the API key that asked for it has not the scope {scope}")
        if key.rows != job.requester.rows or (asks_all_rows(asked) and key.rows != EVERYTHING):
            raise Malformed("the rows that the API key may read have changed since it asked; ask again")
        if asked.kind != job.kind:
            raise Malformed("its kind is not the one that it asks for")
        return key

    async def _store(self, job: Job, made: Made, file: IO[bytes], told: Told) -> Result:
        """Put the file into the database, a piece at a time; gives what is told of it."""
        size = file.seek(0, os.SEEK_END)
        if size > MAX_RESULT_BYTES:
            raise Malformed(f"the result has {size:,} bytes; {MAX_RESULT_BYTES:,} are the most. Ask for it in parts")
        told.begin("storing the result", size)
        digest, pieces = sha256(), 0
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            await self.queue.put(job, pieces, piece)
            digest.update(piece)
            pieces += 1
            told.add(len(piece))
        return {
            **made.manifest,
            "bytes": size,
            "sha256": digest.hexdigest(),
            "filename": made.filename,
            "media_type": made.media_type,
            "pieces": pieces,
        }


def _why(job: Job) -> str:
    return "" if job.error is None else f": {job.error['detail']}"
