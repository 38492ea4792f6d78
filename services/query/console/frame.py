"""What all parts of the console share: who is signed in, what every page shows, how an answer leaves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp

from services.query.api.parameters import path_id
from services.query.api.problems import Refusal
from services.query.console.asking import Asked, Trouble
from services.query.console.forms import (
    MAX_FORM_BYTES,
)
from services.query.console.fresh import FRESH, Clock
from services.query.console.pages import FOLDER, Pages
from services.query.console.roles import ROLES
from services.query.console.screen import Screen
from services.query.console.screens import SCREENS, START
from services.query.console.sending import Door
from services.query.console.sign_in import Keys, Session, cookie_name, is_own, stored_as, writer_of
from services.query.console.store import SignIns
from services.query.console.words import LANGUAGES, language_of
from services.query.waiting import Waiting
from shared.console import SOURCE
from shared.errors import Transient
from shared.keys import Scope

if TYPE_CHECKING:  # imported where a provider is set
    from services.query.console.oidc import Provider

ROOT = "/console"
LANGUAGE_COOKIE = "guanxi-language"
THEME_COOKIE = "guanxi-theme"
THEMES = ("auto", "light", "dark")
YEAR_SECONDS = 31_536_000
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers say of no form where it comes from
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
STATIC_CACHE = f"public, max-age={YEAR_SECONDS}, immutable"
"""The address of an asset names its version."""
Json = dict[str, Any]


@dataclass(slots=True)
class Frame:
    """What answers. api: the API's application, in this process; url: where people reach the console, None for wherever
    a request says that it came; tls: whether this process speaks TLS itself; provider: the company's own sign-in, None
    where people come by links alone; now: the wall clock, in UTC.
    """

    api: ASGIApp
    sign_ins: SignIns
    keys: Keys
    door: Door
    waiting: Waiting
    zone: ZoneInfo
    now: Callable[[], datetime]
    url: str | None = None
    tls: bool = False
    provider: "Provider | None" = None
    screens: Sequence[Screen] = SCREENS
    pages: Pages = field(init=False)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        """Find the version of the assets."""
        digest = sha256()
        for file in sorted((FOLDER / "static").rglob("*")):
            if file.is_file():
                digest.update(file.name.encode() + file.read_bytes())
        self.pages = Pages(self.zone, digest.hexdigest()[:12])

    def own(self, request: Request) -> str:
        """Scheme, host and port as the browser has them."""
        scheme = "https" if self.tls else "http"
        return self.url or f"{scheme}://{request.headers.get('host', '')}"

    def cookie(self, request: Request) -> str:
        return cookie_name(tls=self.own(request).startswith("https"))

    async def session(self, request: Request) -> Session | None:
        """Who is signed in, as the store has it now; None where nobody is. Raises Transient."""
        secret = self.keys.secret(request.cookies.get(self.cookie(request)))
        return None if secret is None else await self.sign_ins.find(stored_as(secret), self.now())

    def is_ours(self, request: Request, values: Mapping[str, str], session: Session) -> bool:
        """Whether a form was sent from our pages, in this session."""
        own = is_own(request.headers.get("origin"), self.own(request))
        return own and self.keys.is_token(values.get("token", ""), session)

    async def session_or_none(self, request: Request) -> Session | Response:
        """Who is signed in, or the answer for who is not."""
        try:
            session = await self.session(request)
        except Transient:
            return self.unreachable(request)
        if session is None or session.person.key(session.begun_at) is None:
            if is_part(request):
                return secured(Response(status_code=401))
            return secured(RedirectResponse(f"{ROOT}/sign-in?{_here(request)}", HTTPStatus.SEE_OTHER))
        return session

    async def sender(self, request: Request, values: dict[str, str]) -> tuple[Session | None, list[str]]:
        """Who sent a form, or what is wrong with that."""
        if not is_own(request.headers.get("origin"), self.own(request)):
            return None, ["this form was not sent from the console"]
        try:
            session = await self.session(request)
        except Transient:
            return None, ["the console can't look up who you are now; nothing is lost, send it again"]
        if session is None:
            return None, ["signed_out"]
        if not self.keys.is_token(values.get("token", ""), session):
            return session, ["you have signed in again since this form was opened; please send it again"]
        return session, []

    def asked(self, request: Request, session: Session) -> Asked:
        now = self.now()
        query = dict(request.query_params)
        try:
            ids = {name: path_id(value) for name, value in request.path_params.items()}
        except Refusal as error:
            raise HTTPException(404) from error
        return Asked(
            self.api,
            session,
            ids,
            query,
            now,
            now.astimezone(self.zone).date().isoformat(),
            query.pop("after", None),
            self.door,
            self.zone,
        )

    def speaks(self, request: Request) -> str:
        return language_of(request.headers.get("accept-language", ""), request.cookies.get(LANGUAGE_COOKIE))

    def common(self, request: Request, session: Session | None) -> Json:
        """What every template may use."""
        key = None if session is None else session.person.key(session.begun_at)
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return {
            "root": ROOT,
            "path": request.url.path,
            "here": here,
            "languages": LANGUAGES,
            "themes": THEMES,
            "theme": theme if (theme := request.cookies.get(THEME_COOKIE)) in THEMES else THEMES[0],
            "person": None if session is None else session.person,
            "token": None if session is None else self.keys.token(session),
            "writer": None if session is None else writer_of(session),
            "menu": [
                one
                for one in self.screens
                if one.menu and session is not None and key is not None and one.is_for(session.person, key)
            ],
            "may": (lambda act: self.door.open and session is not None and session.person.may(act)),
            "has": (lambda scope: key is not None and key.may(Scope(scope))),
            "whose_rows": None if key is None else key.rows,
            "today": self.now().astimezone(self.zone).date().isoformat(),
            "fresh_state": FRESH,
            "source_of_console": SOURCE,
            "console_roles": ROLES,
        }

    def page(
        self, request: Request, name: str, said: Json, status: int = 200, session: Session | None = None
    ) -> Response:
        language = self.speaks(request)
        html = self.pages.page(name, language, {**self.common(request, session), **said})
        return secured(HTMLResponse(html, status, {**NO_STORE, "Content-Language": language}))

    def problem(self, request: Request, error: Trouble, session: Session | None) -> Response:
        if is_part(request):
            return secured(Response(error.detail, error.status))
        return self.page(
            request, "problem.html", {"status": error.status, "detail": error.detail}, error.status, session
        )

    def unreachable(self, request: Request) -> Response:
        return self.problem(request, Trouble(503, "unavailable", "MongoDB does not answer now; try again"), None)


NO_STORE = {"Cache-Control": "no-store"}


def secured(response: Response) -> Response:
    response.headers.update(SECURITY)
    return response


def is_part(request: Request) -> bool:
    """Whether a script asks for a part of a page."""
    return request.headers.get("hx-request") == "true" or "tile" in request.query_params


def within(path: str, otherwise: str = f"{ROOT}/{START}") -> str:
    """Where to go on: nowhere outside of the console."""
    good = path.startswith(f"{ROOT}/") and "\\" not in path and "//" not in path and path.isprintable()
    return path if good else otherwise


async def typed(request: Request, most_bytes: int = MAX_FORM_BYTES) -> dict[str, str]:
    """What a form says, each field once. Raises HTTPException for what is too large or no form."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise HTTPException(413)
    try:
        pairs = parse_qsl(bytes(body).decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        raise HTTPException(400) from None
    return {name: value.replace("\r\n", "\n") for name, value in pairs}


def _here(request: Request) -> str:
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return urlencode({"next": here})
