"""The API as an ASGI application: who asks, what it costs, what is asked, the answer. Nothing is kept between requests
but what limits them.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from services.planning.questions import PlanningQuestions
from services.query.api import rights
from services.query.api.answers import WAITED_FOR, Seen, answer, shown, unchanged
from services.query.api.asking import Asking
from services.query.api.changes import Following
from services.query.api.columns import CSV, CSV_TYPE, columns_of, csv_head, csv_lines
from services.query.api.cursors import Cursor, Seals
from services.query.api.jobs import Jobs
from services.query.api.paging import Page, Place, read_page
from services.query.api.parameters import (
    ALWAYS,
    Asked,
    Given,
    check_names,
    day,
    fields,
    given,
    instant,
    one,
    path_id,
    read_list,
    value_of,
    wait_seconds,
)
from services.query.api.problems import CODES, Refusal, refusal
from services.query.api.questions import Questions
from services.query.api.resources import INCLUDES, RESOURCES, TABLES, Resource, Table, fields_of
from services.query.api.rows import Customer, Explanation, Fate, Group
from services.query.api.subscriptions import Hooks
from services.query.api.texts import PATH as TEXTS_PATH
from services.query.api.texts import TextDoor
from services.query.limits import (
    BURST_SECONDS,
    MAX_DOWNLOADS,
    MAX_DOWNLOADS_PER_KEY,
    MAX_IN_FLIGHT,
    MAX_IN_FLIGHT_PER_KEY,
    MAX_QUERY_MS,
    MAX_SIZE,
    UNITS_PER_SECOND,
)
from services.query.standing import FOLDING, Standing, Wait, beyond
from services.query.store import Reader, TooSlow
from services.query.waiting import TooManyWaiting
from shared.errors import Malformed, Transient
from shared.keys import ApiKey, Denied
from shared.keys import Scope as May
from shared.limits import RateLimit, WorkPlaces
from shared.mongo.generations import FIRST
from shared.positions import Of, decode
from shared.problems import Problem, retry_after

log = logging.getLogger(__name__)

PREFIX = "/v1"
OPENAPI_PATH = f"{PREFIX}/openapi.json"
RETRY_SECONDS = 1
GROUP_COST = 20.0
_OF_PATHS = str.maketrans({"/": "_", "-": "_", ".": "_", "{": None, "}": None})
Document = dict[str, Any]
Answered = Callable[[Asking], Awaitable[Response]]


@dataclass(slots=True)
class Api:
    """What answers. confidential, groups: read the confidential views, with a user of their own; zone: of business
    days.
    """

    callers: rights.Callers
    seals: Seals
    confidential: Reader
    questions: Questions
    groups: PlanningQuestions
    jobs: Jobs
    following: Following
    hooks: Hooks
    texts: TextDoor
    zone: ZoneInfo
    units_per_second: float = UNITS_PER_SECOND
    downloads: WorkPlaces = field(default_factory=lambda: WorkPlaces(MAX_DOWNLOADS, MAX_DOWNLOADS_PER_KEY))
    in_work: WorkPlaces = field(default_factory=lambda: WorkPlaces(MAX_IN_FLIGHT, MAX_IN_FLIGHT_PER_KEY))
    rate: RateLimit = field(default_factory=lambda: RateLimit(BURST_SECONDS))

    def app(self) -> Starlette:
        """The application."""

        async def serve_openapi(_: Request) -> Response:
            from services.query.api.openapi import openapi  # noqa: PLC0415 - so that query starts sooner

            # Made when it is first asked for: it takes as long as a fifth of the start.
            return Response(to_json(openapi(), indent=2), media_type="application/json")

        routes = [Route(OPENAPI_PATH, serve_openapi, methods=["GET"])]
        routes += [self._route(one.path, partial(self._list, one), one.scope, one.cost) for one in RESOURCES]
        routes += [self._route(one.path, partial(self._table, one), one.scope, one.cost) for one in TABLES]
        routes += [
            self._route(f"{one.path}{CSV}", partial(self._list_csv, one), one.scope, one.cost) for one in RESOURCES
        ]
        routes += [
            self._route(f"{one.path}{CSV}", partial(self._table_csv, one), one.scope, one.cost) for one in TABLES
        ]
        routes += [
            self._route(f"{PREFIX}/customers/{{id}}", self._customer, May.CUSTOMERS_READ, 1.0),
            self._route(f"{PREFIX}/customers/{{id}}/explanation", self._explanation, May.CUSTOMERS_READ, 3.0),
            self._route(f"{PREFIX}/groups/{{id}}", self._group, May.CONFIDENTIAL_READ, GROUP_COST),
            self._route(TEXTS_PATH, self.texts.answer, None, 5.0, ("POST",)),
            self._route(f"{PREFIX}/changes", self.following.answer, May.CUSTOMERS_READ, 2.0),
            self._route(f"{PREFIX}/status", self._status, May.OPS_READ, 1.0),
            self._route(f"{PREFIX}/events/{{source}}/{{id}}", self._fate, May.EVENTS_WRITE, 1.0),
        ]
        routes += [
            self._route(one.path, one.work, None, one.cost, one.methods)
            for one in (*self.jobs.served(), *self.hooks.served())
        ]
        handlers: Mapping[Any, Any] = {HTTPException: _http_problem, Exception: _internal_problem}
        app = Starlette(routes=routes, exception_handlers=handlers)
        app.router.redirect_slashes = False
        return app

    def _route(
        self, path: str, work: Answered, scope: May | None, cost: float, methods: Sequence[str] = ("GET",)
    ) -> Route:
        """scope: None where the work asks for it itself."""

        async def answered(request: Request) -> Response:
            return await self._answered(request, work, scope, cost)

        name = path.removeprefix(f"{PREFIX}/").translate(_OF_PATHS)
        answered.__name__ = f"get_{name}"  # as the metrics call it
        return Route(path, answered, methods=list(methods))

    async def _answered(self, request: Request, work: Answered, scope: May | None, cost: float) -> Response:
        try:
            key = await self.callers.caller(request)
        except Transient:
            return _unavailable("unavailable", "MongoDB does not answer now; ask again").problem.response()
        if isinstance(key, Denied):
            return rights.NO_KEY.response()
        limited, headers = self._limits(key, cost)
        if limited is not None:
            return limited.response()
        with self.in_work.one(key.id):
            try:
                response = await self._work(request, key, work, scope)
            except Refusal as error:
                response = error.problem.response()
            except TooSlow:
                response = refusal(
                    "too_slow", "the query took too long; ask for fewer rows, or with a filter"
                ).problem.response()
            except Transient as error:
                log.warning("a query was not answered: %s", error)
                response = _unavailable("unavailable", "MongoDB does not answer now; ask again").problem.response()
        response.headers.update(headers)
        return response

    def _limits(self, key: ApiKey, cost: float) -> tuple[Problem | None, dict[str, str]]:
        """Refused for what is over a limit; else charged, with what the headers say of it."""
        seconds = time.monotonic()
        most = self.units_per_second * BURST_SECONDS
        if not self.in_work.free_for(key.id):
            hint = f"{self.in_work.of_key[key.id]} requests of this key are being processed; ask again later"
            return refusal("too_many_requests", hint, retry_after(RETRY_SECONDS)).problem, {}
        wait = self.rate.wait_seconds(key.id, self.units_per_second, seconds)
        policy = {"RateLimit-Policy": f'"units";q={most:.0f};w={BURST_SECONDS:.0f}'}
        if wait > 0:
            hint = f"this key asks for more than {self.units_per_second:g} units a second; this request costs {cost:g}"
            said = {**policy, "RateLimit": f'"units";r=0;t={wait + 0.5:.0f}'}
            return refusal("too_many_requests", hint, {**retry_after(wait), **said}).problem, {}
        self.rate.charge(key.id, self.units_per_second, cost, seconds)
        left = max(0.0, self.rate.left(key.id, self.units_per_second, seconds))
        reset = (most - left) / self.units_per_second
        return None, {**policy, "RateLimit": f'"units";r={left:.0f};t={reset:.0f}'}

    async def _work(self, request: Request, key: ApiKey, work: Answered, scope: May | None) -> Response:
        if scope is not None:
            rights.check_scope(key, scope)
        asked = given(request.scope["query_string"])
        for name in ALWAYS:
            if len(asked.get(name, ())) > 1:
                raise refusal("repeated_parameter", f"{name} is given several times; give it once")
        standing, headers = await self._waited(asked, request)
        rows = await rights.rows_of(key, self.callers.reader, standing.generations)
        return await work(Asking(request, key, asked, standing, rows, headers))

    async def _waited(self, asked: Given, request: Request) -> tuple[Standing, dict[str, str]]:
        """Where everybody stands, once the position that is asked for is passed."""
        token = one(asked, "after")
        seconds = wait_seconds(request.headers.get("prefer"))
        if token is None:
            return await self.callers.waiting.standing(), {}
        try:
            mark = decode(token)
        except Malformed as error:
            raise refusal("bad_position", str(error), parameter="after") from None
        standing = await self.callers.waiting.standing()
        if mark.of is Of.CHANGES:
            raise refusal("bad_position", "this is a position among the changes; give one of the inbox or the log")
        current = standing.generations[mark.of.value]
        if mark.generation < current:
            raise refusal("position_expired", f"the {mark.of.value} has begun anew since; read without after")
        if mark.generation > current or beyond(mark, await self.callers.waiting.fresh()):
            raise refusal("bad_position", f"this system's {mark.of.value} has not come to there; is it another one's?")
        try:
            passed = await self.callers.waiting.passed(Wait(mark), seconds)
        except TooManyWaiting:
            raise _unavailable("too_many_waiting", "too many requests wait for positions; ask again") from None
        if passed is None:
            raise _unavailable("not_yet", "not all of that position shows yet; ask again, or with Prefer: wait=5")
        said = {"Preference-Applied": f"wait={seconds}"} if seconds else {}
        if mark.of is Of.INBOX:
            said[WAITED_FOR] = await self.questions.verdict(mark)
        return passed, said

    def _seen(self, asking: Asking, services: tuple[str, ...], *, confidential: bool = False) -> Seen:
        today = self.callers.now().astimezone(self.zone).date()
        rows = repr(asking.rows)
        generations = asking.standing.generations
        return Seen(asking.standing, services, generations, asking.key, rows, today, confidential)

    async def _list(self, resource: Resource, asking: Asking) -> Response:
        asked = read_list(resource, asking.asked, await self.questions.places(asking.standing))
        self._times(asking.asked)
        kept_by_none = resource.confidential or not resource.services
        seen = self._seen(asking, resource.services, confidential=kept_by_none)
        place, generations = self._begin(asked.cursor, asked.query, asking, resource)
        seen = replace(seen, generations={**seen.generations, **generations})
        if place is None and (same := unchanged(asking.request, seen)):
            return same
        only = await self._only(resource.owner_key, asking, resource.rows_of)
        page = await self._page(resource, asked, generations, place, only)
        token = None
        if page.next is not None:
            token = self.seals.seal(Cursor(asked.query, asking.key.id, generations, page.next.after, page.next.leaf))
            query = [
                (name, value)
                for name, values in asking.asked.items()
                for value in values
                if name not in {"cursor", "after"}
            ]
            asking.headers["Link"] = f'<{resource.path}?{urlencode([*query, ("cursor", token)])}>; rel="next"'
        data = [shown(resource.written_out(row), asked.fields) for row in page.rows]
        return answer(asking.request, seen, data, {"size": asked.size, "next": token}, asking.headers)

    async def _page(
        self,
        resource: Resource,
        asked: Asked,
        generations: Mapping[str, int],
        place: Place | None,
        only: Sequence[Document],
    ) -> Page:
        reader = self.confidential if resource.confidential else self.callers.reader
        generation = generations[resource.services[0]] if resource.services else FIRST
        page = await read_page(reader, resource, asked, generation, place, only)
        await self._check_there(generations)
        return page

    async def _list_csv(self, resource: Resource, asking: Asking) -> Response:
        """All rows, page after page as they are sent. The first one is read before the answer begins, so that what
        is refused is told; where a later one fails the answer breaks off, and never ends as if it were whole.
        """
        rights.check_scope(asking.key, May.EXPORTS_READ)
        many = {name for name, one in resource.filters.items() if one.many}
        check_names(asking.asked, {*resource.filters, "sort", *ALWAYS}, many)
        asked = replace(read_list(resource, asking.asked, await self.questions.places(asking.standing)), size=MAX_SIZE)
        self._times(asking.asked)
        self._check_download(asking.key)
        generations = {service: asking.standing.generations[service] for service in resource.services}
        only = await self._only(resource.owner_key, asking, resource.rows_of)
        first = await self._page(resource, asked, generations, None, only)
        columns = columns_of(resource.row, asked.fields)

        async def pieces() -> AsyncIterator[bytes]:
            with self.downloads.one(asking.key.id):
                yield csv_head(columns)
                page = first
                while True:
                    yield csv_lines(columns, [resource.written_out(row) for row in page.rows])
                    if page.next is None:
                        return
                    await self._paid(asking, resource.cost, resource.scope)
                    page = await self._page(resource, asked, generations, page.next, only)

        seen = self._seen(asking, resource.services, confidential=True)
        return StreamingResponse(pieces(), headers=_csv_headers(resource.name, seen), media_type=CSV_TYPE)

    def _check_download(self, key: ApiKey) -> None:
        if not self.downloads.free_for(key.id):
            hint = f"{MAX_DOWNLOADS_PER_KEY} lists are being sent to this key; wait for one"
            raise refusal("too_many_requests", hint, retry_after(RETRY_SECONDS))

    async def _paid(self, asking: Asking, cost: float, scope: May) -> None:
        """Charge the next page, once the key has the units for it. Raises Refusal for a key that may no more."""
        await asyncio.sleep(max(0.0, self.rate.wait_seconds(asking.key.id, self.units_per_second, time.monotonic())))
        self.rate.charge(asking.key.id, self.units_per_second, cost, time.monotonic())
        key = await self.callers.still(asking.request, scope, May.EXPORTS_READ)
        if key is None or key.rows != asking.key.rows:
            raise Refusal(rights.NO_KEY)

    async def _table_csv(self, table: Table, asking: Asking) -> Response:
        rights.check_scope(asking.key, May.EXPORTS_READ)
        wanted, values = await self._table_asked(table, asking)
        columns = columns_of(table.row, wanted)
        found = await self._table_rows(table, asking, values)
        headers = _csv_headers(table.name, self._seen(asking, table.services, confidential=True))
        return Response(csv_head(columns) + csv_lines(columns, found), headers=headers, media_type=CSV_TYPE)

    async def _only(self, owner_key: str, asking: Asking, rows_of: str = "customer") -> list[Document]:
        """The condition that a row is the key's own, where it may not read all."""
        if rows_of == "all":
            rights.check_all(asking.rows)
        theirs: Sequence[str] | None = asking.rows.representatives
        if theirs is None:
            return []
        if rows_of == "customer":
            theirs = await rights.owned(asking.rows, self.callers.reader, asking.standing.generations)
        return [{owner_key: {"$in": list(theirs)}}]

    def _begin(
        self, token: str | None, query: str, asking: Asking, resource: Resource
    ) -> tuple[Place | None, dict[str, int]]:
        """Where the page begins, and in which generations."""
        current = {service: asking.standing.generations[service] for service in resource.services}
        if token is None:
            return None, current
        try:
            cursor = self.seals.open(token)
        except Malformed as error:
            raise refusal("bad_cursor", str(error)) from None
        if cursor.query != query:
            raise refusal(
                "cursor_mismatch", "this cursor belongs to another query; keep its filters and sort, or leave it"
            )
        if cursor.api_key != asking.key.id:
            raise refusal("cursor_mismatch", "this cursor was given to another API key; begin again without it")
        for service, generation in cursor.generations.items():
            if not asking.standing.readable(service, generation, self.callers.now()):
                raise _expired()
        return Place(cursor.after, cursor.leaf), dict(cursor.generations)

    async def _check_there(self, generations: Mapping[str, int]) -> None:
        """A view whose collection has just been removed is empty: that must not look like the end."""
        standing = await self.callers.waiting.standing()
        if any(standing.generations[name] != generation for name, generation in generations.items()):
            standing, now = await self.callers.waiting.fresh(), self.callers.now()
            if not all(standing.readable(name, generation, now) for name, generation in generations.items()):
                raise _expired()

    async def _table(self, table: Table, asking: Asking) -> Response:
        wanted, values = await self._table_asked(table, asking)
        seen = self._seen(asking, table.services, confidential=not table.services)
        if same := unchanged(asking.request, seen):
            return same
        found = await self._table_rows(table, asking, values)
        return answer(asking.request, seen, [shown(row, wanted) for row in found], None, asking.headers)

    async def _table_asked(self, table: Table, asking: Asking) -> tuple[tuple[str, ...], dict[str, Any]]:
        """The fields that are wanted, and the values of the parameters. Raises Refusal."""
        check_names(asking.asked, {*table.parameters, *ALWAYS})
        wanted = fields(one(asking.asked, "fields"), table.fields)
        for name in table.needed:
            if name not in asking.asked:
                raise refusal("filter_missing", f"{table.name} is read by {name}; give it")
        self._times(asking.asked)
        if table.all_rows:
            rights.check_all(asking.rows)
        values = {
            name: value_of(name, table.parameters[name], values[0])
            for name, values in asking.asked.items()
            if name in table.parameters
        }
        if table.subject is not None:
            await self._check_subject(values[table.subject], asking)
        return wanted, values

    async def _table_rows(self, table: Table, asking: Asking, values: Mapping[str, Any]) -> list[Document]:
        only = await self._only("_id", asking) if table.subject is None else []
        return await self.questions.table(table.name, asking.standing, values, only)

    async def _check_subject(self, subject: str, asking: Asking) -> None:
        representatives = asking.rows.representatives
        if representatives is not None and subject not in representatives:
            await rights.check_customer(subject, asking.rows, self.callers.reader, asking.standing.generations)

    async def _customer(self, asking: Asking) -> Response:
        customer = path_id(asking.request.path_params["id"])
        check_names(asking.asked, {"include", *ALWAYS})
        wanted = fields(one(asking.asked, "fields"), fields_of(Customer))
        include = one(asking.asked, "include")
        includes = fields(include, tuple(INCLUDES), "include") if include is not None else ()
        await rights.check_customer(customer, asking.rows, self.callers.reader, asking.standing.generations)
        seen = self._seen(asking, FOLDING if includes else ("tiering",))
        if same := unchanged(asking.request, seen):
            return same
        row, *parts = await asyncio.gather(
            self.questions.customer(customer, asking.standing.generations),
            *(self.questions.part(name, customer, asking.standing.generations) for name in includes),
        )
        if row is None:
            raise rights.not_found()
        data = shown(row, wanted)
        for name, part in zip(includes, parts, strict=True):
            names = fields_of(INCLUDES[name])
            data[name] = [shown(one, names) for one in part] if isinstance(part, list) else part and shown(part, names)
        return answer(asking.request, seen, data, None, asking.headers)

    def _times(self, asked: Given) -> tuple[date | None, datetime | None]:
        """`on` and `known_at`, neither of which may be to come."""
        now, on, known_at = self.callers.now(), one(asked, "on"), one(asked, "known_at")
        known = None if known_at is None else instant("known_at", known_at)
        if known is not None and known > now:
            raise refusal("on_in_future", "known_at has not come yet; leave it out for what is known now")
        held = None if on is None else day("on", on)
        if held is not None and held > now.astimezone(self.zone).date():
            raise refusal("on_in_future", f"{held} has not come yet; without on it says what holds now")
        return held, known

    async def _explanation(self, asking: Asking) -> Response:
        customer = path_id(asking.request.path_params["id"])
        check_names(asking.asked, {"on", "known_at", *ALWAYS})
        wanted = fields(one(asking.asked, "fields"), fields_of(Explanation))
        held, known = self._times(asking.asked)
        if held is None and known is not None:
            held = known.astimezone(self.zone).date()
        await rights.check_customer(customer, asking.rows, self.callers.reader, asking.standing.generations)
        seen = self._seen(asking, ("tiering",))
        if same := unchanged(asking.request, seen):
            return same
        found = await self.questions.explanation(customer, asking.standing, held, known)
        if found is None:
            raise rights.not_found()
        return answer(asking.request, seen, shown(found, wanted), None, asking.headers)

    async def _group(self, asking: Asking) -> Response:
        group = path_id(asking.request.path_params["id"])
        check_names(asking.asked, ALWAYS)
        wanted = fields(one(asking.asked, "fields"), fields_of(Group))
        rights.check_all(asking.rows)
        try:
            async with asyncio.timeout(MAX_QUERY_MS / 1000):
                found = await self.groups.group(group)
        except Malformed as error:
            raise refusal("bad_value", str(error)) from None
        except TimeoutError:
            raise TooSlow from None
        if found is None:
            raise rights.not_found()
        seen = self._seen(asking, FOLDING, confidential=True)
        return answer(asking.request, seen, shown(found, wanted), None, asking.headers)

    async def _status(self, asking: Asking) -> Response:
        check_names(asking.asked, ALWAYS)
        standing = asking.standing
        data = {
            "services": [
                {
                    "service": name,
                    "generation": standing.generations[name],
                    "as_of": standing.fresh.get(name),
                    "behind": standing.behind((name,)),
                }
                for name in FOLDING
            ],
            "log_generation": standing.generations["log"],
            "inbox_generation": standing.generations["inbox"],
            "policies": list(standing.policies),
        }
        return answer(asking.request, self._seen(asking, FOLDING), data, None, asking.headers)

    async def _fate(self, asking: Asking) -> Response:
        source, event = (path_id(asking.request.path_params[name]) for name in ("source", "id"))
        check_names(asking.asked, ALWAYS)
        if not asking.key.may_send(source):
            raise rights.not_found()
        found = await self.questions.fate(source, event, asking.standing)
        if found is not None and not (asking.key.may(May.CUSTOMERS_READ) and asking.rows == rights.ALL):
            found = {**found, "decisions": None}
        if found is None:
            hint = (
                "no fate of this event is known: it never came, was refused over 30 days ago, does not show yet (ask "
                "with after= of the door's answer), or is a representative's record of over 30 days ago"
            )
            raise refusal("not_found", hint)
        seen = self._seen(asking, FOLDING)
        return answer(asking.request, seen, shown(found, fields_of(Fate)), None, asking.headers)


def _csv_headers(name: str, seen: Seen) -> dict[str, str]:
    return {
        **seen.headers(),
        "Content-Disposition": f'attachment; filename="{name.replace("/", "-")}.csv"',
        "X-Content-Type-Options": "nosniff",
    }


def _unavailable(code: str, hint: str) -> Refusal:
    return refusal(code, hint, retry_after(RETRY_SECONDS))


def _expired() -> Refusal:
    return refusal("cursor_expired", "the rows that this cursor pages through are gone; begin again without it")


async def _http_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "Starlette looks the handler up by the error's class"
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "GET")
        taken = ", ".join(sorted({*allowed.split(", ")} - {"HEAD"}))
        hint = f"this path takes {taken}"
        return refusal("method_not_allowed", hint, {"Allow": taken}).problem.response()
    return refusal("not_found", f"there is nothing at this path; {OPENAPI_PATH} lists what there is").problem.response()


async def _internal_problem(request: Request, error: Exception) -> Response:
    log.error("GET %s failed", request.scope.get("path"), exc_info=error)
    return Problem(CODES["internal"].status, "internal", "an error on our side, logged; ask again").response()


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)
