"""The HTTP door: POST /v1/events. It writes to the inbox and needs only Kafka; admission does the rest."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from zoneinfo import ZoneInfo

from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.ingest.doors.http.body import body_kind, read_body
from services.ingest.doors.http.events import (
    ACCEPTED_NOTE,
    Answer,
    Judged,
    judge_events,
    look_at_claims,
    position_of,
    records_of,
)
from services.ingest.doors.http.openapi import EVENTS_PATH, OPENAPI_PATH, openapi
from services.ingest.doors.kafka.split import split_body
from services.ingest.inbox import Appended, InboxWriter, SeenClaims
from services.ingest.limits import (
    MAX_EVENTS,
    RETRY_AFTER_BUSY_SECONDS,
    RETRY_AFTER_UNAVAILABLE_SECONDS,
    DoorLimits,
)
from shared import metrics
from shared.console import HEADER, IMPORT_KEY_ID, is_body, signed_body
from shared.console import KEY_ID as CONSOLE_KEY_ID
from shared.console import SOURCE as CONSOLE
from shared.errors import Transient
from shared.events.codec import TRACEPARENT_HEADER
from shared.events.refusal import Reason, Refused
from shared.keys import NOBODY, ApiKey, ApiKeys, Denied, Scope
from shared.limits import RateLimit, WorkPlaces
from shared.problems import Problem, retry_after
from shared.tracing import current_traceparent, valid_traceparent

log = logging.getLogger(__name__)
denials = logging.getLogger("services.ingest.denied")
"""Each kind is logged only now and then (shared.repeats): anybody may send wrong keys."""

_DENIED = {
    "missing": "denied a request from %s: no API key (key id %s)",
    "malformed": "denied a request from %s: its Authorization header is not an API key (key id %s)",
    "unknown": "denied a request from %s: unknown API key, id %s",
    "wrong_secret": "denied a request from %s: wrong secret for API key %s",
    "revoked": "denied a request from %s: API key %s is revoked",
    "expired": "denied a request from %s: API key %s has expired",
}

_PHRASES = {
    HTTPStatus.NOT_FOUND: ("not_found", f"nothing is here; send events to POST {EVENTS_PATH}"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method_not_allowed", "method not allowed; see the Allow header"),
}
_NO_KEY = Problem(
    HTTPStatus.UNAUTHORIZED,
    "unauthorized",
    "send a valid API key: Authorization: Bearer gx_<id>_<secret>",
    {"WWW-Authenticate": "Bearer"},
)
_CONSOLE = ApiKey(
    id=CONSOLE_KEY_ID,
    hash=NOBODY,
    sources=(CONSOLE,),
    scopes=(Scope.EVENTS_WRITE,),
    created=datetime(2026, 1, 1, tzinfo=UTC),
)
"""Who sends what query signs."""
_IMPORT = ApiKey(
    id=IMPORT_KEY_ID,
    hash=NOBODY,
    sources=("*",),
    scopes=(Scope.EVENTS_WRITE,),
    created=datetime(2026, 1, 1, tzinfo=UTC),
)
"""Who sends what the worker signs: files dropped into the console, of any source but the console's own."""
_MAY_NOT_SEND = Problem(
    HTTPStatus.FORBIDDEN, "scope_missing", f"this API key may not send events: it lacks the scope {Scope.EVENTS_WRITE}"
)
_INTERNAL = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "an internal error, logged; send the request again")


def create_door(
    inbox: InboxWriter,
    keys: ApiKeys,
    *,
    zone: ZoneInfo,
    now: Callable[[], datetime],
    claims: SeenClaims | None = None,
    limits: DoorLimits | None = None,
    generation: Callable[[], int | None] = lambda: None,
    secret: bytes = b"",
    console_key: bytes = b"",
    import_key: bytes = b"",
    extra_routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """The door as an ASGI application.

    inbox: acknowledged writes; keys: who may send what; zone: of business days; now: the wall clock, in UTC;
    claims: to mark known events in answers; generation: of the inbox, None while unknown; secret: to vouch for keys
        (vouching.py); console_key: by which query signs what the console sends; import_key: by which the worker signs
        what files that were dropped there hold; extra_routes: such as health checks, which need no key.
    """
    door = Door(inbox, keys, zone, now, claims, limits or DoorLimits(), generation, secret, console_key, import_key)
    document = to_json(openapi(), indent=2)

    async def serve_openapi(_: Request) -> Response:
        return Response(document, media_type="application/json")

    app = Starlette(
        routes=[
            Route(EVENTS_PATH, door.post_events, methods=["POST"]),
            Route(OPENAPI_PATH, serve_openapi, methods=["GET"]),
            *extra_routes,
        ],
        exception_handlers={HTTPException: _http_problem, Exception: _internal_problem},
    )
    app.router.redirect_slashes = False  # a redirected POST loses its body with many clients; 404 says where to go
    return app


@dataclass(slots=True)
class Door:
    """The handler behind the route of `create_door`."""

    inbox: InboxWriter
    keys: ApiKeys
    zone: ZoneInfo
    now: Callable[[], datetime]
    claims: SeenClaims | None
    limits: DoorLimits
    generation: Callable[[], int | None]
    secret: bytes
    console_key: bytes
    import_key: bytes
    in_work: WorkPlaces = field(init=False)
    rate: RateLimit = field(init=False)

    def __post_init__(self) -> None:
        self.in_work = WorkPlaces(self.limits.max_in_flight, self.limits.max_in_flight_per_key)
        self.rate = RateLimit(self.limits.burst_seconds)

    async def post_events(self, request: Request) -> Response:
        """Answers each event of a request, as docs/reference/openapi.json describes."""
        signed = self._signed(request.headers.get(HEADER))
        digest: str | None = None
        key: ApiKey | Denied
        if signed is not None:
            key, digest = signed
        else:
            key = self.keys.find(request.headers.get("authorization"), self.now())
        if isinstance(key, Denied):
            _tell_denied(key, request)
            return _NO_KEY.response()
        if not key.may(Scope.EVENTS_WRITE):
            return _MAY_NOT_SEND.response()
        busy = self._busy(key)
        if busy is not None:
            return busy.response()
        with self.in_work.one(key.id):
            events = await self._read(request, digest)
            if isinstance(events, Problem):
                return events.response()
            self.rate.charge(key.id, self._per_second(key), len(events), time.monotonic())
            return await self._take(events, key, request)

    def _signed(self, signature: str | None) -> tuple[ApiKey, str] | None:
        """Who of our own processes signed a request, and the hash of its body; None for nobody."""
        if signature is None:
            return None
        for key, secret in ((_CONSOLE, self.console_key), (_IMPORT, self.import_key)):
            digest = signed_body(signature, self.now().timestamp(), secret)
            if digest is not None:
                return key, digest
        return None

    def _per_second(self, key: ApiKey) -> float:
        """The key's own limit, else the common one."""
        return key.events_per_second or self.limits.events_per_second

    def _busy(self, key: ApiKey) -> Problem | None:
        if not self.in_work.free_for(key.id):
            own = self.in_work.of_key[key.id]
            hint = (
                f"{self.in_work.taken} requests are already being processed, {own} of them with this key; send again "
                "later, with several events per request"
            )
            return Problem(
                HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests", hint, retry_after(RETRY_AFTER_BUSY_SECONDS)
            )
        wait_seconds = self.rate.wait_seconds(key.id, self._per_second(key), time.monotonic())
        if wait_seconds <= 0:
            return None
        hint = f"this key is over its limit of {self._per_second(key):g} events a second; send again later"
        return Problem(HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests", hint, retry_after(wait_seconds))

    async def _read(self, request: Request, digest: str | None) -> list[bytes] | Problem:
        """digest: what the body must have, where it is signed."""
        kind = body_kind(request.headers.get("content-type"))
        if isinstance(kind, Problem):
            return kind
        body = await read_body(request, self.limits)
        if isinstance(body, Problem):
            return body
        if digest is not None and not is_body(body, digest):
            return _NO_KEY
        events = split_body(kind, body, MAX_EVENTS)
        if isinstance(events, Refused):
            too_many = events.reason is Reason.TOO_MANY
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if too_many else HTTPStatus.BAD_REQUEST
            return Problem(status, events.reason, events.hint)
        return events

    async def _take(self, events: Sequence[bytes], key: ApiKey, request: Request) -> Response:
        traceparent = _traceparent(request)
        judged = await judge_events(
            events,
            key,
            now=self.now(),
            zone=self.zone,
            headers=request.headers.keys(),
            person_key=self.secret,
        )
        await look_at_claims(judged, self.claims, seconds=self.limits.look_seconds)
        secret = self.console_key if key is _CONSOLE else self.secret
        records = records_of(judged, traceparent, key.id, secret)
        appended: Sequence[Appended] = ()
        if records:
            try:
                async with asyncio.timeout(self.limits.write_seconds):
                    appended = await self.inbox.write(records)
            except (Transient, TimeoutError) as error:
                _count(judged, lost=True)
                log.warning("could not write to the inbox: %s", str(error) or "no acknowledgement in time")
                hint = "not all events could be stored; send the whole request again: events already stored count once"
                return Problem(
                    HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", hint, retry_after(RETRY_AFTER_UNAVAILABLE_SECONDS)
                ).response()
        _count(judged)
        return _answer(judged, position_of(judged, appended, self.generation()))


def _tell_denied(denied: Denied, request: Request) -> None:
    metrics.DENIED.labels(denied.why).inc()
    address = request.client.host if request.client else "?"
    denials.warning(_DENIED[denied.why], address, denied.key_id)


def _traceparent(request: Request) -> str | None:
    """The traceparent of this request's span, else of its caller."""
    return current_traceparent() or valid_traceparent(request.headers.get(TRACEPARENT_HEADER))


def _count(judged: Sequence[Judged], *, lost: bool = False) -> None:
    """Count by type and outcome; `lost` if accepted events could not be written to the inbox."""
    seen: Counter[tuple[str, str]] = Counter()
    for one in judged:
        outcome = "unavailable" if lost and one.candidate is not None else one.answer.status
        seen[one.type, outcome] += 1
        if one.answer.code is not None:
            metrics.REFUSED.labels("door", one.answer.code).inc()
    metrics.add(metrics.DOOR_EVENTS, seen)


def _answer(judged: Sequence[Judged], position: str | None) -> Response:
    counts = Counter(one.answer.status for one in judged)
    answer = Answer(
        accepted=counts["accepted"],
        duplicate=counts["duplicate"],
        refused=counts["refused"],
        position=position,
        note=ACCEPTED_NOTE if counts["accepted"] else None,
        events=[one.answer for one in judged],
    )
    if answer.refused < len(judged):
        return Response(to_json(answer), HTTPStatus.ACCEPTED, media_type="application/json")
    members = answer.model_dump(mode="json")
    if all(one.answer.code is Reason.SOURCE_NOT_ALLOWED for one in judged):
        hint = "this API key may not send events of these sources"
        return Problem(HTTPStatus.FORBIDDEN, Reason.SOURCE_NOT_ALLOWED, hint, members=members).response()
    hint = "no event was accepted; `events` has the reason for each"
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "all_refused", hint, members=members).response()


async def _http_problem(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise TypeError
    status = HTTPStatus(error.status_code)
    code, hint = _PHRASES.get(status, (status.phrase.lower().replace(" ", "_"), error.detail))
    return Problem(status, code, hint, error.headers or {}).response()


async def _internal_problem(_: Request, error: Exception) -> Response:
    log.error("unexpected error at the HTTP door", exc_info=error)
    return _INTERNAL.response()
