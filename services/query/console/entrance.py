"""Signing in by a link or at the company's own provider, and out; what is kept in a browser."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from services.query.console.asking import Trouble
from services.query.console.frame import (
    LANGUAGE_COOKIE,
    ROOT,
    THEME_COOKIE,
    THEMES,
    YEAR_SECONDS,
    Frame,
    secured,
    typed,
    within,
)
from services.query.console.roles import Person
from services.query.console.sign_in import ATTEMPT_SECONDS, SESSION_LASTS, NotSignedInError, is_own, new_secret
from services.query.console.words import LANGUAGES

if TYPE_CHECKING:
    from services.query.console.oidc import Provider

PROVIDER_PATH, BACK_PATH = "/sign-in/oidc", "/sign-in/oidc/back"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entrance:
    """Who gets in."""

    frame: Frame

    def routes(self) -> list[BaseRoute]:
        """Its paths."""
        return [
            Route("/sign-in", self._sign_in, methods=["GET", "POST"]),
            Route(PROVIDER_PATH, self._to_provider, methods=["GET"]),
            Route(BACK_PATH, self._from_provider, methods=["GET"]),
            Route("/sign-in/{secret}", self._sign_in),
            Route("/sign-out", self._sign_out, methods=["POST"]),
            self._choice("language", LANGUAGE_COOKIE, LANGUAGES),
            self._choice("theme", THEME_COOKIE, THEMES),
        ]

    async def _sign_in(self, request: Request) -> Response:
        """A link is shown as a button, and taken by pressing it: what only looks at links must not use them up."""
        if request.method == "GET":
            return self._page(request, secret=request.path_params.get("secret"))
        if not is_own(request.headers.get("origin"), self.frame.own(request)):
            return self._page(request, wrong="origin")
        values = await typed(request)
        person = await self.frame.sign_ins.redeem(values.get("secret", ""), self.frame.now())
        if person is None:
            return self._page(request, wrong="link")
        return await self._begin(request, person, values.get("next", ""))

    async def _to_provider(self, request: Request) -> Response:
        """Send the browser to the company's own sign-in."""
        provider = self._provider()
        try:
            attempt = await provider.ask(self._back(request), new_secret(), _next(request))
        except NotSignedInError as error:
            return self._page(request, wrong=str(error))
        response = RedirectResponse(attempt.url, HTTPStatus.SEE_OTHER)
        self._keep(request, response, self._attempt_cookie(request), attempt.secret, ATTEMPT_SECONDS)
        return secured(response)

    async def _from_provider(self, request: Request) -> Response:
        """Take the browser back from there."""
        provider, name = self._provider(), self._attempt_cookie(request)
        try:
            person, wanted = await provider.back(self._back(request), request.cookies.get(name), request.query_params)
            response = await self._begin(request, person, wanted)
        except NotSignedInError as error:
            response = self._page(request, wrong=str(error))
        self._keep(request, response, name, "", 0)
        return response

    def _provider(self) -> "Provider":
        if self.frame.provider is None:
            raise HTTPException(404)
        return self.frame.provider

    def _back(self, request: Request) -> str:
        """What is registered at the provider."""
        return f"{self.frame.own(request)}{ROOT}{BACK_PATH}"

    def _attempt_cookie(self, request: Request) -> str:
        return f"{self.frame.cookie(request)}-attempt"

    def _page(self, request: Request, *, secret: str | None = None, wrong: str | None = None) -> Response:
        host = self.frame.provider.host if self.frame.provider else None
        said = {"secret": secret, "next": _next(request), "wrong": wrong, "provider": host}
        return self.frame.page(request, "sign_in.html", said, 403 if wrong else 200)

    async def _begin(self, request: Request, person: Person, wanted: str) -> Response:
        """A session, and the page that somebody wanted."""
        secret = await self.frame.sign_ins.begin(person, self.frame.now())
        log.info("%s signed in, as %s", person.id, person.role)
        response = RedirectResponse(within(wanted), HTTPStatus.SEE_OTHER)
        lasts = int(SESSION_LASTS.total_seconds())
        self._keep(request, response, self.frame.cookie(request), self.frame.keys.cookie(secret), lasts)
        return secured(response)

    def _keep(self, request: Request, response: Response, name: str, value: str, seconds: int) -> None:
        secure = self.frame.own(request).startswith("https")
        response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="lax", secure=secure)

    async def _sign_out(self, request: Request) -> Response:
        session = await self.frame.session(request)
        values = await typed(request)
        if session is not None:
            if not self.frame.is_ours(request, values, session):
                return self.frame.problem(
                    request, Trouble(403, "origin", "this form was not sent from the console"), session
                )
            await self.frame.sign_ins.end(session.id)
        response = RedirectResponse(f"{ROOT}/sign-in", HTTPStatus.SEE_OTHER)
        response.delete_cookie(self.frame.cookie(request))
        # Pages kept for when there is no network are cleared by the page and its worker; visits of somebody else that
        # wait in this browser are not ours to lose, so its storage as a whole is left alone.
        response.headers["Clear-Site-Data"] = '"cache"'
        return secured(response)

    def _choice(self, name: str, cookie: str, among: Sequence[str]) -> Route:
        """Keeps in this browser which language is chosen, or whether it is light, dark, or as the system has it."""

        async def keep(request: Request) -> Response:
            chosen = request.path_params["chosen"]
            response = RedirectResponse(within(request.query_params.get("next", "")), HTTPStatus.SEE_OTHER)
            if chosen in among:
                response.set_cookie(cookie, chosen, max_age=YEAR_SECONDS, samesite="lax", httponly=True)
            return secured(response)

        return Route(f"/{name}/{{chosen}}", keep)


def _next(request: Request) -> str:
    return within(request.query_params.get("next", ""), "")
