"""What happens in a run, drawn from its seed: what upstream sends, what goes wrong and when, how fast things are.

Each seed leaves out most kinds of trouble and makes the others frequent: faults that meet are found sooner so than with
a little of everything in every run.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, Literal

from shared.kafka.connection import partition_of
from tests.sim.net import Weather
from tests.sim.toy import POISON, Policy

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""The broker's clock when a run begins."""
PARTITIONS = 2
SERVICES = ("ingest", "toy")
MEMBERS = 2
"""Processes of each service."""
SENDING_SECONDS = 40.0
SUBJECTS = ("c0", "d2", "c1")
"""Customers; not all of them on the same partition of the log."""

Kind = Literal["crash", "pause", "cut", "slow", "lose", "rebalance", "jump", "review", "replay"]

_INGEST_POINTS: tuple[tuple[str, bool], ...] = (
    ("fetch", True),
    ("read:claims", False),
    ("read:claims", True),
    ("write:claims", False),
    ("write:claims", True),
    ("append:guanxi.log", False),
    ("append:guanxi.log", True),
    ("append:guanxi.rejected", True),
    ("write:admission_positions", False),
    ("write:admission_positions", True),
    ("read:admission_positions", True),
    ("ends", True),
)
_FOLD_POINTS: tuple[tuple[str, bool], ...] = (
    ("fetch", True),
    ("write:toy_positions", False),
    ("write:toy_positions", False),
    ("read:levels_g1", False),
    ("read:levels_g1", True),
    ("append:guanxi.log", False),
    ("append:guanxi.log", True),
    ("append:guanxi.log", True),
    ("write:levels_g1", False),
    ("write:level_history_g1", True),
    ("commit", False),
    ("commit", True),
    ("append:guanxi.tiers", False),
    ("read:toy_positions", True),
    ("ends", True),
)
_PUBLISHED_POINTS = (
    ("append:guanxi.log", True),
    ("write:levels_g1", False),
    ("commit", False),
)
"""Points at which decisions have left and nothing else has."""
_KINDS: tuple[tuple[Kind, ...], ...] = (("crash",), ("pause", "cut"), ("crash", "pause", "cut"), ("slow",), ("lose",))
"""Points of a process's work at which it is harmed: an operation, and whether its answer or its request is meant. Where
the promises are made stands twice; where positions are looked up stands last."""


@dataclass(frozen=True, slots=True)
class Send:
    """Something that upstream sends to the inbox, until it is acknowledged."""

    at: float
    partition: int
    document: dict[str, Any]

    @property
    def value(self) -> bytes:
        """The event on the wire."""
        return json.dumps(self.document).encode()


@dataclass(frozen=True, slots=True)
class Action:
    """Something done to the system. Where `operation` is given, it happens to the first process of `service` that asks
    for it, before the request leaves or, with `answer`, before the answer is seen; else to `member`, at once.
    """

    at: float
    kind: Kind
    service: str = ""
    member: int = 0
    operation: str = ""
    answer: bool = False
    seconds: float = 0.0
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A run before its first step. `disagree` lets processes know different policies."""

    weather: Weather
    batch_max_records: int
    batch_max_bytes: int
    sweep_every_seconds: float
    skews_ms: tuple[int, ...]
    policies: tuple[Policy, ...]
    disagree: bool
    sends: tuple[Send, ...]
    actions: tuple[Action, ...]

    def only(self, sends: Collection[int], actions: Collection[int]) -> "Plan":
        """The same with some of the sends and actions, by number."""
        return Plan(
            self.weather,
            self.batch_max_records,
            self.batch_max_bytes,
            self.sweep_every_seconds,
            self.skews_ms,
            self.policies,
            self.disagree,
            tuple(send for number, send in enumerate(self.sends) if number in sends),
            tuple(action for number, action in enumerate(self.actions) if number in actions),
        )


_DELAYS = (
    (0.001, 0.002, 0.003, 0.005),
    (0.001, 0.005, 0.02, 0.04, 0.1),
    (0.001, 0.003, 0.01, 0.05, 0.2, 0.5, 2.0),
    (0.001, 0.001, 0.005, 0.005, 0.02, 0.02, 0.1, 0.5, 3.0, 12.0),
)
_AMOUNTS = ("30.00", "55.00", "90.00", "90.50", "120.00", "210.00")


def make_plan(seed: int) -> Plan:
    """The plan of a seed."""
    random = Random(f"plan {seed}")
    disagree = random.random() < 0.3
    trouble = "toy" if disagree else random.choice(("ingest", "ingest", "toy", "toy", "both", "none"))
    weather = Weather(
        random.choice(_DELAYS),
        kafka_faults=random.choice((0.0, 0.0, 0.0, 0.02, 0.2)),
        mongo_faults=random.choice((0.0, 0.0, 0.0, 0.02, 0.1)),
    )
    sends = _Upstream(random).sends()
    return Plan(
        weather=weather,
        batch_max_records=random.choice((1, 2, 3, 5, 8, 20)),
        batch_max_bytes=random.choice((1_300, 1_300, 2_500, 100_000)),
        sweep_every_seconds=random.choice((7.0, 20.0)),
        skews_ms=random.choice(((0,), (0, 400), (0, 7_000))),
        policies=_policies(random, disagree=disagree),
        disagree=disagree,
        sends=tuple(sorted(sends, key=lambda send: send.at)),
        actions=tuple(sorted(_actions(random, trouble, disagree=disagree), key=lambda action: action.at)),
    )


def _policies(random: Random, *, disagree: bool) -> tuple[Policy, ...]:
    first = Policy(
        1, date(2026, 1, 1), random.choice(((5_000, 12_000, 25_000, 50_000), (9_000, 9_500, 30_000, 60_000)))
    )
    if not disagree and random.random() < 0.5:
        return (first,)
    effective_on = START.date() + timedelta(days=0 if disagree else random.randint(1, 12))
    second = Policy(2, effective_on, random.choice(((5_000, 6_000, 7_000, 40_000), (9_000, 15_000, 16_000), (16_000,))))
    return first, second


class _Upstream:
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
        document: dict[str, Any] = {
            "specversion": "1.0",
            "id": f"e{self._ids}",
            "source": "erp",
            "type": name,
            "subject": subject,
            "time": occurred.isoformat(),
            "data": data,
        }
        if revision > 1:
            document["revision"] = revision
        if name.startswith("guanxi.purchase") and random.random() < 0.3:
            data["occurred_on"] = (occurred + timedelta(days=random.choice((-2, 0, 3)))).date().isoformat()
        partition = self._partition(subject)
        self._sends.append(Send(at, partition, document))
        if random.random() < self._repeats:
            again = self._partition(subject)
            self._ids += 1
            # An upstream that extracts again makes a new event id; a fact that is no record keeps its own.
            repeated = {**document, "id": f"e{self._ids}"} if revision > 1 or "purchase" in name else document
            self._sends.append(Send(at + random.choice((0.0, 0.0, 0.05, 11.0)), again, repeated))

    def _partition(self, subject: str) -> int:
        if self._random.random() < self._keyed:
            return partition_of(f"customer:{subject}".encode(), PARTITIONS)
        return self._random.randrange(PARTITIONS)


def _actions(random: Random, trouble: str, *, disagree: bool) -> list[Action]:
    """`trouble` says which service the harm is done to: one, "both" or "none"."""
    actions: list[Action] = []
    services = SERVICES if trouble == "both" else () if trouble == "none" else (trouble,)
    for service in services:
        actions += _harm(random, service, disagree=disagree)
    for _ in range(_some(random, 5, 0.6)):
        seconds = random.choice((3_600, 40_000, 86_400, 3 * 86_400, 11 * 86_400))
        actions.append(Action(_when(random), "jump", seconds=seconds))
    for _ in range(_some(random, 5, 0.4)):
        actions.append(Action(_when(random), "review", subject=random.choice(SUBJECTS)))
    for _ in range(_some(random, 2, 0.4)):
        actions.append(Action(_when(random), "replay"))
    return actions


def _harm(random: Random, service: str, *, disagree: bool) -> list[Action]:
    """Processes that die, stop, lose touch or wait, in most seeds at the same point of their work again and again."""
    points = _INGEST_POINTS if service == "ingest" else _FOLD_POINTS
    kinds: tuple[Kind, ...] = random.choice(_KINDS)
    if disagree and random.random() < 0.7:
        points, kinds = _PUBLISHED_POINTS, random.choice(_KINDS[:3])
    focus = random.choice(points) if random.random() < 0.7 else None
    if "slow" in kinds and random.random() < 0.5:
        focus = random.choice(points[-2:])
    actions = []
    for _ in range(random.randint(1, 6)):
        kind = random.choice(kinds)
        operation, answer = focus or random.choice(points)
        if kind in {"crash", "pause", "cut"} and random.random() < 0.1:
            operation = ""
        actions.append(
            Action(
                at=_when(random),
                kind=kind,
                service=service,
                member=random.randrange(MEMBERS),
                operation=operation,
                answer=answer,
                seconds=random.choice((0.5, 3.0, 6.0, 12.0, 25.0)),
            )
        )
    rebalances = _some(random, 5, 0.9 if "slow" in kinds else 0.3)
    return actions + [Action(_when(random), "rebalance", service=service) for _ in range(rebalances)]


def _when(random: Random) -> float:
    return random.uniform(0, SENDING_SECONDS)


def _some(random: Random, most: int, probability: float) -> int:
    return random.randint(1, most) if random.random() < probability else 0
