"""Who owns a customer on a day: the greatest (from_on, time, id, source) with from_on up to that day, per role."""

from bisect import insort
from dataclasses import dataclass
from typing import NamedTuple

from services.tiering.rules.days import NEVER
from services.tiering.rules.latest import Order

KEPT_DAYS = 800
"""How far back an owner can be asked for; an approval is no older than the age limit of facts, 760 days."""


class Assignment(NamedTuple):
    """One AccountAssigned: the roles that it speaks of, with the representative or None for nobody."""

    from_on: int
    order: Order
    roles: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Owners:
    """Assignments by ascending (from_on, time, id, source)."""

    assignments: tuple[Assignment, ...] = ()

    def put(self, assignment: Assignment, today: int) -> "Owners":
        """With an assignment more."""
        assignments = [*self.assignments]
        insort(assignments, assignment, key=_order)
        return Owners(tuple(assignments)).settled(today)

    def settled(self, today: int) -> "Owners":
        """Without what, per role, owns no day since 800 days ago. It stays so until `next_day`."""
        taken: dict[str, int] = {}
        kept: list[Assignment] = []
        for from_on, order, roles in reversed(self.assignments):
            counts_from = max(from_on, today - KEPT_DAYS)
            owned = {role: rep for role, rep in roles.items() if taken.get(role) is None or counts_from < taken[role]}
            if owned:
                taken |= dict.fromkeys(owned, counts_from)
                kept.append(Assignment(from_on, order, owned))
        kept.reverse()
        return Owners(tuple(kept)) if kept else NOBODY

    def next_day(self, today: int) -> int:
        """The next day on which the owner may be another one, or an assignment be dropped."""
        begin = [assignment.from_on for assignment in self.assignments]
        days = [*begin, *(from_on + KEPT_DAYS for from_on in begin[1:])]
        return min((day for day in days if day > today), default=NEVER)

    def on(self, role: str, day: int) -> str | None:
        """The representative who owns the customer in a role on a day."""
        for assignment in reversed(self.assignments):
            if assignment.from_on <= day and role in assignment.roles:
                return assignment.roles[role]
        return None


NOBODY = Owners()


def _order(assignment: Assignment) -> tuple[int, Order]:
    return assignment.from_on, assignment.order
