"""How secret a profile is: the grade set, and the least that its customer's tier asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.archives.rules.templates import TierStep
from shared.events.facts import ProfileRevised
from shared.events.types import GRADES, TIERS, Grade, Tier
from shared.facts.days import NEVER
from shared.facts.latest import NOTHING, Entry, Latest, Order

KEPT_DAYS = 365
"""After its last day a tier's least grade holds so much longer."""
CONFIDENTIAL, SECRET, TOP_SECRET = range(3)
_LEAST: dict[Tier, int] = {"priority": SECRET, "partner": TOP_SECRET, "strategic": TOP_SECRET}


@dataclass(slots=True)
class Grades:
    """The grades set, of which the latest holds, through its own last day."""

    latest: Latest = NOTHING

    def set(self, fact: ProfileRevised, day: int, order: Order, today: int) -> None:
        """A revision that says a grade; null clears it."""
        if "grade" in fact.model_fields_set:
            until = NEVER if fact.grade_until is None else fact.grade_until.toordinal()
            said: dict[str, Any] = {"grade": None if fact.grade is None else [GRADES.index(fact.grade), until]}
            self.latest = self.latest.put(Entry(order, day, said), today)

    def on(self, today: int) -> tuple[int, int] | None:
        """The rank of the grade set and its last day, while it holds."""
        value = self.latest.value("grade", today)
        return None if value is None or value[1] < today else (value[0], value[1])

    def next_day(self, today: int) -> int:
        """The next day on which the grade set changes by itself."""
        held = self.on(today)
        ends = NEVER if held is None or held[1] == NEVER else held[1] + 1
        return min(self.latest.next_day(today), ends)


def least(steps: Sequence[TierStep], today: int) -> tuple[int, int]:
    """The least grade that the tiers of the last year ask for, and the last day on which it is so by time alone."""
    rank, until = CONFIDENTIAL, NEVER
    last = NEVER
    for step in reversed(steps):
        if step.effective_on > today or step.effective_on >= last:
            continue  # of several of one day the last is the day's
        grade = _LEAST.get(TIERS[step.rank], CONFIDENTIAL)
        ends = NEVER if last == NEVER else last - 1 + KEPT_DAYS
        if ends >= today and (grade > rank or (grade == rank and ends > until)):
            rank, until = grade, ends
        last = step.effective_on
    return rank, until


def at_work(grades: Grades, steps: Sequence[TierStep], today: int) -> Grade:
    """The greater of the grade set and the tier's least."""
    held = grades.on(today)
    return GRADES[max(least(steps, today)[0], CONFIDENTIAL if held is None else held[0])]


def next_day(steps: Sequence[TierStep], today: int) -> int:
    """The next day on which the tier's least falls."""
    until = least(steps, today)[1]
    return NEVER if until == NEVER else until + 1
