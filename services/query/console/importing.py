"""Files that people drop: kept for the worker, tried, imported (screens/imports.py shows how far they are).

A file is tried before it can be sent, by the mapping that was tried; sending twice is one job.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from services.ingest.questions import what_is_wrong_with_mapping
from services.query.api.jobs_asked import MAX_BODY_BYTES, MAX_MAPPING_CHARS
from services.query.console.asking import Asked, Json, Trouble, segment
from services.query.console.dropped import NoForm, parts
from services.query.console.frame import ROOT, Frame, secured, typed
from services.query.console.roles import IMPORT
from services.query.console.screens import imports
from services.query.console.showing import Showing
from services.query.console.sign_in import Session, is_own
from shared.errors import Transient
from shared.limits import WorkPlaces
from shared.mongo.uploads import MAX_UPLOAD_BYTES, Upload

UPLOAD_SECONDS = 600.0
"""For a file: 50 MB at 90 KB a second."""
MAX_AT_ONCE, MAX_AT_ONCE_PER_PERSON = 8, 2
"""Files on their way to one process, each of which holds some megabytes."""
MAX_READ_BYTES = 4 * MAX_UPLOAD_BYTES
"""Of a file that is too large: a browser shows the answer only once it has sent all."""
_TOO_LARGE = f"the file has more than {imports.MOST_MB} MB: send it by the command below, or in parts"


class Kept(Protocol):
    """Where files are kept (shared/mongo/uploads.py)."""

    async def keep(
        self, key: str, by: str, name: str, chunks: AsyncIterator[bytes], now: datetime
    ) -> Upload | None: ...


@dataclass(frozen=True, slots=True)
class Importing:
    """What is done with files. uploads: where they are kept."""

    frame: Frame
    showing: Showing
    uploads: Kept
    on_their_way: WorkPlaces = field(default_factory=lambda: WorkPlaces(MAX_AT_ONCE, MAX_AT_ONCE_PER_PERSON))

    def routes(self) -> list[BaseRoute]:
        """Its paths."""
        path = f"/{imports.SCREEN.path}"
        return [
            Route(f"{path}/file", self._file, methods=["POST"]),
            Route(path, self._do, methods=["POST"]),
        ]

    async def _file(self, request: Request) -> Response:
        """Keep a file, and have it tried."""
        if not is_own(request.headers.get("origin"), self.frame.own(request)):
            return self.frame.problem(request, Trouble(403, "origin", "this form was not sent from the console"), None)
        session = await self.frame.session_or_none(request)
        if isinstance(session, Response):
            return session
        refused = self._refused(request, session)
        if refused is not None:
            return refused
        kept = await self._in_time(request, session)
        if isinstance(kept, str):
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if kept == _TOO_LARGE else HTTPStatus.UNPROCESSABLE_ENTITY
            return await self._again(request, session, [kept], status)
        try:
            job = await self.frame.asked(request, session).begin({"kind": imports.PREVIEW, "upload": kept.id})
        except Trouble as error:
            return await self._again(request, session, [error.detail])
        return _to(job)

    async def _in_time(self, request: Request, session: Session) -> Upload | str:
        """The file of a form, or what is wrong with it, within the limits of those on their way."""
        if not self.on_their_way.free_for(session.person.id):
            return "other files are on their way; wait for them"
        declared = request.headers.get("content-length", "0")
        if not declared.isdigit() or int(declared[:20]) > MAX_READ_BYTES:
            return _TOO_LARGE
        with self.on_their_way.one(session.person.id):
            try:
                async with asyncio.timeout(UPLOAD_SECONDS):
                    return await self._kept(request, session)
            except TimeoutError:
                return "the file did not come in time; choose it again"
            except (NoForm, ClientDisconnect):
                return "the file was cut off, or is no form of ours; choose it again"
            except Transient:
                return "MongoDB does not answer now; choose the file again"

    async def _kept(self, request: Request, session: Session) -> Upload | str:
        """The file of a form, or what is wrong with it. Raises NoForm, Transient."""
        ours = False
        found: Upload | str | None = None
        key = session.person.key(session.begun_at)
        assert key is not None, "looked at"
        stream = _bounded(request.stream())
        async for part in parts(request.headers.get("content-type", ""), stream):
            if part.name == "token":
                ours = self.frame.keys.is_token(await part.text(), session)
            elif part.name == "file" and part.filename is not None and found is None:
                if not ours:
                    found = "you have signed in again since this form was opened; please send it again"
                    continue
                found = await self._one(key.id, session.person.id, part.filename, part.chunks)
        return found or "choose a file"

    async def _one(self, key: str, by: str, name: str, chunks: AsyncIterator[bytes]) -> Upload | str:
        first = await anext(chunks, b"")
        if not first:
            return "the file is empty" if name else "choose a file"

        async def whole() -> AsyncIterator[bytes]:
            yield first
            async for chunk in chunks:
                yield chunk

        return await self.uploads.keep(key, by, name or "file", whole(), self.frame.now()) or _TOO_LARGE

    async def _do(self, request: Request) -> Response:
        """Try another mapping, or send. Whatever is wrong, what was typed is shown again."""
        values = await typed(request, MAX_BODY_BYTES)
        session, wrong = await self.frame.sender(request, values)
        if session is None:
            return await self._again(request, None, wrong, HTTPStatus.UNAUTHORIZED, values)
        refused = self._refused(request, session)
        if refused is not None:
            return refused
        asked, text = self.frame.asked(request, session), values.get("mapping", "").strip()
        tried = values.get("job", "")
        if len(text) > MAX_MAPPING_CHARS:
            wrong = wrong or [f"a mapping has at most {MAX_MAPPING_CHARS // 1024} KB"]
        elif text and not wrong:
            wrong = what_is_wrong_with_mapping(text)
        if not wrong:
            try:
                if values.get("verb") == "send":
                    return await self._send(asked, tried, text)
                return _to(await _try(asked, await _preview(asked, tried), text))
            except Trouble as error:
                wrong = [error.detail]
        return await self._again(request, session, wrong, values=values)

    async def _send(self, asked: Asked, tried: str, text: str) -> Response:
        """Import what was tried; where the mapping is another one by now, it is tried first. Raises Trouble."""
        job = await _preview(asked, tried)
        found = job["result"] or {}
        if (found.get("mapping") or "").strip() != text:
            return _to(await _try(asked, job, text), said="changed")
        if not imports.passes(job):
            raise Trouble(HTTPStatus.UNPROCESSABLE_ENTITY, "not_tried", "no row of it passes; nothing was sent")
        sent: Json = {"kind": imports.RUN, "upload": job["parameters"]["upload"], **({"mapping": text} if text else {})}
        return _to(str((await asked.post("jobs", sent, f"import-{tried}"))["id"]))

    def _refused(self, request: Request, session: Session) -> Response | None:
        """The answer to who may not import."""
        if session.person.may(IMPORT):
            return None
        said = f"the role {session.person.role} does not import files"
        return self.frame.problem(request, Trouble(HTTPStatus.FORBIDDEN, "role", said), session)

    async def _again(
        self,
        request: Request,
        session: Session | None,
        wrong: list[str],
        status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
        values: dict[str, str] | None = None,
    ) -> Response:
        """The page that a form was sent from, with what was typed."""
        back = None
        if values is not None:
            back = {"mapping": values.get("mapping", ""), "job": values.get("job", "")}
        if session is not None:
            return await self.showing.screen(request, imports.SCREEN, session, {"wrong": wrong, "typed": back}, status)
        said = {**imports.form_head(), "wrong": wrong, "typed": back, "tiles": {"file": ""}, "query": {}, "ids": {}}
        return self.frame.page(request, "import.html", said, status)


async def _preview(asked: Asked, job: str) -> Json:
    """The job that tried a file. Raises Trouble."""
    found: Json = await asked.get(f"jobs/{segment(job)}") if job else {}
    if found.get("kind") != imports.PREVIEW:
        raise Trouble(HTTPStatus.NOT_FOUND, "not_found", "what was tried is over for more than a day; choose it again")
    return found


async def _try(asked: Asked, tried: Json, text: str) -> str:
    """Have a mapping tried on the same file; sent twice it is one job. Raises Trouble."""
    body: Json = {"kind": imports.PREVIEW, "upload": tried["parameters"]["upload"]}
    if text:
        body["mapping"] = text
    once = f"try-{tried['id']}-{sha256(text.encode()).hexdigest()[:32]}"
    return str((await asked.post("jobs", body, once))["id"])


async def _bounded(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """As they come, up to what is read of a file that is too large. Raises NoForm beyond."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > MAX_READ_BYTES:
            raise NoForm
        yield chunk


def _to(job: str, **said: str) -> Response:
    path = f"{ROOT}/{imports.SCREEN.path}?{urlencode({'job': job, **said})}"
    return secured(RedirectResponse(path, HTTPStatus.SEE_OTHER))
