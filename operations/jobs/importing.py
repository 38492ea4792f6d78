"""The jobs of files that were dropped into the console: what would become of each row, and the import itself.

The file door's own code reads and judges; only the way to the inbox is another one (door.py). Each event's id comes
from the file, so a worker that was killed amid an import begins again, and what was sent before counts once.
"""

import asyncio
import gzip
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from operations.jobs.door import ByDoor, door_client
from operations.jobs.made import Made, Told, Work
from services.ingest.admit import Candidate, refuse_sender
from services.ingest.doors.files.drafts import is_events_file
from services.ingest.doors.files.guess import Guess, guess
from services.ingest.doors.files.mapping import parse_mapping
from services.ingest.doors.files.outcomes import Way
from services.ingest.doors.files.plan import Input, Plan
from services.ingest.doors.files.run import Import
from services.ingest.store import MongoStore
from services.query.api.jobs_asked import MAX_MAPPING_CHARS, ImportAsked, ImportPreviewAsked, read_stored
from services.worker.settings import WorkerSettings
from shared.console import SOURCE
from shared.errors import Malformed
from shared.events.refusal import Reason, Refused
from shared.keys import ApiKey
from shared.mongo.generations import current_generation
from shared.mongo.uploads import Upload, Uploads

MAX_UNPACKED_BYTES = 512 * 1024 * 1024
"""Of a packed text: ten times the largest file that may be dropped, and what the spool holds when it is sorted."""
MAX_WORKBOOK_BYTES = 96 * 1024 * 1024
"""Of an unpacked workbook, which is in memory as a whole: a container has 512 MiB."""
MAX_SHOWN = 50
"""Kinds of refusals, notes and doubts that the page shows; the file of refused rows has all."""
MAX_SHOWN_CHARS = 2_000
"""Of one event or sentence on the page."""
NAME_BYTES = 200
_BLOCK_BYTES = 1024 * 1024
_PACKED, _BOOKS = b"\x1f\x8b", (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_DAMAGE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError)


@dataclass(frozen=True, slots=True)
class _Dropped:
    """A file, where it lies for this run."""

    upload: Upload
    path: Path

    @property
    def has_events(self) -> bool:
        return is_events_file(self.path)

    def told(self, error: Malformed) -> Malformed:
        """Without where the file lies."""
        said = str(error).replace(str(self.path), self.upload.name).replace(str(self.path.parent), "")
        return Malformed(said[:MAX_SHOWN_CHARS])


async def import_preview(work: Work) -> Made:
    """What would become of each row; the mapping is proposed where none is given. Nothing is sent. A file or mapping
    that can't be used is a result too: `problem` says why. Raises Malformed, Transient.
    """
    asked = read_stored(work.job.parameters)
    assert isinstance(asked, ImportPreviewAsked), "by its kind"
    async with _dropped(work, asked.upload) as file:
        text, found = asked.mapping, None
        manifest: dict[str, Any] = {"file": file.upload.name, "events": file.has_events, "guess": None, "problem": None}
        made = _refused_rows(file)
        try:
            if text is None and not file.has_events:
                work.told.begin("reading the first rows", 0)
                found = await asyncio.to_thread(guess, file.path, work.settings.zone)
                text = found.text
            manifest |= {"mapping": text, "guess": found and _doubts(found)}
            manifest |= await _run(work, file, text, None)
        except Malformed as error:
            manifest |= {"mapping": text, "problem": str(file.told(error))}
        return Made(*made, manifest)


async def import_file(work: Work) -> Made:
    """Sends what the file holds; the result are the refused rows. Raises Malformed, Transient."""
    asked = read_stored(work.job.parameters)
    assert isinstance(asked, ImportAsked), "by its kind"
    assert isinstance(work.settings, WorkerSettings), "of the worker"
    async with door_client(work.settings) as (client, secret), _dropped(work, asked.upload) as file:
        generation = await current_generation(work.database, "inbox")
        store = MongoStore(work.database, generation)
        way = ByDoor(client, secret, file.upload.by, store, generation, lambda: datetime.now(UTC))
        try:
            found = await _run(work, file, asked.mapping, way)
        except Malformed as error:
            raise file.told(error) from None
        return Made(*_refused_rows(file), {"file": file.upload.name, **found})


async def _run(work: Work, file: _Dropped, text: str | None, way: Way | None) -> dict[str, Any]:
    """Read all rows, and send them by a way; gives what became of them. Raises Malformed, Transient."""
    if text is not None and file.has_events:
        raise Malformed(f"{file.upload.name} contains events; it needs no mapping")
    if text is None and not file.has_events:
        raise Malformed(f"{file.upload.name} needs a mapping")
    mapping = None if text is None else parse_mapping(text, "mapping")
    plan = Plan(
        [Input(file.path, mapping, file.upload.name)], work.settings.zone, may_send=partial(_may_send, work.key)
    )
    refused = file.path.parent / "refused"
    one = await asyncio.to_thread(partial(Import, plan, None, refused, way=way))
    warnings: list[str] = []
    await one.run(_telling(one, work.told), warnings.append)
    for path in one.refused_files:
        await asyncio.to_thread(_copy, path, work.file)
    tally = one.tally
    refusals = [
        {
            "reason": reason,
            "field": field,
            "rows": rows,
            "line": tally.lines[reason, field],
            "hint": tally.hints[reason, field][:MAX_SHOWN_CHARS],
        }
        for (reason, field), rows in tally.refused.most_common(MAX_SHOWN)
    ]
    counts = {
        "read": tally.read,
        "fit": tally.fit,
        "admitted": tally.admitted,
        "duplicates": tally.duplicates,
        "refused": tally.refusals,
        "joined": tally.joined,
        "skipped": sum(tally.skipped.values()),
    }
    return {
        "counts": counts,
        "refusals": refusals,
        "kinds": len(tally.refused),
        "skipped": [[why[:MAX_SHOWN_CHARS], count] for why, count in tally.skipped.most_common(MAX_SHOWN)],
        "notes": [[note[:MAX_SHOWN_CHARS], count] for note, count in tally.notes.most_common(MAX_SHOWN)],
        "damaged": [str(file.told(Malformed(one))) for one in tally.damaged[:MAX_SHOWN]],
        "warnings": [one[:MAX_SHOWN_CHARS] for one in warnings[:MAX_SHOWN]],
        "said": [str(file.told(Malformed(one))) for one in one.said],
        "first": [one.decode("utf-8", "replace")[:MAX_SHOWN_CHARS] for one in one.first],
    }


def _telling(one: Import, told: Told) -> Callable[[], None]:
    """Rows are all read and judged before the first is sent, where a mapping makes them."""
    told.begin("reading the file", one.progress[1])
    sending = False

    def tell() -> None:
        nonlocal sending
        tally = one.tally
        if tally.sent and not sending:
            sending = True
            told.begin("sending events", 0)
        if sending:
            known = tally.admitted + tally.duplicates + tally.refused_after_sending
            told.at(known, max(tally.read - tally.skipped.total() - tally.joined, tally.sent))
        else:
            told.at(*one.progress)

    return tell


def _may_send(key: ApiKey, candidate: Candidate) -> Refused | None:
    """What the door would refuse of who imports."""
    if candidate.source == SOURCE:
        return Refused(Reason.SOURCE_NOT_ALLOWED, "source", f"{SOURCE!r} is the console's source; send with your own")
    if not key.may_send(candidate.source):
        hint = f"you may not send events of source {candidate.source[:100]!r}"
        return Refused(Reason.SOURCE_NOT_ALLOWED, "source", hint)
    return refuse_sender(candidate.type, candidate.data, by_steward=False)


def _doubts(found: Guess) -> dict[str, Any]:
    if len(found.text) > MAX_MAPPING_CHARS:
        raise Malformed("the file has too many columns for a mapping to be proposed; write one by hand")
    unsure = [one[:MAX_SHOWN_CHARS] for one in found.unsure[:MAX_SHOWN]]
    return {"kind": found.kind, "said": found.said[:MAX_SHOWN_CHARS], "unsure": unsure}


def _refused_rows(file: _Dropped) -> tuple[str, str]:
    """Name and kind of the result: the name is ASCII, for a header."""
    return ("refused.ndjson", "application/x-ndjson") if file.has_events else ("refused.csv", "text/csv; charset=utf-8")


@asynccontextmanager
async def _dropped(work: Work, name: str) -> AsyncIterator[_Dropped]:
    """The file in a folder of its own, gone with the run. Raises Malformed where it is not there, not whole, or unpacks
    to more than may be.
    """
    uploads = Uploads(work.database)
    upload = await uploads.get(name, work.key.id)
    if upload is None:
        raise Malformed("the file is not there any more: it is kept for a day, and only your latest; choose it again")
    with tempfile.TemporaryDirectory(dir=work.spool) as folder:
        file = _Dropped(upload, Path(folder) / "dropped" / stored_name(upload.name))
        file.path.parent.mkdir()
        work.told.begin("fetching the file", upload.bytes)
        digest = sha256()
        with file.path.open("wb") as to:
            async for piece in uploads.read(upload):
                digest.update(piece)
                to.write(piece)
                work.told.add(len(piece))
        if digest.hexdigest() != upload.sha256:
            raise Malformed("the file is not whole any more; choose it again")
        try:
            await asyncio.to_thread(check_size, file.path)
        except Malformed as error:
            raise file.told(error) from None
        yield file


def stored_name(name: str) -> str:
    """A name for a file that people call so: one part of a path, printable, short; its ends say what it holds."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(sign for sign in last if sign.isprintable()).lstrip(". ")
    while len(plain.encode()) > NAME_BYTES:
        plain = plain[1:]
    return plain or "file"


def check_size(path: Path) -> None:
    """Raises Malformed for a file that unpacks to more than may be. What is damaged is said by who reads it."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_BOOKS[0]))
            if head[: len(_PACKED)] == _PACKED:
                file.seek(0)
                _check_gzip(file)
            elif head == _BOOKS[0]:
                _check_zip(path)
    except _DAMAGE:
        return


def _check_gzip(file: IO[bytes]) -> None:
    with gzip.GzipFile(fileobj=file) as packed:
        block = packed.read(_BLOCK_BYTES)
        is_book = block.startswith(_BOOKS)
        size = len(block)
        while block:
            if size > (MAX_WORKBOOK_BYTES if is_book else MAX_UNPACKED_BYTES):
                raise _too_large(is_book=is_book)
            block = packed.read(_BLOCK_BYTES)
            size += len(block)


def _check_zip(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        is_book = "[Content_Types].xml" in names or "mimetype" in names
        within = any(name.lower().endswith((".xlsx", ".xlsb", ".xls", ".ods")) for name in names)
        size = sum(info.file_size for info in archive.infolist())
    if size > (MAX_WORKBOOK_BYTES if is_book or within else MAX_UNPACKED_BYTES):
        raise _too_large(is_book=is_book or within)


def _too_large(*, is_book: bool) -> Malformed:
    if is_book:
        most = MAX_WORKBOOK_BYTES >> 20
        return Malformed(f"the workbook unpacks to more than {most} MB; save the sheet as CSV, or use guanxi import")
    return Malformed(f"the file unpacks to more than {MAX_UNPACKED_BYTES >> 20} MB; use guanxi import")


def _copy(path: Path, to: IO[bytes]) -> None:
    with path.open("rb") as file:
        shutil.copyfileobj(file, to)
