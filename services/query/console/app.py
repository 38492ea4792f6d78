"""The console as an ASGI application, under /console: its parts, its assets, its errors.

It reads by the API alone (asking.py) and writes by the door alone (sending.py). Every answer has a content policy that
lets nothing of another host in, nor any script of a page's own.
"""

import logging
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from services.query.console.asking import Trouble
from services.query.console.entering import Entering
from services.query.console.entrance import Entrance
from services.query.console.frame import STATIC_CACHE, Frame, secured
from services.query.console.importing import Importing, Kept
from services.query.console.live import Live
from services.query.console.mending import Mending
from services.query.console.offline import Offline
from services.query.console.ordering import Ordering
from services.query.console.pages import FOLDER
from services.query.console.reading import Reading
from services.query.console.showing import Showing
from services.query.console.subscribing import Subscribing
from shared.errors import Transient
from shared.sinks import Allowed

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Console(Frame):
    """All of it. allowed: which sinks of webhooks the operator names; uploads: where dropped files are kept, None for
    a console that takes none.
    """

    allowed: Allowed = field(default_factory=Allowed)
    uploads: Kept | None = None

    def app(self) -> Starlette:
        """The application, to be mounted at ROOT."""
        # Forms before screens: both stand under customers/{id}.
        showing = Showing(self)
        subscribing = Subscribing(self, showing, self.allowed)
        importing = () if self.uploads is None else (Importing(self, showing, self.uploads),)
        entering = Entering(self)
        offline = Offline(self, entering)
        parts = (
            *(Entrance(self), Live(self), offline, entering, Ordering(self, showing)),
            *(Mending(self, showing), subscribing, *importing, Reading(self, showing), showing),
        )
        routes = [Mount("/static", app=_Static(directory=FOLDER / "static"))]
        app = Starlette(
            routes=[*routes, *(route for part in parts for route in part.routes())],
            exception_handlers={HTTPException: self._http_error, Exception: self._internal_error},
        )
        app.router.redirect_slashes = False
        return app

    async def _http_error(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        detail = "there is nothing here" if status == HTTPStatus.NOT_FOUND else HTTPStatus(status).phrase.lower()
        return self.problem(request, Trouble(status, "http", detail), None)

    async def _internal_error(self, request: Request, error: Exception) -> Response:
        if isinstance(error, Transient):
            return self.unreachable(request)
        log.error("GET %s failed", request.url.path, exc_info=error)
        return self.problem(request, Trouble(500, "internal", "an error on our side, logged; try again"), None)


class _Static(StaticFiles):
    """Assets, kept by browsers: each address names its version."""

    def file_response(self, *arguments: Any, **named: Any) -> Response:
        response = super().file_response(*arguments, **named)
        response.headers["Cache-Control"] = STATIC_CACHE
        return secured(response)
