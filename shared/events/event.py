"""What a fold sees: one record of the log, decoded."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from shared.events.facts import Fact


class Position(NamedTuple):
    """Where on the inbox a record came from, and which output of it this is (architecture.md, invariant 4)."""

    generation: int
    partition: int
    offset: int
    output: int = 0


class LogPosition(NamedTuple):
    """Where on the log a record stands."""

    generation: int
    partition: int
    offset: int


@dataclass(slots=True, frozen=True)
class Replaced:
    """What a revision replaces: the content of the one before, less what undoing does not need; `fact` is None when
    the one before was a void.
    """

    revision: int
    time: datetime
    fact: Fact | None


@dataclass(slots=True)
class Event:
    """One record of the log.

    type, id, source, subject: as in the envelope; `time` is occurred_at (UTC); `data` is a model of
    `shared.events.facts` or `.decisions`; `recorded_at` is the broker's append time (UTC); `backfill` marks history
    that is decided as of its own time (domain.md, Age); `traceparent` is W3C's; `actor` is who entered it upstream, as
    that system says, and `key_id` the API key that sent it: None where the HTTP door does not vouch for one, so that
    the actor is only claimed; `inbox` is where a fact came from, for who asked for it. `dumped` is the JSON-ready form
    of a decision, where whoever made the decision has made that too; a copy with other content is without it.
    """

    type: str
    id: str
    source: str
    subject: str
    time: datetime
    data: Any
    recorded_at: datetime
    log: LogPosition
    revision: int = 1
    backfill: bool = False
    replaces: Replaced | None = None
    traceparent: str | None = None
    actor: str | None = None
    key_id: str | None = None
    inbox: Position | None = field(default=None, compare=False)
    dumped: dict[str, Any] | None = field(default=None, init=False, compare=False, repr=False)

    @property
    def clock(self) -> datetime:
        """The instant to which this record moves its customer's clock (domain.md, Time)."""
        return self.time if self.backfill else self.recorded_at
