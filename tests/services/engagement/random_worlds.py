"""Some weeks of four representatives and nine customers at random: facts come late, are amended and voided."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from tests.services.engagement.world import World

CUSTOMERS = [f"c{index}" for index in range(9)]
REPS = ["A", "B", "P", "X"]
ROLES = ["account_manager", "account_manager", "account_manager", "product_manager", "executive"]
START = datetime.fromisoformat("2026-02-23T00:00")


class Writer:
    """Collects what is to be told, and when it is logged."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.world = World()
        self.told: list[tuple[datetime, Callable[[], Any]]] = []

    def at(self, first: int, last: int) -> datetime:
        """An instant some days after the start."""
        return START + timedelta(self.rng.randint(first, last), minutes=self.rng.randint(0, 1439))

    def later(self, when: datetime) -> datetime:
        return when + timedelta(self.rng.choice((0, 0, 0, 1, 4, 9, 12)), minutes=5)

    def tell(self, logged: datetime, act: Callable[..., Any], *args: Any, **fields: Any) -> None:
        self.told.append((logged, partial(act, *args, **fields, logged=logged.isoformat())))

    def representatives(self) -> None:
        for rep in REPS:
            joined = self.rng.choice((self.at(-90, -80), self.at(-5, 15)))
            since = self.rng.choice(("2025-12-01", f"2026-03-{self.rng.randint(1, 20):02}"))
            for when in [joined, *(self.at(-10, 15) for _ in range(self.rng.randint(0, 2)))]:
                fields: dict[str, Any] = {"role": self.rng.choice(ROLES), "active_from": since}
                if self.rng.random() < 0.6:
                    fields["fte"] = self.rng.choice(("1", "0.5", "0.3", None))
                if self.rng.random() < 0.4:
                    fields["active_until"] = self.rng.choice((f"2026-03-{self.rng.randint(1, 20):02}", None))
                if self.rng.random() < 0.2:
                    fields["active_from"] = f"2026-03-{self.rng.randint(1, 20):02}"
                self.tell(self.later(when), self.world.register, when.isoformat(), rep, **fields)

    def absences(self) -> None:
        for index in range(self.rng.randint(0, 8)):
            when, first, rep = self.at(-5, 15), self.at(-3, 18), self.rng.choice(REPS)
            span = (first.date().isoformat(), (first.date() + timedelta(self.rng.randint(0, 6))).isoformat())
            logged = self.later(when)
            part = self.rng.choice((None, "0.5", "0.25"))
            self.tell(logged, self.world.absent, *span, rep, absence_id=f"a{index}", on=when.isoformat(), part=part)
            if self.rng.random() < 0.3:
                gone = self.later(logged)
                self.tell(gone, self.world.void, "absence", f"a{index}", gone.isoformat(), subject=rep)

    def customers(self) -> None:
        for customer in CUSTOMERS:
            for when in [self.at(-60, -50), *(self.at(-20, 15) for _ in range(self.rng.randint(0, 2)))]:
                tier = self.rng.choice(("general", "general", "general", "priority", "potential"))
                self.told.append((when, partial(self.world.tier, tier, when.isoformat(), customer=customer)))
            for _ in range(self.rng.randint(0, 3)):
                when, role = self.at(-40, 10), self.rng.choice(ROLES[2:4])
                fields: dict[str, Any] = {role: self.rng.choice([*REPS, None]), "on": when.isoformat()}
                from_on = self.at(-40, 15).date().isoformat()
                self.tell(self.later(when), self.world.assign, from_on, customer=customer, **fields)

    def visits(self) -> None:
        for index in range(self.rng.randint(10, 60)):
            when, customer = self.at(0, 20), self.rng.choice(CUSTOMERS)
            visit: dict[str, Any] = {
                "visit_id": f"v{index}",
                "customer": customer,
                "by": [(rep, self.rng.choice(ROLES)) for rep in self.rng.sample(REPS, self.rng.randint(1, 3))],
                "kind": "exhibition" if self.rng.random() < 0.1 else "routine",
                "channel": "phone" if self.rng.random() < 0.1 else "onsite",
                "attendees": [] if self.rng.random() < 0.1 else None,
                "consensus": None if self.rng.random() < 0.1 else "agreed",
                "occurred_on": self.rng.choice((None, None, None, "2026-03-03", "2026-03-10")),
            }
            logged = self.later(when)
            self.tell(logged, self.world.visit, when.isoformat(), **visit)
            self.revise(visit, self.later(logged))

    def revise(self, visit: dict[str, Any], logged: datetime) -> None:
        chance = self.rng.random()
        if chance < 0.15:
            self.tell(
                logged, self.world.void, "visit", visit["visit_id"], logged.isoformat(), subject=visit["customer"]
            )
        elif chance < 0.3:
            amended = {**visit, "by": visit["by"][:1]}
            self.tell(logged, self.world.visit, self.at(0, 20).isoformat(), **amended, revision=2)


def world_of(seed: int) -> World:
    """The world of a seed, as of some weeks later."""
    writer = Writer(seed)
    writer.representatives()
    writer.absences()
    writer.customers()
    writer.visits()
    for _, tell in sorted(writer.told, key=lambda one: one[0]):
        tell()
    writer.world.review("2026-04-01", CUSTOMERS[0])
    return writer.world
