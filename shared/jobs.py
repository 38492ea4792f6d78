"""Long jobs: what one is, and which is taken next. Pure; shared/mongo/jobs.py keeps the queue.

One job of a kind runs at a time. Who runs it holds a lease and renews it; where that ends, the job is taken again, a
bounded number of times. Each change raises `version`, and is written only over the version that it was made from.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from shared.keys import Scope

Status = Literal["queued", "running", "done", "failed", "cancelled"]
OPEN: tuple[Status, ...] = ("queued", "running")
KINDS = ("export", "verify", "simulate", "adopt", "import_preview", "import", "fix")
"""All there are: what a document asks for beyond these is not run."""
MAX_OPEN_PER_KEY = 5
"""Queued and running jobs of one API key: one key must not fill the queue, of which one at a time is done."""
MAX_LISTED = 100
"""Jobs that a list shows, the newest; older ones are found by id until they expire."""
MAX_ATTEMPTS = 3
"""A job that ends its worker so often, or meets servers that do not answer, is not tried again."""
LEASE_SECONDS = 60.0
"""Without a sign of life for so long, the worker counts as gone. Folding a large partition blocks for some seconds."""
BEATS_PER_LEASE = 6
AGAIN_SECONDS = 10.0
"""Before the second attempt; twice that before the third."""
KEPT = timedelta(days=1)
"""Of what has ended, with its result."""
PIECE_BYTES = 1024 * 1024
"""Of a result in one document: MongoDB takes 16 MiB, and a reader holds one at a time."""
MAX_RESULT_BYTES = 4 * 1024**3
"""Of one result: three times what 1,000,000 customers need as NDJSON."""
MAX_RESULTS_PER_KEY = 10
"""Results kept of one API key; the oldest goes before its day is over."""


class Requester(BaseModel):
    """Who asked, with what the key might do then."""

    model_config = ConfigDict(frozen=True)

    key: str
    scopes: tuple[Scope, ...]
    rows: str


class Progress(BaseModel):
    """How far it is: `done` of `total` units of what `text` says."""

    model_config = ConfigDict(frozen=True)

    done: int = 0
    total: int = 0
    text: str = ""


class Job(BaseModel):
    """One job. asked: a fingerprint of the request; owner: the worker that holds the lease; error: a code and a
    sentence; result: what is told of it (rows, bytes, sha256 ...), with the number of its pieces.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    id: str = Field(alias="_id")
    kind: str
    status: Status = "queued"
    version: int = 1
    requester: Requester
    parameters: Mapping[str, Any]
    asked: str = ""
    created_at: datetime
    not_before: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    attempts: int = 0
    owner: str | None = None
    lease_until: datetime | None = None
    cancel: bool = False
    progress: Progress = Progress()
    error: Mapping[str, str] | None = None
    result: Mapping[str, Any] | None = None

    @property
    def open(self) -> bool:
        """Whether it waits or runs."""
        return self.status in OPEN

    def changed(self, **fields: Any) -> "Job":
        """The next version."""
        return self.model_copy(update={"version": self.version + 1, **fields})

    def holds(self, other: "Job") -> bool:
        """Whether this is the run that the other one is of."""
        return other.status == "running" and (other.owner, other.attempts) == (self.owner, self.attempts)


class Take(NamedTuple):
    """This job is to be run now."""

    job: Job


class End(NamedTuple):
    """This job is over: write this."""

    job: Job
    ended: Job


def next_step(jobs: Sequence[Job], now: datetime) -> Take | End | None:
    """What is to be done with the open jobs of one kind; None while one runs, or none is due."""
    for job in jobs:
        if job.status != "running":
            continue
        if job.lease_until is not None and job.lease_until > now:
            return None
        if job.cancel:
            return End(job, ended(job, "cancelled", now))
        if job.attempts >= MAX_ATTEMPTS:
            said = f"its worker was lost {job.attempts} times; the worker's log says why"
            return End(job, ended(job, "failed", now, error=("lost", said)))
        return Take(job)
    due = [job for job in jobs if job.status == "queued" and (job.not_before is None or job.not_before <= now)]
    return Take(min(due, key=lambda job: (job.created_at, job.id))) if due else None


def taken(job: Job, owner: str, lease_seconds: float, now: datetime) -> Job:
    """It runs."""
    until = now + timedelta(seconds=lease_seconds)
    return job.changed(
        status="running",
        owner=owner,
        lease_until=until,
        attempts=job.attempts + 1,
        started_at=now,
        not_before=None,
        progress=Progress(),
        error=None,
    )


def beaten(job: Job, progress: Progress, lease_seconds: float, now: datetime) -> Job:
    """It still runs."""
    return job.changed(lease_until=now + timedelta(seconds=lease_seconds), progress=progress)


def ended(
    job: Job,
    status: Status,
    now: datetime,
    *,
    error: tuple[str, str] | None = None,
    result: Mapping[str, Any] | None = None,
) -> Job:
    """It is over, and kept for a day."""
    said = None if error is None else {"code": error[0], "detail": error[1]}
    return job.changed(
        status=status,
        owner=None,
        lease_until=None,
        not_before=None,
        finished_at=now,
        expires_at=now + KEPT,
        error=said,
        result=result,
    )


def again(job: Job, error: tuple[str, str], now: datetime) -> Job:
    """It could not be done now: queued for another attempt after a while, or failed for good."""
    if job.attempts >= MAX_ATTEMPTS:
        return ended(job, "failed", now, error=error)
    wait = timedelta(seconds=AGAIN_SECONDS * 2 ** (job.attempts - 1))
    said = {"code": error[0], "detail": error[1]}
    return job.changed(status="queued", owner=None, lease_until=None, not_before=now + wait, error=said)


def put_back(job: Job) -> Job:
    """Its worker ends in order: another takes it at once, and the attempt does not count."""
    return job.changed(status="queued", owner=None, lease_until=None, attempts=job.attempts - 1)


def cancelled(job: Job, now: datetime) -> Job:
    """Somebody cancels it: at once where it waits; its worker ends it where it runs; what is over stays as it is."""
    if job.status == "queued":
        return ended(job, "cancelled", now)
    return job.changed(cancel=True) if job.status == "running" and not job.cancel else job
