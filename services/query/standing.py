"""Where everybody stands: generations, positions on inbox and log, policies; and whether a position is passed. Pure.

What an answer is as fresh as (`log_ends`) is read before the answer's rows: those may show more, never less.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services import SERVICES
from shared.positions import Mark, Of

FOLDING = tuple(SERVICES.folding)
"""Who folds the log, in the order in which their decisions reach one another."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a service has folded a partition of the log, and the end of the decisions that it has put there."""

    offset: int
    decided: int = 0


@dataclass(frozen=True, slots=True)
class Admitted:
    """How far a partition of the inbox is admitted, and by partition of the log the end of what that gave."""

    offset: int
    ends: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """One look. generations: of the services' views, and of "inbox" and "log"; kept: replaced generations that are
    there still, and until when; fresh: by service up to when everything is in its rows.
    """

    generations: Mapping[str, int]
    kept: Mapping[str, Mapping[int, datetime]]
    admitted: Mapping[int, Admitted]
    reached: Mapping[str, Mapping[int, Reached]]
    policies: tuple[str, ...] = ()
    fresh: Mapping[str, datetime | None] = field(default_factory=dict)

    def ends_of_log(self) -> dict[int, int]:
        """Of all that is known to stand on it: what admission put there, and the services' decisions."""
        ends: dict[int, int] = {}
        for partition, end in self._ends():
            ends[partition] = max(ends.get(partition, 0), end)
        return ends

    def _ends(self) -> Iterable[tuple[int, int]]:
        for one in self.admitted.values():
            yield from one.ends.items()
        for reached in self.reached.values():
            for partition, at in reached.items():
                yield partition, max(at.offset, at.decided)

    def position(self, services: Iterable[str]) -> Mark:
        """Of the log, up to where all of these services show it."""
        ends: dict[int, int] = {}
        for service in services:
            for partition, at in self.reached.get(service, {}).items():
                ends[partition] = min(ends.get(partition, at.offset), at.offset)
        return Mark(Of.LOG, self.generations["log"], ends)

    def behind(self, services: Collection[str]) -> int:
        """How many records of the log one of these services does not show yet; none of what no service folds."""
        if not services:
            return 0
        shown = self.position(services).ends
        return sum(max(0, end - shown.get(partition, 0)) for partition, end in self.ends_of_log().items())

    def as_of(self, services: Iterable[str]) -> datetime | None:
        """Up to when the rows of all these services tell; None where one has none."""
        known = [self.fresh.get(service) for service in services]
        return min((at for at in known if at is not None), default=None) if None not in known else None

    def readable(self, service: str, generation: int, now: datetime) -> bool:
        """Whether a generation's rows are there: the current one, and for a day the one that it replaced."""
        until = self.kept.get(service, {}).get(generation)
        return generation == self.generations.get(service) or (until is not None and now < until)


class Wait:
    """One request's wait for a position, taken a step further with each look: inbox, then service after service, each
    raising the target once to its own end, since its decisions are part of what the position brought about.
    """

    def __init__(self, mark: Mark, services: tuple[str, ...] = FOLDING) -> None:
        self._mark = mark
        self._target: dict[int, int] | None = dict(mark.ends) if mark.of is Of.LOG else None
        self._left = [(service, own) for service in services for own in (False, True)]

    def passed(self, standing: Standing) -> bool:
        """Whether all of it shows by this look."""
        if self._target is None:
            if any(standing.admitted.get(p, Admitted(0)).offset < end for p, end in self._mark.ends.items()):
                return False
            self._target = {}
            for partition in self._mark.ends:
                for at, end in standing.admitted[partition].ends.items():
                    self._target[at] = max(self._target.get(at, 0), end)
        while self._left:
            service, own = self._left[0]
            reached = standing.reached.get(service, {})
            if any(reached.get(p, Reached(0)).offset < end for p, end in self._target.items()):
                return False
            if not own:
                for partition in self._target:
                    self._target[partition] = max(self._target[partition], reached[partition].decided)
            self._left.pop(0)
        return True


def beyond(mark: Mark, standing: Standing) -> bool:
    """Whether a position of the log speaks of what nobody has put there: then nothing would ever pass it."""
    ends = standing.ends_of_log()
    return mark.of is Of.LOG and any(end > ends.get(partition, 0) for partition, end in mark.ends.items())
