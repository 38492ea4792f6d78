"""How fresh a tile is, in one word and one number: fresh, behind (amber), late (red). Pure, but for what it remembers.

A number of records says little to people, so it becomes seconds: whatever is not shown yet came to the log after the
rows' own clock, and after the last look by which everything was shown. So the later of the two is when we fell behind,
at the earliest: the seconds said are never too few.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

BEHIND_SECONDS = 5.0
"""From there on a tile is amber."""
LATE_SECONDS = 30.0
"""From there on it is red: a service that is well needs a second."""
FRESH, BEHIND, LATE, STANDS, FAILED = "fresh", "behind", "late", "stands", "failed"


@dataclass(frozen=True, slots=True)
class State:
    """state: one of the words above; records, seconds: how far behind; as_of: of the rows; services: that show it."""

    state: str = FRESH
    records: int = 0
    seconds: float = 0.0
    as_of: str | None = None
    services: tuple[str, ...] = ()
    why: str | None = None


@dataclass(slots=True)
class Clock:
    """When all was last shown, by service."""

    whole_at: dict[tuple[str, ...], datetime] = field(default_factory=dict)

    def of(self, freshness: Mapping[str, Any], now: datetime) -> State:
        """The state of an answer's `freshness`."""
        services = tuple(sorted(freshness.get("generations", ())))
        records, as_of = int(freshness["behind"]), freshness.get("as_of")
        if records == 0:
            self.whole_at[services] = now
            return State(as_of=as_of, services=services)
        since = [at for at in (self.whole_at.get(services), as_of and datetime.fromisoformat(as_of)) if at]
        seconds = max(0.0, (now - max(since)).total_seconds()) if since else LATE_SECONDS
        state = LATE if seconds >= LATE_SECONDS else BEHIND if seconds >= BEHIND_SECONDS else FRESH
        return State(state, records, seconds, as_of, services)


_ORDER = (FRESH, BEHIND, LATE, STANDS, FAILED)


def worst(states: Iterable[State]) -> State:
    """Of what several answers say: the worst, for all of their services, as of the earliest."""
    found = list(states)
    if not found:
        return State()
    state = max(found, key=lambda one: (_ORDER.index(one.state), one.seconds))
    times = [one.as_of for one in found if one.as_of is not None]
    services = tuple(sorted({name for one in found for name in one.services}))
    return State(state.state, state.records, state.seconds, min(times, default=None), services, state.why)
