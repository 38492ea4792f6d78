"""What a job works with, and what it leaves: a file, and what is told of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from operations.verify.meter import Meter
from shared.jobs import Job, Progress
from shared.keys import ApiKey
from shared.mongo import Database
from shared.settings import Settings


class Told:
    """How far a job is: it says so here, its worker passes it on."""

    def __init__(self) -> None:
        self.now = Progress()

    def begin(self, text: str, total: int) -> None:
        """A new step of so many units."""
        self.now = Progress(text=text, total=max(0, total))

    def add(self, units: int) -> None:
        """So many more are done."""
        done = self.now.done + max(0, units)
        self.now = self.now.model_copy(update={"done": done, "total": max(self.now.total, done)})

    def at(self, done: int, total: int) -> None:
        """So many are done; never fewer than were."""
        most = max(self.now.done, done)
        self.now = self.now.model_copy(update={"done": most, "total": max(total, most)})


class ToldMeter(Meter):
    """The meter of a check, which tells how far it is."""

    def __init__(self, told: Told) -> None:
        super().__init__()
        self._told = told

    def begin(self, what: str, total: int) -> None:
        """A new task of so many records."""
        super().begin(what, total)
        self._told.begin(what, total)

    def add(self, records: int) -> None:
        """So many more are done."""
        super().add(records)
        self._told.add(records)


@dataclass(frozen=True, slots=True)
class Work:
    """One run of a job. database, confidential: as the worker's user and the one of confidential views see it; key: of
    who asked, as it is now; file: where the result is to be written, gone with the process;
    spool: the folder for further ones; now: when the run began, UTC.
    """

    job: Job
    key: ApiKey
    settings: Settings
    database: Database
    confidential: Database
    file: IO[bytes]
    spool: Path
    told: Told
    now: datetime


@dataclass(frozen=True, slots=True)
class Made:
    """A result. filename: for who saves it; manifest: what is told of it beyond bytes and sha256."""

    filename: str
    media_type: str
    manifest: dict[str, Any] = field(default_factory=dict)


Kind = Callable[[Work], Awaitable[Made]]
