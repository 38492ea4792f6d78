"""What people may do in the console, by their role: a closed table. Pure.

Somebody who is signed in reads through the same questions as an API key with these scopes and rows, and sends the facts
that `acts` names. The table is read at each request, so that a role that loses a right loses it at once.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from shared.console import SOURCE
from shared.keys import EVERYTHING, NOBODY, OWN, TEAM, ApiKey, Scope

VISIT, GOAL, RATING, OVERRIDE, LIFT, APPROVE, DECLINE, VOID, IMPORT, FIX, ADOPT = (
    *("visit", "goal", "rating", "override", "lift", "approve", "decline", "void", "import", "fix", "adopt"),
)
_READ, _NAMES, _SECRET, _EXPORT, _TEXTS = (
    *(Scope.CUSTOMERS_READ, Scope.NAMES_READ, Scope.CONFIDENTIAL_READ, Scope.EXPORTS_READ, Scope.TEXTS_READ),
)


@dataclass(frozen=True, slots=True)
class Role:
    """scopes: as of an API key; rows: EVERYTHING, or OWN or TEAM, of somebody named; acts: what may be sent."""

    scopes: tuple[Scope, ...]
    rows: str
    acts: frozenset[str] = frozenset()


ROLES: dict[str, Role] = {
    "account_manager": Role((_READ, _NAMES, _TEXTS), OWN, frozenset({VISIT, GOAL, VOID})),
    "team_lead": Role((_READ, _NAMES, _EXPORT, _TEXTS), TEAM, frozenset({VISIT, GOAL, RATING, VOID})),
    "head_of_sales": Role(
        (_READ, _NAMES, _SECRET, _EXPORT, _TEXTS, Scope.TEXTS_EXECUTIVE),
        EVERYTHING,
        frozenset({VISIT, GOAL, RATING, OVERRIDE, LIFT, APPROVE, DECLINE, VOID}),
    ),
    "head_of_service": Role((_READ, _NAMES, _EXPORT, _TEXTS), EVERYTHING, frozenset({VISIT, GOAL, VOID})),
    "credit": Role((_READ, _EXPORT), EVERYTHING, frozenset({RATING, VOID})),
    "operator": Role(
        (_READ, Scope.OPS_READ, Scope.OPS_WRITE, Scope.SUBSCRIPTIONS_MANAGE),
        EVERYTHING,
        frozenset({IMPORT, FIX, ADOPT}),
    ),
    "steward": Role((_READ, _NAMES, _SECRET, _TEXTS, Scope.TEXTS_STEWARD), EVERYTHING),
    "compliance": Role((_READ, _NAMES, _SECRET, _EXPORT, Scope.TRAIL_READ), EVERYTHING),
    "everything": Role(
        tuple(Scope),
        EVERYTHING,
        frozenset({VISIT, GOAL, RATING, OVERRIDE, LIFT, APPROVE, DECLINE, VOID, IMPORT, FIX, ADOPT}),
    ),
}
"""docs/console.md describes them."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in. id: as the log names them; whose: the representative or team whose rows they read, for a role
    that does not read all; representative: who they are among the representatives, where they are one.
    """

    id: str
    role: str
    whose: str | None = None
    representative: str | None = None

    def may(self, act: str) -> bool:
        """Whether they may send this."""
        role = ROLES.get(self.role)
        return role is not None and act in role.acts

    def key(self, since: datetime) -> ApiKey | None:
        """As whom the API sees them; None for a role that is gone, or whose rows nobody has named."""
        role = ROLES.get(self.role)
        if role is None or (role.rows != EVERYTHING and not self.whose):
            return None
        # Cursors, limits and jobs are this person's, whatever session they are in.
        name = blake2b(f"{self.id}\0{self.role}\0{self.whose}".encode(), digest_size=12).hexdigest()
        sends = bool(role.acts)
        return ApiKey(
            id=f"person{name}",
            hash=NOBODY,
            created=since,
            scopes=(*dict.fromkeys((*role.scopes, *((Scope.EVENTS_WRITE,) if sends else ()))),),
            sources=_sources(role),
            rows=role.rows if role.rows == EVERYTHING else f"{role.rows}:{self.whose}",
            representative=self.representative,
            person=self.id,
        )


def _sources(role: Role) -> tuple[str, ...]:
    """Of events that they may send: files, and what was refused, hold what other systems recorded."""
    sends = bool(role.acts) or Scope.EVENTS_WRITE in role.scopes
    return (*((SOURCE,) if sends else ()), *(("*",) if {IMPORT, FIX} & role.acts else ()))
