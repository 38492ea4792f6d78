"""Since when who owns a customer, and when it was general (domain.md, Per representative and ISO week)."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

from services.engagement.rules.tiers import GENERAL, Tiers
from shared.facts.days import NEVER
from shared.facts.owners import Owners


class Span(NamedTuple):
    """Days from `from_on` up to, not including, `until_on`."""

    from_on: int
    until_on: int


def named_from(owners: Owners, role: str, representative: str, *, closed: bool = False) -> int:
    """The day from which it is known what a representative owns: that of the first assignment to name them."""
    return min(
        max(one.from_on, one.known_from) if closed else one.from_on
        for one, whom in owners.of(role)
        if whom == representative
    )


def general_spans(owners: Owners, role: str, tiers: Tiers, *, closed: bool = False) -> dict[str, list[Span]]:
    """By representative, when they owned this customer while it was general; judged at the start of each day.
    `closed` gives instead the Mondays on which it held by what their weeks knew when they closed.
    """
    owned = [(max(one.from_on, one.known_from) if closed else one.from_on, whom) for one, whom in owners.of(role)]
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


def _last_begun(entries: Iterable[tuple[int, Any]], day: int) -> Any:
    """The last of entries, ordered as they override, that has begun."""
    value = None
    for start, given in entries:
        if start <= day:
            value = given
    return value
