"""What happens in a run, drawn from its seed: what upstream sends, what goes wrong and when, how fast things are.

Each seed leaves out most kinds of trouble and makes the others frequent: faults that meet are found sooner so than with
a little of everything in every run.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from services.ingest.doors.http.vouching import vouch
from shared.events.registry import ERASED
from tests.sim.net import Weather

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""The broker's clock when a run begins."""
PARTITIONS = 2
MEMBERS = 2
"""Processes of each service."""
INGEST = "ingest"
PERSON_KEY = b"key of a run"
SENDING_SECONDS = 40.0
Kind = Literal["crash", "pause", "cut", "slow", "lose", "rebalance", "jump", "review", "replay"]


@dataclass(frozen=True, slots=True)
class Send:
    """Something that upstream sends to the inbox, until it is acknowledged. `key` is the log's key of its subject."""

    at: float
    partition: int
    key: str
    document: dict[str, Any]

    @property
    def value(self) -> bytes:
        """The event on the wire."""
        return json.dumps(self.document).encode()

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """Beside the content type: the door vouches for the key of whoever has a person erased."""
        return vouch("steward", self.value, PERSON_KEY) if self.document["type"] == ERASED else []


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
    """A run before its first step. `policies` are the scenario's; `disagree` lets processes know different ones;
    `transactional`: upstream sends each event in a transaction of Kafka's.
    """

    weather: Weather
    batch_max_records: int
    batch_max_bytes: int
    sweep_every_seconds: float
    skews_ms: tuple[int, ...]
    policies: tuple[Any, ...]
    disagree: bool
    transactional: bool
    sends: tuple[Send, ...]
    actions: tuple[Action, ...]

    def only(self, sends: Collection[int], actions: Collection[int]) -> "Plan":
        """The same with some of the sends and actions, by number."""
        return replace(
            self,
            sends=tuple(send for number, send in enumerate(self.sends) if number in sends),
            actions=tuple(action for number, action in enumerate(self.actions) if number in actions),
        )
