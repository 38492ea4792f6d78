"""Who owns a customer on a day: the greatest (from_on, time, id, source) with from_on up to that day, per role."""

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from shared.events.event import Event
from shared.events.facts import AccountAssigned
from shared.facts.latest import Order, order_of

OWNING_ROLES = ("account_manager", "product_manager")


class Assignment(NamedTuple):
    """One AccountAssigned: the roles that it speaks of, with the representative or None for nobody. Weeks from
    `known_from` (a Monday) know it when they close, for those who ask that.
    """

    from_on: int
    order: Order
    roles: dict[str, str | None]
    known_from: int = 0


def assignment_of(event: Event, known_from: int = 0) -> Assignment:
    """The assignment that an event is."""
    fact: AccountAssigned = event.data
    roles = {role: getattr(fact, role) for role in OWNING_ROLES if role in fact.model_fields_set}
    return Assignment(fact.from_on.toordinal(), order_of(event), roles, known_from)


@dataclass(frozen=True, slots=True)
class Owners:
    """Assignments by ascending (from_on, time, id, source); a few in a customer's life."""

    assignments: tuple[Assignment, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.assignments)

    def put(self, assignment: Assignment) -> "Owners":
        """With an assignment more, unless it speaks of no role."""
        if not assignment.roles:
            return self
        assignments = [*self.assignments]
        insort(assignments, assignment, key=_order)
        return Owners(tuple(assignments))

    def settled(self, first: int) -> "Owners":
        """Without what, per role, owns no day from the first one on."""
        taken: dict[str, int] = {}
        kept: list[Assignment] = []
        for assignment in reversed(self.assignments):
            counts_from = max(assignment.from_on, first)
            owned = {
                role: rep for role, rep in assignment.roles.items() if role not in taken or counts_from < taken[role]
            }
            if owned:
                taken |= dict.fromkeys(owned, counts_from)
                kept.append(assignment._replace(roles=owned))
        kept.reverse()
        return Owners(tuple(kept)) if kept else NOBODY

    def on(self, role: str, day: int) -> str | None:
        """The representative who owns the customer in a role on a day."""
        for assignment in reversed(self.assignments):
            if assignment.from_on <= day and role in assignment.roles:
                return assignment.roles[role]
        return None

    def begins(self) -> list[int]:
        """The days on which assignments begin, ascending."""
        return [assignment.from_on for assignment in self.assignments]

    def of(self, role: str) -> Iterator[tuple[Assignment, str | None]]:
        """The assignments that speak of a role, each with whom it names, as they override."""
        return ((one, one.roles[role]) for one in self.assignments if role in one.roles)


NOBODY = Owners()


def _order(assignment: Assignment) -> tuple[int, Order]:
    return assignment.from_on, assignment.order
