"""Today without a network: what a browser keeps of it, and the visits that wait in it (static/offline.js, worker.js).

What is kept belongs to who is signed in: an answer that may be kept names its writer and the end of the session, and a
browser shows nothing after that, nor to somebody else once they have signed in. Visits wait under the id that they will
have on the log, so that sending one twice counts once; each edit raises its revision, and the highest one holds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from services.query.api.parameters import path_id
from services.query.api.problems import Refusal
from services.query.console.asking import Asked, Trouble, segment
from services.query.console.entering import Entering
from services.query.console.forms import VISIT_FORM, Context, Wrong, filled, of_door
from services.query.console.frame import NO_STORE, ROOT, Frame, secured, typed
from services.query.console.pages import FOLDER
from services.query.console.sign_in import kept, writer_of

MAX_EDITS = 1000
"""Revisions of one visit."""
REPLACED = "superseded"
"""A later revision is on the log already: this one has been sent for good."""
WORKER = FOLDER / "static" / "worker.js"
ASSETS = ("console.css", "live.js", "offline.js", "icon.svg")
"""What a page needs that is shown without a network."""
MANIFEST = {
    "name": "guanxi 关系",
    "short_name": "guanxi",
    "id": f"{ROOT}/",
    "start_url": f"{ROOT}/today",
    "scope": f"{ROOT}/",
    "display": "standalone",
    "background_color": "#f6f7f9",
    "theme_color": "#1f5fd6",
    "icons": [{"src": f"{ROOT}/static/icon.svg", "sizes": "any", "type": "image/svg+xml", "purpose": "any"}],
}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Offline:
    """What a browser asks for to go on without a network, and sends once it is back."""

    frame: Frame
    entering: Entering

    def routes(self) -> list[BaseRoute]:
        """Its paths."""
        return [
            Route("/manifest.webmanifest", self._manifest),
            Route("/worker.js", self._worker),
            Route("/offline", self._nothing),
            Route("/offline/who", self._who),
            Route("/offline/visit", self._form),
            Route("/offline/visit", self._queued, methods=["POST"]),
        ]

    async def _manifest(self, _: Request) -> Response:
        """By which a phone installs the console."""
        return secured(JSONResponse(MANIFEST, media_type="application/manifest+json", headers=NO_STORE))

    async def _worker(self, _: Request) -> Response:
        """The worker, with the version of the assets, so that a browser takes a new one as soon as anything changes."""
        version = self.frame.pages.version
        assets = [f"{ROOT}/static/{name}?{version}" for name in ASSETS]
        said = json.dumps({"version": version, "root": ROOT, "assets": assets})
        script = f"const OF = {said};\n{WORKER.read_text(encoding='utf-8')}"
        return secured(Response(script, media_type="text/javascript", headers={"Cache-Control": "no-cache"}))

    async def _nothing(self, request: Request) -> Response:
        """What stands for a page that is not kept."""
        session = await self.frame.session_or_none(request)
        if isinstance(session, Response):
            return session
        response = self.frame.page(request, "offline.html", {}, session=session)
        response.headers.update(kept(session))
        return response

    async def _who(self, request: Request) -> Response:
        """Who is signed in, and the token of their forms, for what waits."""
        session = await self.frame.session_or_none(request)
        if isinstance(session, Response):
            return secured(Response(status_code=503 if session.status_code == HTTPStatus.SERVICE_UNAVAILABLE else 401))
        said = {"writer": writer_of(session), "token": self.frame.keys.token(session)}
        return secured(JSONResponse(said, headers=NO_STORE))

    async def _form(self, request: Request) -> Response:
        """The form of a visit to whichever customer the address will name (static/offline.js)."""
        session = await self.frame.session_or_none(request)
        if isinstance(session, Response):
            return session
        if not session.person.may(VISIT_FORM.act) or not self.frame.door.open:
            raise HTTPException(404)
        context = Context("", session.person, self.frame.now(), self.frame.zone)
        values = {**VISIT_FORM.defaults(context), "once": ""}
        said = {"form": VISIT_FORM, "values": values, "wrong": {}, "row": None, "closed": False, "next": ""}
        said |= {"action": f"{ROOT}/offline/visit", "more": False, "offline": True}
        response = self.frame.page(request, "form.html", said, session=session)
        response.headers.update(kept(session))
        return response

    async def _queued(self, request: Request) -> Response:
        """A visit that has waited. Says "stored", or what is wrong with which field; or that it should wait on."""
        values = await typed(request)
        session, trouble = await self.frame.sender(request, values)
        if session is None or trouble:
            gone = trouble == ["signed_out"]
            away = bool(trouble) and "can't look up" in trouble[0]
            return _said("later", 401 if gone else 503 if away else 403)
        if values.get("writer") != writer_of(session):
            return _said("of_another", 409)
        if not session.person.may(VISIT_FORM.act):
            return _said("refused", 422, {"": f"the role {session.person.role} does not send this"})
        try:
            customer = path_id(values.get("customer", ""))  # as it stood in the address of its form
            revision = int(values.get("revision", ""))
        except (Refusal, ValueError):
            return _said("refused", 422, {"": "this visit can't be read"})
        if not 1 <= revision <= MAX_EDITS:
            return _said("refused", 422, {"": "this visit has been changed too often; enter it again"})
        asked = replace(self.frame.asked(request, session), ids={"id": customer})
        try:
            return await self._sent(values, asked, revision)
        except Trouble as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return _said("refused", 422, {"": "there is no such customer, or it is somebody else's"})
            return _said("later", 503)

    async def _sent(self, values: Mapping[str, str], asked: Asked, revision: int) -> Response:
        context = Context(asked.ids["id"], asked.person, self.frame.now(), self.frame.zone)
        await asked.get(f"customers/{segment(asked.ids['id'])}", fields="customer")
        event = filled(VISIT_FORM, values, context, revision)
        if isinstance(event, Wrong):
            return _said("refused", 422, event.fields)
        sent = await self.frame.door.send(event)
        wrong = of_door(VISIT_FORM, [one for one in sent.answers if one.get("code") != REPLACED])
        if wrong is None:
            wrong = await self.entering.admitted(VISIT_FORM, event, sent, asked, REPLACED)
        return _said("stored", 200) if wrong is None else _said("refused", 422, wrong.fields)


def _said(state: str, status: int, wrong: Mapping[str, str] | None = None) -> Response:
    return secured(JSONResponse({"state": state, "wrong": dict(wrong or {})}, status, NO_STORE))
