"""Whose rows a key may read: judged when asked, by today's owners and teams."""

from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from starlette.requests import Request

from services.query.api.problems import refusal
from services.query.limits import MAX_OWNED
from services.query.store import Reader, is_owner
from services.query.waiting import Waiting
from shared.keys import EVERYTHING, OWN, ApiKey, ApiKeys, Denied, Scope
from shared.problems import Problem

NO_KEY = Problem(
    HTTPStatus.UNAUTHORIZED,
    "unauthorized",
    "send a valid API key: Authorization: Bearer gx_<id>_<secret>",
    {"WWW-Authenticate": "Bearer"},
)


@dataclass(frozen=True, slots=True)
class Rows:
    """Whose rows: of these representatives; None for all."""

    representatives: tuple[str, ...] | None = None


ALL = Rows()
CALLER = "guanxi.caller"
"""Of a request's scope, where this process asks itself for who is signed in to the console: gives who asks, as of now,
or None once that is over. Nothing that is sent gets there.
"""


@dataclass(frozen=True, slots=True)
class Callers:
    """Who asks, and whose rows that is, as of now: for what answers at once, and for what goes on for long. now: the
    wall clock, in UTC. The methods raise Transient.
    """

    keys: ApiKeys
    reader: Reader
    waiting: Waiting
    now: Callable[[], datetime]

    async def caller(self, request: Request) -> ApiKey | Denied:
        """By an API key, or signed in to the console."""
        of_process: Callable[[], Awaitable[ApiKey | None]] | None = request.scope.get(CALLER)
        if of_process is None:
            return self.keys.find(_authorization(request), self.now())
        return await of_process() or Denied("expired")

    async def rows(self, key: ApiKey) -> Rows:
        """Whose rows the key may read."""
        return await rows_of(key, self.reader, (await self.waiting.standing()).generations)

    async def still(self, request: Request, *scopes: Scope) -> ApiKey | None:
        """Who goes on, None once that may not be."""
        key = await self.caller(request)
        return None if isinstance(key, Denied) or not all(key.may(scope) for scope in scopes) else key


def is_person(request: Request) -> bool:
    """Whether somebody asks who is signed in to the console, and no API key."""
    return CALLER in request.scope


def _authorization(request: Request) -> str | None:
    """The header. Where a list is read as CSV, the key may stand as the password of Basic, which is all that many
    spreadsheets and BI tools can send; nothing asks a browser for it.
    """
    said: str | None = request.headers.get("authorization")
    kind, _, value = (said or "").partition(" ")
    if kind.lower() != "basic" or not request.url.path.endswith(".csv"):
        return said
    try:
        return f"Bearer {b64decode(value, validate=True).decode().partition(':')[2]}"
    except ValueError:
        return said


def check_scope(key: ApiKey, scope: Scope) -> None:
    """Raises Refusal when the key lacks it."""
    if not key.may(scope):
        raise refusal("scope_missing", f"this needs an API key with the scope {scope}", scope=str(scope))


def check_all(rows: Rows) -> None:
    """Raises Refusal for a key that reads some rows only."""
    if rows.representatives is not None:
        raise refusal("rows_not_all", "this is a figure over all customers, and this API key may read some of them")


async def rows_of(key: ApiKey, reader: Reader, generations: Mapping[str, int]) -> Rows:
    """Whose rows the key may read. Raises Transient."""
    if key.rows == EVERYTHING:
        return ALL
    kind, _, whose = key.rows.partition(":")
    if kind == OWN:
        return Rows((whose,))
    team = await reader.read("representative_keys", generations["engagement"], [{"team": whose}])
    return Rows(tuple(sorted(one["_id"] for one in team)))


async def owned(rows: Rows, reader: Reader, generations: Mapping[str, int]) -> list[str]:
    """The customers of these representatives. Raises Refusal where they are too many, Transient."""
    if not rows.representatives:
        return []
    conditions = [is_owner(rows.representatives)]
    found = await reader.read("owned_keys", generations["engagement"], conditions, MAX_OWNED + 1)
    if len(found) > MAX_OWNED:
        raise refusal("bad_value", f"this key's team owns more than {MAX_OWNED} customers; read with one for all rows")
    return [one["_id"] for one in found]


async def check_customer(customer: str, rows: Rows, reader: Reader, generations: Mapping[str, int]) -> None:
    """Raises Refusal, as for a customer that does not exist, where another's is asked for."""
    if rows.representatives is None:
        return
    conditions = [{"_id": customer}, is_owner(rows.representatives)]
    if not await reader.read("owned_keys", generations["engagement"], conditions, 1):
        raise not_found()


def not_found() -> Exception:
    """One answer, whether it does not exist or is somebody else's."""
    return refusal("not_found", "there is nothing of this id that this API key may read; ids are case-sensitive")
