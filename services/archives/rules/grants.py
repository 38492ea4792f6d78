"""Who was granted access to a customer's profiles, up to which grade and through which day."""

from typing import NamedTuple

from shared.events.event import Event
from shared.events.facts import AccessGranted
from shared.events.types import GRADES
from shared.facts.days import NEVER, Days

KEPT_DAYS = 90
"""An ended grant is shown so much longer: who is refused learns that it has ended."""
MAX_GRANTS = 500
"""Kept of a customer, those that end last."""

Ref = tuple[str, str]
"""A grant's source and id."""


class Grant(NamedTuple):
    """A grant in its last revision. It holds from `from_on` through `expires_on`, unless it was revoked."""

    revision: int
    grantee: str
    max_grade: int
    approved_by: str
    from_on: int
    expires_on: int
    revoked: bool = False

    def holds(self, today: int) -> bool:
        """Whether it gives access on a day."""
        return not self.revoked and self.from_on <= today <= self.expires_on

    def ended(self, today: int) -> bool:
        """Whether it gives access no more."""
        return self.revoked or self.expires_on < today


Grants = dict[Ref, Grant]


def put(grants: Grants, event: Event, days: Days, today: int) -> Grants:
    """With what a grant or its void says; without those that ended long ago."""
    fact, revoked = event.data, False
    if isinstance(fact, AccessGranted):
        time = event.time
    elif event.replaces is not None and isinstance(event.replaces.fact, AccessGranted):
        fact, time, revoked = event.replaces.fact, event.replaces.time, True
    else:
        return grants
    ref = (event.source, fact.grant_id)
    known = grants.get(ref)
    if known is None or event.revision > known.revision:
        rank, ends = GRADES.index(fact.max_grade), fact.expires_on.toordinal()
        made = Grant(event.revision, fact.grantee, rank, fact.approved_by, days.counts_on(fact, time), ends, revoked)
        grants = {**grants, ref: made}
    kept = {one: grant for one, grant in grants.items() if grant.expires_on + KEPT_DAYS >= today}
    if len(kept) > MAX_GRANTS:
        del kept[min(kept, key=lambda one: (kept[one].expires_on, one))]
    return kept


def next_day(grants: Grants, today: int) -> int:
    """The next day on which a grant begins or has ended."""
    days = [day for one in grants.values() for day in (one.from_on, one.expires_on + 1)]
    return min((day for day in days if day > today), default=NEVER)
