"""Who owns a customer on a day: the greatest (from_on, time, id, source) with from_on up to that day, per role."""

from bisect import insort
from typing import NamedTuple

from services.tiering.rules.latest import Order

KEPT_DAYS = 800
"""How far back an owner can be asked for; an approval is no older than the age limit of facts, 760 days."""


class Assignment(NamedTuple):
    """One AccountAssigned: the roles that it speaks of, with the representative or None for nobody."""

    from_on: int
    order: Order
    roles: dict[str, str | None]


class Owners:
    """Assignments by ascending (from_on, time, id, source)."""

    __slots__ = ("assignments",)

    def __init__(self, assignments: list[Assignment] | None = None) -> None:
        self.assignments: list[Assignment] = assignments or []

    def put(self, assignment: Assignment, today: int) -> None:
        """Take in an assignment."""
        insort(self.assignments, assignment, key=_order)
        self.settle(today)

    def settle(self, today: int) -> None:
        """Drop, per role, what no day since 800 days ago can be owned by."""
        taken: dict[str, int] = {}
        kept = []
        for from_on, order, roles in reversed(self.assignments):
            counts_from = max(from_on, today - KEPT_DAYS)
            owned = {role: rep for role, rep in roles.items() if taken.get(role) is None or counts_from < taken[role]}
            if owned:
                taken |= dict.fromkeys(owned, counts_from)
                kept.append(Assignment(from_on, order, owned))
        kept.reverse()
        self.assignments = kept

    def on(self, role: str, day: int) -> str | None:
        """The representative who owns the customer in a role on a day."""
        for assignment in reversed(self.assignments):
            if assignment.from_on <= day and role in assignment.roles:
                return assignment.roles[role]
        return None

    def copy(self) -> "Owners":
        """One of its own with the same content."""
        return Owners(self.assignments.copy())


def _order(assignment: Assignment) -> tuple[int, Order]:
    return assignment.from_on, assignment.order
