"""Subscriptions made, paused, replayed and ended from a page: asked of the API, as anybody does (api/subscriptions.py).

A secret is said in the answer to the form that made it, and nowhere else: neither an address nor a reload has it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from http import HTTPStatus
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from services.query.api.subscriptions import MAX_BODY_BYTES
from services.query.console.asking import Json, Trouble, segment
from services.query.console.frame import ROOT, Frame, secured, typed
from services.query.console.screen import Screen
from services.query.console.screens import subscriptions
from services.query.console.showing import Showing
from services.query.console.sign_in import Session
from shared.events.types import MAX_ID_CHARS, TIERS
from shared.sinks import Allowed, Unfit, read_sink
from shared.subscriptions import MAX_FILTERED, TYPES, ReplayAsked, SubscriptionAsked

VERBS = ("pause", "resume", "retry", "backfill", "replay", "rotate", "delete")
ONCE = "once"
FIELDS = ("sink", "customers", "owners", "since")
_SAYS = {
    "string_too_long": f"an id has at most {MAX_ID_CHARS} characters",
    "too_long": f"at most {MAX_FILTERED:,} of them",
}
Values = Mapping[str, str]


def read_form(values: Values, allowed: Allowed) -> tuple[Json, dict[str, str]]:
    """What a subscription is asked for with, and what is wrong with each field. Pure; the API has the last word."""
    sink = values.get("sink", "").strip()
    filters = {
        "types": [one for one in TYPES if f"type-{one}" in values],
        "tiers": [one for one in TIERS if f"tier-{one}" in values],
        "customers": _ids(values, "customers"),
        "owners": _ids(values, "owners"),
    }
    body: Json = {"sink": sink, "filters": filters, "backfill": "backfill" in values}
    wrong: dict[str, str] = {}
    if not sink:
        wrong["sink"] = "needed"
    elif isinstance(fit := read_sink(sink, allowed), Unfit):
        wrong["sink"] = fit.hint
    return body, _judged(SubscriptionAsked, body) | wrong


def read_replay(values: Values, today: str, zone: ZoneInfo) -> tuple[Json, dict[str, str]]:
    """What is to be sent again, and what is wrong with each field. Pure. today, zone: of business days."""
    body: Json = {"customers": _ids(values, "customers")}
    wrong: dict[str, str] = {}
    try:
        day = date.fromisoformat(values.get("since", "").strip())
    except ValueError:
        wrong["since"] = "a day such as 2026-03-01"
    else:
        body["since"] = datetime.combine(day, time(), zone).isoformat()
        if day.isoformat() > today:
            wrong["since"] = "this day has not come yet"
    return body, _judged(ReplayAsked, body) | wrong


def _judged(model: type[BaseModel], body: Json) -> dict[str, str]:
    wrong: dict[str, str] = {}
    try:
        model.model_validate(body)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            wrong.setdefault(_field(one["loc"]), _SAYS.get(one["type"], one["msg"]))
    return wrong


def _field(path: Iterable[int | str]) -> str:
    """The field of a form that a place in what is asked for belongs to; "" for what no form asks."""
    return next((str(one) for one in path if one in FIELDS), "")


def _ids(values: Values, name: str) -> list[str]:
    """One a line."""
    return [line.strip() for line in values.get(name, "").split("\n") if line.strip()]


@dataclass(frozen=True, slots=True)
class Subscribing:
    """What is done with subscriptions. allowed: which sinks the operator names."""

    frame: Frame
    showing: Showing
    allowed: Allowed

    def routes(self) -> list[BaseRoute]:
        """Its paths."""
        return [
            Route(f"/{subscriptions.SCREEN.path}", self._create, methods=["POST"]),
            Route(f"/{subscriptions.ONE.path}", self._do, methods=["POST"]),
        ]

    async def _create(self, request: Request) -> Response:
        """Make one, and say its secret. Whatever is wrong, what was typed is shown again."""
        values = await typed(request, MAX_BODY_BYTES)
        session, refused = await self.frame.sender(request, values)
        body, wrong = read_form(values, self.allowed)
        if refused:
            wrong = {"": refused[0]}
        made: Json | None = None
        if session is not None and not wrong:
            try:
                made = await self.frame.asked(request, session).post("subscriptions", body, values.get(ONCE, ""))
            except Trouble as error:
                wrong = {_field(error.parameter.split(".")): error.detail}
                if error.code == "idempotency_mismatch":
                    values.pop(ONCE, None)
        said = {"values": {} if made else values, "wrong": wrong, "made": made}
        status = HTTPStatus.CREATED if made else HTTPStatus.UNPROCESSABLE_ENTITY
        return await self._again(request, subscriptions.SCREEN, session, said, status)

    async def _do(self, request: Request) -> Response:
        """Something with one of them."""
        values = await typed(request, MAX_BODY_BYTES)
        session, refused = await self.frame.sender(request, values)
        verb, secret = values.get("verb", ""), None
        wrong = {"": refused[0]} if refused else {}
        if session is not None and not wrong:
            try:
                wrong, secret = await self._done(request, session, verb, values)
            except Trouble as error:
                if error.status in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}:
                    return self.frame.problem(request, error, session)
                wrong = {_field(error.parameter.split(".")): error.detail}
        if wrong or secret:
            said = {"values": values if wrong else {}, "wrong": wrong, "secret": secret}
            status = HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK
            return await self._again(request, subscriptions.ONE, session, said, status)
        where = request.url.path if verb != "delete" else f"{ROOT}/{subscriptions.SCREEN.path}"
        return secured(RedirectResponse(f"{where}?{urlencode({'said': verb})}", HTTPStatus.SEE_OTHER))

    async def _done(
        self, request: Request, session: Session, verb: str, values: Values
    ) -> tuple[dict[str, str], str | None]:
        """What is wrong with the fields, and the new secret. Raises Trouble."""
        asked = self.frame.asked(request, session)
        path = f"subscriptions/{segment(asked.ids['id'])}"
        body: Json = {}
        if verb == "delete":
            await asked.delete(path)
            return {}, None
        if verb not in VERBS:
            raise Trouble(HTTPStatus.NOT_FOUND, "not_found", "there is nothing here")
        if verb == "rotate" and ((await asked.get(path))["rotated_at"] or "") != values.get("rotated_at", ""):
            # Twice at once would end the secret that the receiver still verifies with.
            return {"": "it has got a new secret since this page was opened"}, None
        if verb == "replay":
            body, wrong = read_replay(values, asked.today, self.frame.zone)
            if wrong:
                return wrong, None
        found = await asked.post(f"{path}/{verb}", body)
        return {}, found.get("secret") if verb == "rotate" else None

    async def _again(
        self, request: Request, screen: Screen, session: Session | None, said: Json, status: HTTPStatus
    ) -> Response:
        """The page that a form was sent from; without its tiles for who is signed out."""
        if session is not None:
            return await self.showing.screen(request, screen, session, said, status)
        empty = dict.fromkeys((tile.name for tile in screen.tiles), "")
        head = {**subscriptions.form_head(), "one": None, "secret": None, "query": {}, "ids": {}, "tiles": empty}
        return self.frame.page(request, f"{screen.name}.html", {**head, **said}, HTTPStatus.UNAUTHORIZED)
