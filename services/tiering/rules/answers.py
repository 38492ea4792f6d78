"""Answers to proposals of strategic: approvals and declines, as they came.

Whether an answer counts depends on the proposal that is open, which is a decision and no part of the state. So each
answer gets a number, and a proposal carries the number of the last one that came before it: an early one is ignored.
"""

from dataclasses import dataclass
from typing import NamedTuple

from shared.facts.days import NEVER

MAX_ANSWERS = 64
"""Answers kept per customer, the latest; a proposal gets one or two."""


class Answer(NamedTuple):
    """One answer to the proposal of a version; it counts from `day`. `number`: 1, 2, ... per customer."""

    number: int
    version: int
    approves: bool
    day: int


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers that can count; an approval by the account manager of its day is numbered and dropped."""

    seen: int = 0
    given: tuple[Answer, ...] = ()

    def put(self, version: int, day: int, *, approves: bool, counts: bool) -> "Answers":
        """With an answer more."""
        seen = self.seen + 1
        if not counts:
            return Answers(seen, self.given)
        return Answers(seen, (*self.given[1 - MAX_ANSWERS :], Answer(seen, version, approves, day)))

    def to(self, version: int, after: int, today: int) -> Answer | None:
        """The first answer to a proposal, of those numbered after `after`; the later ones found it closed."""
        return min(
            (a for a in self.given if a.version == version and a.number > after and a.day <= today),
            key=lambda answer: (answer.day, answer.number),
            default=None,
        )

    def next_day(self, today: int) -> int:
        """The next day from which a waiting answer counts."""
        return min((answer.day for answer in self.given if answer.day > today), default=NEVER)


UNANSWERED = Answers()
