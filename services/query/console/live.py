"""What keeps pages fresh: the stream of changes, and how far everything has come."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from services.query.console.asking import inner
from services.query.console.frame import NO_STORE, Frame, secured
from services.query.console.fresh import FAILED
from services.query.console.sign_in import Session
from services.query.standing import FOLDING
from shared.errors import Transient
from shared.keys import ApiKey


@dataclass(frozen=True, slots=True)
class Live:
    """What is live."""

    frame: Frame

    def routes(self) -> list[BaseRoute]:
        """Its paths."""
        return [
            Route("/changes", self._changes),
            Route("/fresh", self._fresh),
        ]

    async def _changes(self, request: Request) -> Response:
        """The API's stream of changes, for this session, which is looked at again with each heartbeat."""
        session = await self.frame.session_or_none(request)
        if isinstance(session, Response):
            return Response(status_code=401)
        begun: Session = session

        async def caller() -> ApiKey | None:
            found = await self.frame.sign_ins.find(begun.id, self.frame.now())
            return None if found is None else found.person.key(found.begun_at)

        headers = {"Accept": "text/event-stream"}
        if last := request.headers.get("last-event-id"):
            headers["Last-Event-ID"] = last
        return Inner(self.frame.api, inner("/v1/changes", dict(request.query_params), caller, headers))

    async def _fresh(self, request: Request) -> Response:
        """How far everything has come, for pages that look whether they are behind."""
        session = await self.frame.session_or_none(request)
        if isinstance(session, Response):
            return Response(status_code=401)
        try:
            standing = await self.frame.waiting.standing()
        except Transient:
            return secured(JSONResponse({"state": FAILED}, 503))
        states = {}
        for name in FOLDING:
            as_of = standing.fresh.get(name)
            fresh = {
                "generations": {name: standing.generations[name]},
                "behind": standing.behind((name,)),
                "as_of": None if as_of is None else as_of.isoformat(),
            }
            states[name] = self.frame.clock.of(fresh, self.frame.now()).state
        return secured(JSONResponse({"services": states}, headers=NO_STORE))


class Inner(Response):
    """An answer of the API, passed on as it comes."""

    def __init__(self, api: ASGIApp, scope: Any) -> None:
        super().__init__()
        self._api, self._scope = api, scope

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002 - the API's own instead
        await self._api(self._scope, receive, send)
