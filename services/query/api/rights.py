"""Whose rows a key may read: judged when asked, by today's owners and teams."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from services.query.api.problems import refusal
from services.query.limits import MAX_OWNED
from services.query.store import Reader, is_owner
from shared.keys import EVERYTHING, OWN, ApiKey, Scope
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
