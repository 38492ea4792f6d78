"""Whether a plan is owed, since when there is none, and when it is to be reviewed (domain.md, Planning)."""

from collections.abc import Sequence
from typing import NamedTuple

from services.planning.rules import tiers
from services.planning.rules.plans import Plan, Plans
from services.planning.rules.tiers import OWED, PARTNER, STRATEGIC, TierStep

PLAN_DAYS = 45
"""How long a customer that is owed a plan may be without one."""
REVIEW_DAYS = {STRATEGIC: 90, PARTNER: 180}
REVIEW_GRACE_DAYS = 30
"""No review is due earlier after the first day of the tier."""


class Owing(NamedTuple):
    """As of a day. uncovered_from: the first day of the present run of owed days without a plan, and due_on when one is
    due; None while a plan holds or none is owed.
    """

    owed: bool
    uncovered_from: int | None

    @property
    def due_on(self) -> int | None:
        """The day on which the plan is due."""
        return None if self.uncovered_from is None else self.uncovered_from + PLAN_DAYS


def owing(steps: Sequence[TierStep], plans: Plans, today: int) -> Owing:
    """What is owed as of a day."""
    first = tiers.run_from(steps, today, OWED)
    if first is None:
        return Owing(owed=False, uncovered_from=None)
    if plans.covered_on(today):
        return Owing(owed=True, uncovered_from=None)
    return Owing(owed=True, uncovered_from=max(first, plans.last_covered(today) + 1))


def review_due(steps: Sequence[TierStep], plan: Plan, last: int | None, today: int) -> int | None:
    """When the plan of the day is to be reviewed; None where none is owed. last: its last review."""
    rank = tiers.tier_on(steps, today)
    first = tiers.run_from(steps, today, {rank})
    if rank not in REVIEW_DAYS or first is None:
        return None
    since = plan.from_on if last is None else max(plan.from_on, last)
    return max(since + REVIEW_DAYS[rank], first + REVIEW_GRACE_DAYS)
