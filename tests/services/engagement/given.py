"""Sentences about one customer, as tiering's tests have them (tests/services/tiering/given.py): given facts, when days
pass or more facts come, then decisions, and what readers see of the contact.

A day such as "2026-03-02" is ten o'clock in the world's zone; alone it is a review.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.events.decisions import ConcernOverdue, ContactLapsed, ContactResumed, SatisfactionDropped
from tests.services.engagement.world import World

Said = Callable[[World], object]
Expected = dict[str, Any]


def visit(on: str, **more: Any) -> Said:
    return lambda world: world.visit(on, **more)


def voided(record_id: str, on: str, *, kind: str = "visit", **more: Any) -> Said:
    return lambda world: world.void(kind, record_id, on, **more)


def tier(to: str, on: str, **more: Any) -> Said:
    return lambda world: world.tier(to, on, **more)


def concern(on: str, concern_id: str = "k1", severity: str = "major", **more: Any) -> Said:
    return lambda world: world.concern(on, concern_id, severity, **more)


def answer(on: str, concern_id: str = "k1", **more: Any) -> Said:
    return lambda world: world.answer(on, concern_id, **more)


def confirm(on: str, concern_id: str = "k1", **more: Any) -> Said:
    return lambda world: world.confirm(on, concern_id, **more)


def survey(on: str, score: int, instrument: str = "nps", **more: Any) -> Said:
    return lambda world: world.survey(on, score, instrument, **more)


def surveys(on: str, *scores: int, instrument: str = "nps") -> list[Said]:
    return [survey(on, score, instrument) for score in scores]


def assess(on: str, person: str, **more: Any) -> Said:
    return lambda world: world.assess(on, person, **more)


def erased(on: str, person: str, **more: Any) -> Said:
    return lambda world: world.erase(on, person, **more)


def goal(on: str, metric: str, baseline: str, target: str, due_on: str, **more: Any) -> Said:
    return lambda world: world.goal(on, metric, baseline, target, due_on, **more)


@dataclass
class Given:
    """A customer in a world of its own, and how many decisions there were before the last `when`."""

    world: World
    before: int = 0

    def when(self, *news: Said | str) -> "Given":
        """Fold facts; a day alone is a review."""
        self.before = len(self.world.decided)
        for one in news:
            if isinstance(one, str):
                self.world.review(one)
            else:
                one(self.world)
        return self

    def then(self, *expected: Expected) -> "Given":
        """These decisions, in this order, and no others; of each what is said of it."""
        found = [
            {"name": type(one.data).__name__, **one.data.model_dump(mode="json")}
            for one in self.world.decided[self.before :]
        ]
        assert len(found) == len(expected), found
        for one, wanted in zip(found, expected, strict=True):
            assert {name: one.get(name) for name in wanted} == wanted, found
        return self

    def shows(self, **expected: Any) -> "Given":
        """These fields of the contact."""
        contact = self.world.contact()
        assert {name: contact[name] for name in expected} == expected
        return self

    def shows_relationship(self, **expected: Any) -> "Given":
        """These fields of the relationship."""
        relationship = self.row["relationship"]
        assert {name: relationship[name] for name in expected} == expected
        return self

    def shows_persons(self, *expected: Expected) -> "Given":
        """These key persons, in this order, of each these fields."""
        found = self.row["relationship"]["key_persons"]
        assert len(found) == len(expected), found
        for one, wanted in zip(found, expected, strict=True):
            assert {name: one[name] for name in wanted} == wanted
        return self

    def shows_goal(self, **expected: Any) -> "Given":
        """One goal, with these fields."""
        (one,) = self.row["goals"]
        assert {name: one[name] for name in expected} == expected
        return self

    @property
    def row(self) -> dict[str, Any]:
        return self.world.row()


def given(*news: Said | str, **world: Any) -> Given:
    """`world`: fields of the world, such as `entitlements`. The decisions so far are not forgotten by `then`."""
    made = Given(World(**world)).when(*news)
    made.before = 0
    return made


def lapsed(on: str, **more: Any) -> Expected:
    return {"name": ContactLapsed.__name__, "effective_on": on, **more}


def resumed(on: str, **more: Any) -> Expected:
    return {"name": ContactResumed.__name__, "effective_on": on, **more}


def overdue(concern_id: str, **more: Any) -> Expected:
    return {"name": ConcernOverdue.__name__, "concern_id": concern_id, **more}


def dropped(on: str, **more: Any) -> Expected:
    return {"name": SatisfactionDropped.__name__, "effective_on": on, **more}
