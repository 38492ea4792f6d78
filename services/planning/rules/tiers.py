"""The tier of a day, and what it is entitled to, by tiering's decisions (domain.md, Planning)."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from shared.events.decisions import TierChanged
from shared.events.types import TIERS

POTENTIAL, GENERAL, PRIORITY, PARTNER, STRATEGIC = range(len(TIERS))
OWED = frozenset({PARTNER, STRATEGIC})
"""The tiers that are owed a group plan."""


class TierStep(NamedTuple):
    """A TierChanged that changed the tier shown or the graces: entitlements of tiers left, each through a day."""

    version: int
    effective_on: int
    rank: int
    graces: tuple[tuple[int, int], ...] = ()


def step_of(decision: TierChanged) -> TierStep:
    """The step that a decision is."""
    graces = tuple((TIERS.index(one.tier), one.until.toordinal()) for one in decision.graces)
    return TierStep(decision.version, decision.effective_on.toordinal(), TIERS.index(decision.to_tier), graces)


def put(steps: Sequence[TierStep], made: TierStep) -> list[TierStep]:
    """With a step more, where it changes anything."""
    last = steps[-1] if steps else TierStep(0, 0, POTENTIAL)
    return [*steps] if made[2:] == last[2:] else [*steps, made]


def tier_on(steps: Sequence[TierStep], day: int) -> int:
    """The rank of a day: that of the highest version effective by then; potential before any."""
    return next((step.rank for step in reversed(steps) if step.effective_on <= day), POTENTIAL)


def entitled_on(steps: Sequence[TierStep], day: int, by: int) -> int:
    """The rank whose entitlements count on a day, by what was effective by another."""
    step = next((step for step in reversed(steps) if step.effective_on <= by), None)
    if step is None:
        return POTENTIAL
    return max(step.rank, *(rank for rank, until in step.graces if until >= day), POTENTIAL)


def run_from(steps: Sequence[TierStep], day: int, ranks: Collection[int]) -> int | None:
    """The first day of the run of days up to this one on which the tier is one of these; None if it is not today."""
    first = None
    for start in sorted({step.effective_on for step in steps if step.effective_on <= day}, reverse=True):
        if tier_on(steps, start) not in ranks:
            break
        first = start
    return first


def next_day(steps: Sequence[TierStep], today: int) -> list[int]:
    """Days after today on which the tier or a grace changes."""
    days = [step.effective_on for step in steps]
    days += [until + 1 for step in steps[-1:] for _, until in step.graces]
    return [day for day in days if day > today]
