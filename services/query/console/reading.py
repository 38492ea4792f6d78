"""A text of a profile, read from a page: asked for as by anybody (api/texts.py), shown once, kept by nobody."""

from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.query.console.asking import Json, Trouble, segment
from services.query.console.frame import Frame, typed
from services.query.console.screens import texts
from services.query.console.showing import Showing


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read by a button."""

    frame: Frame
    showing: Showing

    def routes(self) -> list[BaseRoute]:
        """Its path."""
        return [Route(f"/{texts.SCREEN.path}", self._read, methods=["POST"])]

    async def _read(self, request: Request) -> Response:
        values = await typed(request)
        session, wrong = await self.frame.sender(request, values)
        if session is None or wrong:
            return self.frame.problem(request, Trouble(HTTPStatus.FORBIDDEN, "origin", wrong[0]), session)
        asked = self.frame.asked(request, session)
        body: Json = {"profile": values.get("profile", ""), "items": [values.get("item", "")]}
        if vendor := values.get("vendor_id", "").strip():
            body["vendor_id"] = vendor
        if reason := values.get("reason", "").strip():
            body["emergency"] = {"reason": reason}
        try:
            read = await asked.post(f"customers/{segment(asked.ids['id'])}/texts", body)
            more, status = {"read": read}, HTTPStatus.OK
        except Trouble as error:
            more, status = {"wrong": error.detail, "asked": body}, HTTPStatus(error.status)
        return await self.showing.screen(request, texts.SCREEN, session, more, status)
