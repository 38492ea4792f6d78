"""How far a plan is: its steps by the days first agreed, and whether it is on track (domain.md, Planning)."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

from services.planning.rules.plans import Plan
from services.planning.rules.plans import Step as Agreed

SOON_DAYS = 7
LONG_OVERDUE_DAYS = 30
OFF_TRACK, AT_RISK = Fraction(1, 4), Fraction(1, 10)
DECIDED_DAYS = 30
"""After its last day a plan's steps still raise decisions so long."""

StepStatus = Literal["done", "done_late", "open", "due_soon", "overdue", "dropped"]
Track = Literal["on_track", "at_risk", "off_track"]


class Step(NamedTuple):
    """A step as of a day. original_due: the day first agreed; slippage_days: how long after it the step was done, or is
    not done yet; agreed: None for one dropped.
    """

    step_id: str
    agreed: Agreed | None
    original_due: int
    done_on: int | None
    status: StepStatus
    slippage_days: int
    overdue_days: int = 0

    @property
    def moved_days(self) -> int:
        """By how much the day was moved."""
        return 0 if self.agreed is None else self.agreed.due_on - self.original_due


class Progress(NamedTuple):
    """A plan as of a day. done, expected: shares of the steps, None without any; steps: the standing ones."""

    steps: Sequence[Step]
    dropped: Sequence[Step]
    done: Fraction | None
    expected: Fraction | None
    behind: Fraction
    track: Track


def progress(plan: Plan, done: Mapping[str, int], today: int) -> Progress:
    """How far a plan is as of a day. done: by step when it was done."""
    done = {step: day for step, day in done.items() if day <= today}
    steps = [_step(plan, one, done.get(one.step_id), today) for one in plan.steps]
    dropped = [_dropped(plan, name, done.get(name)) for name in plan.dropped]
    if not steps:
        return Progress(steps, dropped, None, None, Fraction(0), "on_track")
    share = Fraction(sum(step.done_on is not None for step in steps), len(steps))
    expected = Fraction(sum(step.original_due <= today for step in steps), len(steps))
    behind = max(Fraction(0), expected - share)
    late = max(step.overdue_days for step in steps)
    track: Track = "on_track"
    if behind >= OFF_TRACK or late > LONG_OVERDUE_DAYS:
        track = "off_track"
    elif behind >= AT_RISK or late:
        track = "at_risk"
    return Progress(steps, dropped, share, expected, behind, track)


def _step(plan: Plan, agreed: Agreed, done_on: int | None, today: int) -> Step:
    original = plan.original[agreed.step_id]
    slippage = max(0, (today if done_on is None else done_on) - original)
    overdue = 0
    status: StepStatus = "open"
    if done_on is not None:
        status = "done" if done_on <= agreed.due_on else "done_late"
    elif today > agreed.due_on:
        status, overdue = "overdue", today - agreed.due_on
    elif agreed.due_on - today <= SOON_DAYS:
        status = "due_soon"
    return Step(agreed.step_id, agreed, original, done_on, status, slippage, overdue)


def _dropped(plan: Plan, name: str, done_on: int | None) -> Step:
    original = plan.original[name]
    slippage = 0 if done_on is None else max(0, done_on - original)
    return Step(name, None, original, done_on, "dropped", slippage)


def next_days(plan: Plan, done: Mapping[str, int]) -> list[int]:
    """Days on which a step, a share or the track of a plan changes by time alone."""
    days = [plan.from_on, plan.to_on + 1, *done.values(), *plan.original.values()]
    for step in plan.steps:
        if step.step_id not in done:
            days += [step.due_on - SOON_DAYS, step.due_on + 1, step.due_on + LONG_OVERDUE_DAYS + 1]
    return days + [one.due_on + 1 for one in plan.objectives]
