"""Screens and their tiles, and the search."""

import asyncio
import logging
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from services.query.console.asking import Asked, Trouble
from services.query.console.forms import (
    FORMS,
)
from services.query.console.frame import (
    NO_STORE,
    ROOT,
    Frame,
    is_part,
    secured,
)
from services.query.console.fresh import FAILED, STANDS, State, worst
from services.query.console.screen import Screen, Tile
from services.query.console.screens import START
from services.query.console.sign_in import Session, kept
from services.query.once import once

log = logging.getLogger(__name__)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Showing:
    """What is looked at."""

    frame: Frame

    def routes(self) -> list[BaseRoute]:
        """Its paths."""
        return [
            Route("/", self._start),
            Route("/search", self._search),
            *(self._screen_route(screen) for screen in self.frame.screens),
        ]

    async def _start(self, _: Request) -> Response:
        return secured(RedirectResponse(f"{ROOT}/{START}", HTTPStatus.SEE_OTHER))

    def _screen_route(self, screen: Screen) -> Route:
        async def show(request: Request) -> Response:
            session = await self.frame.session_or_none(request)
            if isinstance(session, Response):
                return session
            return await self.screen(request, screen, session)

        show.__name__ = f"console_{screen.name}"
        return Route(f"/{screen.path}", show, methods=["GET"])

    async def screen(
        self, request: Request, screen: Screen, session: Session, more: Json | None = None, status: int = 200
    ) -> Response:
        """A page; more: what it says beyond what its head reads, such as what somebody typed."""
        key = session.person.key(session.begun_at)
        if key is None or not screen.is_for(session.person, key):
            needed = f"this needs the right {screen.act or screen.scope}"
            return self.frame.problem(request, Trouble(403, "scope_missing", needed), session)
        tiles = [one for one in screen.tiles if one.scope is None or key.may(one.scope)]
        asked = self.frame.asked(request, session)
        wanted = request.query_params.get("tile")
        if wanted is not None:
            tile = next((one for one in tiles if one.name == wanted), None)
            if tile is None:
                raise HTTPException(404)
            return secured(HTMLResponse(await self._tile(request, screen, tile, asked), headers=NO_STORE))
        with once(shared=asked.after is None):
            try:
                head = await screen.head(asked)
            except Trouble as error:
                return self.frame.problem(request, error, session)
            made = await asyncio.gather(
                *(self._tile(request, screen, tile, self.frame.asked(request, session)) for tile in tiles)
            )
        said = {
            **head,
            **(more or {}),
            "screen": screen,
            "ids": asked.ids,
            "query": asked.query,
            "tiles": dict.fromkeys((tile.name for tile in screen.tiles), "")
            | {tile.name: html for tile, html in zip(tiles, made, strict=True)},
            "said": _done(screen, request.query_params.get("said", "")),
        }
        response = self.frame.page(request, f"{screen.name}.html", said, status, session)
        if screen.kept and status == HTTPStatus.OK:
            response.headers.update(kept(session))
        return response

    async def _tile(self, request: Request, screen: Screen, tile: Tile, asked: Asked) -> Markup:
        """A tile: whatever goes wrong stays in it and is said there."""
        found: Json = {}
        body = ""
        language = self.frame.speaks(request)
        said = {**self.frame.common(request, asked.session), "ids": asked.ids, "query": asked.query}
        try:
            found = await tile.read(asked)
            said |= found
            if not found.get("empty"):
                body = self.frame.pages.block(f"{screen.name}.html", tile.name, language, said)
        except Trouble as error:
            state = State(FAILED, why=error.detail)
        except Exception:
            log.exception("a tile failed: %s %s", screen.name, tile.name)
            state = State(FAILED, why="an error on our side, logged; try again")
        else:
            state = worst(self.frame.clock.of(one.freshness, self.frame.now()) for one in asked.answers)
            if not state.services:  # no fold of the log: as of when it was read
                state = replace(state, as_of=self.frame.now().isoformat())
            if found.get("incomplete_since"):
                state = replace(state, state=STANDS, why=str(found["incomplete_since"]))
        kept = [
            (name, value) for name, value in request.query_params.multi_items() if name not in {"tile", "after", "said"}
        ]
        url = f"{request.url.path}?{urlencode([*kept, ('tile', tile.name)])}"
        return self.frame.pages.part(
            "tile.html",
            language,
            {**said, "tile": tile, "state": state, "not_yet": asked.not_yet, "body": body, "url": url}
            | {"empty": found.get("empty"), "again": found.get("again")},
        )

    async def _search(self, request: Request) -> Response:
        session = await self.frame.session_or_none(request)
        if isinstance(session, Response):
            return session
        words, found, trouble = request.query_params.get("q", "").strip(), [], None
        if words:
            try:
                found = await self.frame.asked(request, session).get("search", q=words[:100])
            except Trouble as error:
                trouble = error.detail
        said = {"q": words, "found": found, "trouble": trouble}
        if is_part(request):
            html = self.frame.pages.block(
                "search.html", "found", self.frame.speaks(request), {**self.frame.common(request, session), **said}
            )
            return secured(HTMLResponse(html, headers=NO_STORE))
        return self.frame.page(request, "search.html", said, session=session)


def _done(screen: Screen, said: str) -> str | None:
    """What a page that was come to after something was done says of it."""
    return FORMS[said].done if said in FORMS else screen.says.get(said)
