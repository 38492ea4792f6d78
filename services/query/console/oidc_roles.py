"""Which role somebody has whom a company's own sign-in (OpenID Connect) vouches for: by a file of rules. Pure.

docs/console.md describes the file.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.query.console.roles import ROLES, Person
from shared.keys import OWN, TEAM
from shared.yaml_lines import load

MAX_RULES = 100
MAX_ID_CHARS = 200
"""As the log takes of who entered something."""
Claim = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS)]
Claims = Mapping[str, Any]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Strict):
    """Who has a role: those whose claim is this text, or a list that has it."""

    role: str
    claim: Claim
    has: Claim

    @model_validator(mode="after")
    def _known(self) -> "Rule":
        if self.role not in ROLES:
            raise ValueError(f"no role {self.role!r}; there are {', '.join(ROLES)}")
        return self

    def fits(self, claims: Claims) -> bool:
        """Whether it is met."""
        found = claims.get(self.claim)
        return self.has in found if isinstance(found, list) else found == self.has


class Mapped(_Strict):
    """person: the claim that names somebody on the log; representative, team: those that name who they are among the
    representatives, and their team, for roles that read these rows alone; roles: the first that fits holds.
    """

    person: Claim
    representative: Claim | None = None
    team: Claim | None = None
    roles: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=MAX_RULES)]

    @model_validator(mode="after")
    def _rows_named(self) -> "Mapped":
        for rule in self.roles:
            rows = ROLES[rule.role].rows
            for kind, claim in ((OWN, "representative"), (TEAM, "team")):
                if rows == kind and getattr(self, claim) is None:
                    raise ValueError(f"{rule.role} reads by {claim}: name the claim that holds it, as `{claim}: ...`")
        return self

    @property
    def claims(self) -> frozenset[str]:
        """All claims that it reads."""
        named = {self.person, self.representative, self.team, *(rule.claim for rule in self.roles)}
        return frozenset(claim for claim in named if claim)

    def of(self, claims: Claims) -> Person | None:
        """Whom the claims describe; None where no role fits, or what a role needs is not said."""
        who = _text(claims, self.person)
        if who is None or (self.person == "email" and claims.get("email_verified") is False):
            return None
        rule = next((rule for rule in self.roles if rule.fits(claims)), None)
        if rule is None:
            return None
        representative = _text(claims, self.representative)
        rows = ROLES[rule.role].rows
        whose = {OWN: representative, TEAM: _text(claims, self.team)}.get(rows)
        if rows in {OWN, TEAM} and whose is None:
            return None
        return Person(who, rule.role, whose, representative)


def _text(claims: Claims, claim: str | None) -> str | None:
    found = claims.get(claim) if claim else None
    if not isinstance(found, str) or not found.strip() or len(found) > MAX_ID_CHARS or not found.isprintable():
        return None
    return found


def read_mapped(text: str, name: str) -> Mapped:
    """The rules in a YAML text. Raises Malformed with the line."""
    document = load(text, name)
    try:
        return Mapped.model_validate(document.value)
    except ValidationError as error:
        raise document.invalid(error) from None
