"""`/v1/subscriptions`: webhooks are asked for here, looked at, paused, replayed; delivery sends them.

A subscription belongs to the API key that made it, and has its rows: another's is not there. Who is signed in to the
console and may manage subscriptions manages all of them, and makes the operator's, as the command line does.
"""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from services.query.api import rights
from services.query.api.asking import Asking
from services.query.api.jobs import Served, id_of
from services.query.api.parameters import ALWAYS, check_names
from services.query.api.parameters import shown as quoted
from services.query.api.problems import refusal
from shared.errors import Malformed
from shared.keys import Scope
from shared.mongo import Database
from shared.mongo.subscriptions import Subscriptions, new_id
from shared.positions import Of, decode
from shared.sinks import Allowed, Unfit, read_sink
from shared.subscriptions import (
    MANAGER,
    MAX_PER_KEY,
    OPERATOR,
    Filters,
    ReplayAsked,
    Subscription,
    SubscriptionAsked,
    secret,
    shown,
)

PATH = "/v1/subscriptions"
ONE = f"{PATH}/{{id}}"
MAX_BODY_BYTES = 256 * 1024
"""Two filters of 1,000 ids each."""
M = TypeVar("M", bound=BaseModel)


class Hooks:
    """Answers for subscriptions. key: of which secrets are made; now: the wall clock, in UTC."""

    def __init__(
        self, database: Database, key: SecretStr | None, allowed: Allowed, now: Callable[[], datetime]
    ) -> None:
        self._database, self._key, self._allowed, self._now = database, key, allowed, now

    def served(self) -> tuple[Served, ...]:
        """Its paths."""
        return (
            Served(PATH, self._all, ("GET", "POST"), 5.0),
            Served(ONE, self._one, ("GET", "DELETE"), 2.0),
            Served(f"{ONE}/{{verb}}", self._verb, ("GET", "POST"), 5.0),
        )

    def _mine(self, asking: Asking) -> Subscriptions:
        rights.check_scope(asking.key, Scope.SUBSCRIPTIONS_MANAGE)
        check_names(asking.asked, ALWAYS)
        if not rights.is_person(asking.request):
            return Subscriptions(self._database, asking.key.id)
        rights.check_all(asking.rows)
        return Subscriptions(self._database, None)

    async def _all(self, asking: Asking) -> Response:
        mine = self._mine(asking)
        if asking.request.method == "POST":
            return await self._ask(asking, mine)
        return _answer([shown(one, await mine.health(one.id)) for one in await mine.all()])

    async def _ask(self, asking: Asking, mine: Subscriptions) -> Response:
        rights.check_scope(asking.key, Scope.CUSTOMERS_READ)
        asked = await read_model(asking.request, SubscriptionAsked)
        sink = read_sink(asked.sink, self._allowed)
        if isinstance(sink, Unfit):
            raise refusal("bad_value", sink.hint, parameter="sink")
        if asked.backfill and asked.start is not None:
            raise refusal("bad_value", "a backfill tells how all stand now: leave start out", parameter="start")
        key = asking.key
        # A person's session ends, and their role may change: what they make is the operator's, and outlives both.
        person = rights.is_person(asking.request)
        made = Subscription(
            id=id_of(asking.request, key) or new_id(),
            key=OPERATOR if person else key.id,
            scopes=MANAGER if person else key.scopes,
            rows=key.rows,
            sink=asked.sink,
            filters=asked.filters,
            created_at=self._now(),
            cursors=None if asked.start is None else _place(asked.start),
            backfill={"id": new_id(), "after": ""} if asked.backfill else None,
            notice={"kind": "ping", "id": new_id(), "failed": 0, "next_at": None},
        )
        self._secret(made)
        added = await mine.add(made)
        if added is None:
            raise refusal("too_many_subscriptions", f"a key has at most {MAX_PER_KEY} subscriptions; delete one")
        if (added.key, added.sink, added.filters) != (made.key, made.sink, made.filters):
            raise refusal(
                "idempotency_mismatch", "this Idempotency-Key was sent with another subscription; send a new one"
            )
        found = {**shown(added, await mine.health(added.id)), "secret": self._secret(added)}
        return _answer(found, HTTPStatus.CREATED, {"Location": f"{PATH}/{added.id}"})

    def _secret(self, of: Subscription) -> str:
        try:
            return secret(self._key, of.id, of.secrets[0])
        except Malformed:
            raise refusal("unavailable", "webhooks are not set up here: the operator sets GUANXI_WEBHOOK_KEY") from None

    async def _one(self, asking: Asking) -> Response:
        mine, name = self._mine(asking), asking.request.path_params["id"]
        if asking.request.method == "DELETE":
            if not await mine.delete(name):
                raise rights.not_found()
            return Response(status_code=HTTPStatus.NO_CONTENT)
        return _answer(await self._shown(mine, await mine.get(name)))

    async def _shown(self, mine: Subscriptions, found: Subscription | None) -> dict[str, Any]:
        if found is None:
            raise rights.not_found()
        return shown(found, await mine.health(found.id))

    async def _verb(self, asking: Asking) -> Response:
        mine, request = self._mine(asking), asking.request
        name, verb = request.path_params["id"], request.path_params["verb"]
        match request.method, verb:
            case "GET", "parked":
                await self._shown(mine, await mine.get(name))
                return _answer(await mine.parked(name))
            case "POST", "pause":
                return _answer(await self._shown(mine, await mine.pause(name)))
            case "POST", "resume":
                return _answer(await self._shown(mine, await mine.resume(name)))
            case "POST", "filters":
                filters = await read_model(request, Filters)
                return _answer(await self._shown(mine, await mine.filter(name, filters)))
            case "POST", "rotate":
                found = await mine.rotate(name, self._now())
                return _answer({**await self._shown(mine, found), "secret": self._secret(found)} if found else {})
            case "POST", "retry":
                tried = await mine.retry(name, self._now())
                if tried is None:
                    raise rights.not_found()
                return _answer({"retried": tried})
            case "POST", "backfill":
                return await self._begun(mine, name, await mine.backfill(name, self._now()))
            case "POST", "replay":
                return await self._replay(mine, name, await read_model(request, ReplayAsked))
        raise refusal("not_found", f"a subscription has no {quoted(verb)} to {request.method}")

    async def _replay(self, mine: Subscriptions, name: str, asked: ReplayAsked) -> Response:
        at = None if asked.start is None else {str(one): end for one, end in decode_changes(asked.start).items()}
        return await self._begun(mine, name, await mine.replay(name, asked, at, self._now()))

    async def _begun(self, mine: Subscriptions, name: str, begun: bool | None) -> Response:  # noqa: FBT001
        if begun is None:
            raise rights.not_found()
        if not begun:
            raise refusal("replaying", "a replay or backfill of this subscription runs; wait until it is over")
        return _answer(await self._shown(mine, await mine.get(name)), HTTPStatus.ACCEPTED)


def decode_changes(token: str) -> dict[int, int]:
    """A position among the changes. Raises Refusal."""
    try:
        mark = decode(token)
    except Malformed as error:
        raise refusal("bad_position", str(error), parameter="start") from None
    if mark.of is not Of.CHANGES:
        raise refusal("bad_position", "give a position among the changes: an id of /v1/changes, or its page.next")
    return dict(mark.ends)


def _place(token: str) -> dict[str, int]:
    return {str(partition): end for partition, end in decode_changes(token).items()}


async def read_model(request: Request, model: type[M]) -> M:
    """The body, never more of it than is taken. Raises Refusal."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise refusal("body_too_large", f"a body has at most {MAX_BODY_BYTES // 1024} KiB here")
    try:
        return model.model_validate_json(bytes(body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise refusal("bad_body", f"{quoted(where or 'the body')}: {first['msg']}", parameter=where[:100]) from None


def _answer(data: Any, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    if not data and data != []:
        raise rights.not_found()
    said = {"Cache-Control": "no-store", **(headers or {})}
    return Response(to_json({"data": data}), status, said, "application/json")
