"""What upstream sends in the toy scenario: purchases and ratings, in revisions, repeated, out of order."""

from datetime import date, timedelta
from random import Random
from typing import Any

from shared.kafka.connection import partition_of
from tests.events.wire import envelope
from tests.sim.plan import PARTITIONS, SENDING_SECONDS, START, Send
from tests.sim.toy import POISON, Policy

SUBJECTS = ("c0", "d2", "c1")
"""Customers; not all of them on the same partition of the log."""
_AMOUNTS = ("30.00", "55.00", "90.00", "90.50", "120.00", "210.00")
_STEPS = ((5_000, 12_000, 25_000, 50_000), (9_000, 9_500, 30_000, 60_000))
_LATER_STEPS = ((5_000, 6_000, 7_000, 40_000), (9_000, 15_000, 16_000), (16_000,))


def policies(random: Random, *, disagree: bool) -> tuple[Policy, ...]:
    """One policy or two; where processes are to disagree, the second is in force from the start."""
    first = Policy(1, date(2026, 1, 1), random.choice(_STEPS))
    if not disagree and random.random() < 0.5:
        return (first,)
    effective_on = START.date() + timedelta(days=0 if disagree else random.randint(1, 12))
    return first, Policy(2, effective_on, random.choice(_LATER_STEPS))


def sends(random: Random) -> list[Send]:
    """Everything that upstream sends in a run, in no order."""
    return ToyUpstream(random).sends()


class ToyUpstream:
    """Makes what upstream sends: records in revisions, ratings, each perhaps more than once and out of order."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._subjects = SUBJECTS[: random.choice((1, 2, 3))]
        self._sends: list[Send] = []
        self._ids = 0
        self._crossing = random.random() < 0.5
        self._voids = random.choice((0.0, 0.3, 0.7))
        self._revisions = random.choice((1, 1, 3, 4))
        self._repeats = random.choice((0.0, 0.3))
        self._keyed = random.choice((0.0, 0.5, 1.0))
        self._early = random.choice((0.0, 0.0, 0.2))
        self._poison = random.choice((0.0, 0.0, 0.0, 0.15))
        self._bursts = random.random() < 0.5

    def sends(self) -> list[Send]:
        """Everything, in no order."""
        random = self._random
        for number in range(random.choice((3, 5, 8))):
            self._record(number)
        for _ in range(random.choice((0, 0, 1, 3))):
            self._rating()
        return self._sends

    def _at(self) -> float:
        at = self._random.uniform(0, SENDING_SECONDS)
        return float(int(at / 8) * 8) if self._bursts else at

    def _record(self, number: int) -> None:
        random = self._random
        subject = random.choice(self._subjects)
        refund = random.random() < 0.2
        kind, field = ("refund", "refund_id") if refund else ("purchase", "purchase_id")
        name = f"guanxi.purchase.{'refunded' if refund else 'recorded'}.v1"
        count = random.randint(1, self._revisions)
        at = self._at()
        for revision in range(1, count + 1):
            if not self._crossing:
                at = max(at, self._at())
            elif revision > 1:
                at = max(0.0, at + random.choice((-9.0, -0.2, 0.0, 0.0, 0.0, 0.1, 9.0)))
            if revision > 1 and random.random() < self._voids:
                data = {"kind": kind, "record_id": f"r{number}", "reason": "mistake"}
                self._send(at, "guanxi.record.voided.v1", subject, data, revision)
                continue
            data = {field: f"r{number}", "amount": random.choice(_AMOUNTS), "currency": "CNY"}
            if random.random() < self._poison:
                data["product_line"] = POISON
            self._send(at, name, subject, data, revision)

    def _rating(self) -> None:
        until = START.date() + timedelta(days=self._random.randint(0, 9))
        data: dict[str, Any] = {"rated_by": "a", "approved_by": "b", "strategic_fit": self._random.randint(0, 9)}
        if self._random.random() < 0.7:
            data["valid_until"] = until.isoformat()
        self._send(self._at(), "guanxi.account.rated.v1", self._random.choice(self._subjects), data, 1)

    def _send(self, at: float, name: str, subject: str, data: dict[str, Any], revision: int) -> None:
        random = self._random
        occurred = START - timedelta(days=random.choice((0, 0, 1, 3, 8)), seconds=random.randrange(3600))
        if random.random() < self._early:
            occurred = START + timedelta(minutes=8)  # refused until the clock has come near
        self._ids += 1
        more = {"revision": revision} if revision > 1 else {}
        document = envelope("", data, type=name, id=f"e{self._ids}", subject=subject, time=occurred, **more)
        if name.startswith("guanxi.purchase") and random.random() < 0.3:
            data["occurred_on"] = (occurred + timedelta(days=random.choice((-2, 0, 3)))).date().isoformat()
        key = f"customer:{subject}"
        self._sends.append(Send(at, self._partition(key), key, document))
        if random.random() < self._repeats:
            self._ids += 1
            # An upstream that extracts again makes a new event id; a fact that is no record keeps its own.
            repeated = {**document, "id": f"e{self._ids}"} if revision > 1 or "purchase" in name else document
            self._sends.append(Send(at + random.choice((0.0, 0.0, 0.05, 11.0)), self._partition(key), key, repeated))

    def _partition(self, key: str) -> int:
        if self._random.random() < self._keyed:
            return partition_of(key.encode(), PARTITIONS)
        return self._random.randrange(PARTITIONS)
