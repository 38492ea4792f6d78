"""Whether somebody may read the texts of a profile (domain.md, Access). Every door asks this one function."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from services.archives.rules.grants import Grant
from shared.events.types import GRADES, Grade

MAX_LEVELS = 10
"""Managers asked for above an owner: a chain that is longer, or goes round, gives no right."""
BREAK_GLASS = timedelta(hours=4)
STALE = timedelta(minutes=5)
"""With archives further behind the log, a grant or an owner may be gone already: top secrets are not read then."""

Role = Literal["content", "steward", "executive", "no_content"]
By = Literal["owner", "chain", "steward", "executive", "grant", "break_glass"]
Denial = Literal["no_content_role", "stale_rights", "grade", "grant_ended", "no_right"]


class BreakGlass(NamedTuple):
    """An emergency that a reader declared: since when, and why."""

    since: datetime
    reason: str


class Reader(NamedTuple):
    """Who reads: their id as a representative, and their role; BI and auditors have `no_content`."""

    id: str
    role: Role = "content"
    break_glass: BreakGlass | None = None


class Customer(NamedTuple):
    """What is known of the customer on the day: owners, all representatives' managers, grants."""

    owners: frozenset[str]
    managers: Mapping[str, str | None]
    grants: Iterable[Grant]


class Verdict(NamedTuple):
    """Allowed by what, or denied why."""

    allowed: bool
    by: By | Denial


def may_read(reader: Reader, customer: Customer, grade: Grade, instant: datetime, day: int, lag: timedelta) -> Verdict:
    """The verdict for a profile of a grade, at an instant of a business day, with archives `lag` behind the log. The
    first right that holds is named; what denies in any case comes before all of them.
    """
    if reader.role == "no_content":
        return Verdict(allowed=False, by="no_content_role")
    if grade == "top_secret" and lag > STALE:
        return Verdict(allowed=False, by="stale_rights")
    rank = GRADES.index(grade)
    mine = [grant for grant in customer.grants if grant.grantee == reader.id]
    if (by := _by(reader, customer, rank, mine, instant, day)) is not None:
        return Verdict(allowed=True, by=by)
    too_high = reader.role == "executive" or any(grant.holds(day) for grant in mine)
    ended = any(grant.ended(day) for grant in mine)
    return Verdict(allowed=False, by="grade" if too_high else "grant_ended" if ended else "no_right")


def _by(reader: Reader, customer: Customer, rank: int, mine: Iterable[Grant], instant: datetime, day: int) -> By | None:
    if reader.id in customer.owners:
        return "owner"
    if any(reader.id in _chain(owner, customer.managers) for owner in customer.owners):
        return "chain"
    if reader.role == "steward":
        return "steward"
    if reader.role == "executive" and rank <= GRADES.index("secret"):
        return "executive"
    if any(grant.holds(day) and rank <= grant.max_grade for grant in mine):
        return "grant"
    broken = reader.break_glass
    if broken is not None and broken.reason.strip() and timedelta(0) <= instant - broken.since < BREAK_GLASS:
        return "break_glass"
    return None


def _chain(representative: str, managers: Mapping[str, str | None]) -> list[str]:
    """The managers above a representative, the next one first."""
    chain: list[str] = []
    above = managers.get(representative)
    while above is not None and above not in chain and len(chain) < MAX_LEVELS:
        chain.append(above)
        above = managers.get(above)
    return chain
