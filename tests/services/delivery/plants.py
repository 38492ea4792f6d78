"""Bugs, planted one at a time, to see that the simulation finds them."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from services.delivery import courier
from services.delivery.courier import Courier
from services.delivery.rules import course, schedule
from services.delivery.rules.course import Course, Outcome, Writes
from shared.subscriptions import Subscription
from tests.services.delivery import world

Plant = Callable[[], Any]
_reads = Course.reads
_cuts, _writes, _fail, _park = Course.step, Course.writes, schedule.next_attempt, Course._park


def _moved_before_the_send() -> Any:
    """The cursor stands behind what is read, not behind what is done."""

    def writes(self: Course) -> Writes | None:
        found = _writes(self)
        ends = {partition: max(track.read, self.cursors[partition]) for partition, track in self._tracks.items()}
        return found and replace(found, cursors=ends if self.replay is None else found.cursors)

    return patch.object(Course, "writes", writes)


def _lanes_not_stored() -> Any:
    """The cursor is stored, and the lane is not: it is skipped after a crash."""

    def writes(self: Course) -> Writes | None:
        found = _writes(self)
        return found and replace(found, lanes={one: lane for one, lane in found.lanes.items() if lane is None})

    return patch.object(Course, "writes", writes)


def _overtaken() -> Any:
    """A parked customer's next changes are sent past its lane."""

    def parked(self: Course, customer: str, items: Any) -> None:
        for item in items:
            self._queues.setdefault(customer + " ", deque()).append(item)
            self._startable[customer + " "] = None

    return patch.object(Course, "_park", parked)


def _dropped() -> Any:
    """What failed is given up at once, as if it were delivered."""

    def answered(self: Course, event: Any, now: Any) -> Any:
        if isinstance(event, course.Answered) and event.send.item and not event.outcome.delivered:
            event = replace(event, outcome=Outcome(delivered=True))
        return _cuts(self, event, now)

    return patch.object(Course, "step", answered)


def _counted_twice() -> Any:
    """An attempt is counted before it is made, and after: half of the attempts are never made."""
    return patch.object(course, "next_attempt", lambda failed, *rest: _fail(2 * failed, *rest))


def _at_once() -> Any:
    """The schedule is not kept."""
    return patch.object(course, "next_attempt", lambda failed, now, *_: _fail(failed, now, 0.0, None) and now)


def _no_quiet() -> Any:
    """Retry-After is not kept."""

    def step(self: Course, event: Any, now: Any) -> Any:
        if isinstance(event, course.Answered):
            event = replace(event, outcome=replace(event.outcome, retry_after=None))
        return _cuts(self, event, now)

    return patch.object(Course, "step", step)


def _old_secret() -> Any:
    """The secret before the last one signs alone, for ever."""
    return patch.object(Subscription, "signing", lambda self, _: self.secrets[-1:])


def _lane_ends_early() -> Any:
    """A lane ends with its first success, whatever waits in it."""

    def after(lane: Any, outcome: Outcome, now: Any, jitter: float) -> Any:
        return None if outcome.delivered else course_after(lane, outcome, now, jitter)

    course_after = course._after
    return patch.object(course, "_after", after)


def _no_fence() -> Any:
    """Who has lost a subscription stores its course over the new owner's."""
    return patch.object(world.SimStore, "check", lambda *_: None)


def _taken_twice() -> Any:
    """A lane takes what it holds already: the replay of what waits overtakes it."""

    def park(self: Course, customer: str, items: Any) -> None:
        lane = self.lanes[customer]
        self._set_lane(customer, replace(lane, pending=(*items, *lane.pending)))

    return patch.object(Course, "_park", park)


def _new_ids() -> Any:
    """A retry gets another id."""
    wire = Courier._send
    number = iter(range(10**9))

    async def send(self: Courier, one: Any) -> Any:
        self._held = {at: change._replace(id=f"{change.id}{next(number)}") for at, change in self._held.items()}
        return await wire(self, one)

    return patch.object(Courier, "_send", send)


def _late_lane() -> Any:
    """A lane out of attempts is tried for ever, a second later each time."""
    return patch.object(course, "next_attempt", lambda failed, now, *_: now + timedelta(seconds=failed))


def _waits_for_ever() -> Any:
    """What hangs is waited for, as long as it takes."""

    async def in_time(work: Any, seconds: float | None = None) -> Any:
        del seconds
        return await work

    return patch.object(courier, "in_time", in_time)


def _changes_first() -> Any:
    """What changes is not held back by a backfill."""

    def reads(self: Course) -> Any:
        backfill, self.backfill = self.backfill, None
        try:
            return _reads(self)
        finally:
            self.backfill = backfill

    return patch.object(Course, "reads", reads)


PLANTS: dict[str, Plant] = {
    "cursor moved before the send": _moved_before_the_send,
    "lane skipped after a crash": _lanes_not_stored,
    "parked customer overtaken": _overtaken,
    "failed change dropped": _dropped,
    "attempt counted before it is made": _counted_twice,
    "schedule not kept": _at_once,
    "Retry-After not kept": _no_quiet,
    "secret of the wrong age": _old_secret,
    "lane ends early": _lane_ends_early,
    "no fence": _no_fence,
    "lane in the wrong order": _taken_twice,
    "another id on a retry": _new_ids,
    "waits too short": _late_lane,
    "what hangs is waited for": _waits_for_ever,
    "changes before a backfill": _changes_first,
}
