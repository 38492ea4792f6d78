"""Who owns a customer, and since when (domain.md, Per representative and ISO week)."""

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from services.engagement.rules.days import NEVER, BusinessTime, known_at, to_micros
from services.engagement.rules.tiers import GENERAL, Tiers
from shared.events.event import Event

OWNING_ROLES = ("account_manager", "product_manager")


class Assignment(NamedTuple):
    """One AccountAssigned, for one role; ordered as it overrides. Weeks from `known_from` (a Monday) know it when they
    close. `representative` None ends the ownership.
    """

    from_on: int
    time: int
    id: str
    source: str
    known_from: int
    representative: str | None


class Span(NamedTuple):
    """Days from `from_on` up to, not including, `until_on`."""

    from_on: int
    until_on: int


@dataclass(slots=True)
class Owners:
    """All assignments by role, least first; a few in a customer's life."""

    by_role: dict[str, list[Assignment]] = field(default_factory=lambda: {role: [] for role in OWNING_ROLES})

    def __bool__(self) -> bool:
        return any(self.by_role.values())

    def fold(self, event: Event, time: BusinessTime) -> None:
        """Fold an AccountAssigned; a role that it does not name stays as it is."""
        for role in OWNING_ROLES:
            if role in event.data.model_fields_set:
                insort(
                    self.by_role[role],
                    Assignment(
                        event.data.from_on.toordinal(),
                        to_micros(event.time),
                        event.id,
                        event.source,
                        time.open_week(known_at(event)),
                        getattr(event.data, role),
                    ),
                    key=lambda assignment: assignment[:4],
                )

    def at(self, role: str, day: int) -> str | None:
        """The owner on a day: the greatest (from_on, time, id) with from_on <= day."""
        for assignment in reversed(self.by_role[role]):
            if assignment.from_on <= day:
                return assignment.representative
        return None

    def begins_after(self, day: int) -> set[int]:
        """The days after a day on which an assignment begins."""
        return {entry.from_on for entries in self.by_role.values() for entry in entries if entry.from_on > day}

    def named(self, role: str) -> set[str]:
        """Everyone who was ever named in a role."""
        return {entry.representative for entry in self.by_role[role] if entry.representative is not None}

    def named_from(self, role: str, representative: str, *, closed: bool = False) -> int:
        """The day from which it is known what a representative owns: that of the first assignment to name them."""
        return min(
            max(entry.from_on, entry.known_from) if closed else entry.from_on
            for entry in self.by_role[role]
            if entry.representative == representative
        )

    def general_spans(self, role: str, tiers: Tiers, *, closed: bool = False) -> dict[str, list[Span]]:
        """By representative, when they owned this customer while it was general; judged at the start of each day.
        `closed` gives instead the Mondays on which it held by what their weeks knew when they closed.
        """
        owned = [
            (max(entry.from_on, entry.known_from) if closed else entry.from_on, entry.representative)
            for entry in self.by_role[role]
        ]
        ranks = [
            (max(step.effective_on + 1, step.known_from) if closed else step.effective_on + 1, step.rank)
            for step in tiers.steps
        ]
        points = sorted({day for day, _ in owned} | {day for day, _ in ranks})
        spans: dict[str, list[Span]] = {}
        for start, end in pairwise([*points, NEVER]):
            owner, rank = _last_begun(owned, start), _last_begun(ranks, start)
            if owner is None or rank != GENERAL:
                continue
            mine = spans.setdefault(owner, [])
            if mine and mine[-1].until_on == start:
                mine[-1] = Span(mine[-1].from_on, end)
            else:
                mine.append(Span(start, end))
        return spans

    def dump(self) -> list[list[Any]]:
        """For storage: by role, its assignments."""
        return [[list(entry) for entry in self.by_role[role]] for role in OWNING_ROLES]

    @classmethod
    def load(cls, stored: list[list[Any]]) -> "Owners":
        """The inverse of `dump`."""
        return cls(
            {
                role: [Assignment(*entry) for entry in entries]
                for role, entries in zip(OWNING_ROLES, stored, strict=True)
            }
        )


def _last_begun(entries: Iterable[tuple[int, Any]], day: int) -> Any:
    """The last of entries, ordered as they override, that has begun."""
    value = None
    for start, given in entries:
        if start <= day:
            value = given
    return value
