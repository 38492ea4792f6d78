"""The course of a subscription: its limits, what a reset says, and how all stand before what changes."""

import asyncio
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from services.delivery.courier import Couriers, in_time
from services.delivery.rules.course import (
    MAX_IN_FLIGHT,
    MAX_LANES,
    MAX_LANES_IN_FLIGHT,
    MAX_PENDING,
    MAX_QUIET_SECONDS,
    MAX_WINDOW,
    ROW,
    Answered,
    Backfill,
    Course,
    Cut,
    Item,
    Lane,
    Notice,
    Outcome,
    Read,
    Rows,
    Seen,
    Send,
    Tick,
)
from shared.errors import Transient
from shared.subscriptions import Filters, Subscription

NOW = datetime(2026, 3, 2, tzinfo=UTC)
SUBSCRIPTION = Subscription(
    id="s1", key="", scopes=(), rows="all", sink="https://example.com/", filters=Filters(), created_at=NOW
)
TAKEN, REFUSED = Outcome(delivered=True), Outcome(delivered=False, why="500")


def read(customers: Iterable[str], at: int = 0) -> Read:
    seen = tuple(Seen(at + place, one, at + place + 1, wanted=True) for place, one in enumerate(customers))
    return Read(0, seen, at + len(seen))


def lane(customer: str, *offsets: int, next_at: datetime | None = NOW) -> Lane:
    return Lane(tuple(Item(0, at, customer, at + 1) for at in offsets), 1, next_at, NOW, "500")


def answer(course: Course, sends: list[Send], outcome: Outcome) -> list[Send]:
    return [more for one in sends for more in course.step(Answered(one, outcome, 0.0), NOW)]


def ended(course: Course) -> bool:
    return course.backfill is None


def stands_still(course: Course) -> bool:
    return course.stands_still


def names(sends: list[Send]) -> list[tuple[str, int]]:
    return [(one.item.customer, one.item.offset) for one in sends if one.item]


def test_no_more_is_read_than_the_window_holds() -> None:
    course = Course({0: 0})
    course.step(read(["C1"] * (MAX_WINDOW - 1)), NOW)
    assert course.reads() == {0: (MAX_WINDOW - 1, None)}
    course.step(read(["C1"], MAX_WINDOW - 1), NOW)
    assert course.reads() == {}


def test_no_more_is_sent_at_once_than_may_be_and_one_of_a_customer() -> None:
    course = Course({0: 0})
    sends = course.step(read([f"C{one}" for one in range(MAX_IN_FLIGHT + 5)] * 2), NOW)
    assert len(sends) == len({customer for customer, _ in names(sends)}) == MAX_IN_FLIGHT


def test_lanes_leave_room_for_what_is_new() -> None:
    lanes = {f"L{one}": lane(f"L{one}", one) for one in range(40)}
    course = Course({0: 40}, lanes)
    sends = course.step(read([f"C{one}" for one in range(40)], 40), NOW)
    old = [customer for customer, _ in names(sends) if customer.startswith("L")]
    assert (len(old), len(sends)) == (MAX_LANES_IN_FLIGHT, MAX_IN_FLIGHT)


def test_with_too_many_parked_customers_it_stands_still_until_there_are_fewer() -> None:
    course = Course({0: MAX_LANES}, {f"L{one}": lane(f"L{one}", one) for one in range(MAX_LANES)})
    assert stands_still(course)
    assert course.reads() == {}
    answer(course, course.step(Tick(), NOW)[:1], TAKEN)
    assert not stands_still(course)
    assert course.reads()


def test_with_too_many_changes_of_one_parked_customer_it_stands_still() -> None:
    course = Course({0: MAX_PENDING}, {"L": lane("L", *range(MAX_PENDING))})
    assert stands_still(course)
    answer(course, course.step(Tick(), NOW), TAKEN)
    assert not stands_still(course)


def test_a_receiver_may_ask_for_quiet_for_an_hour_at_most() -> None:
    course = Course({0: 0})
    sends = course.step(read(["C1", "C2"]), NOW)
    course.step(Answered(sends[0], Outcome(delivered=False, retry_after=1e6, quiet=True), 0.0), NOW)
    assert course.not_before == NOW + timedelta(seconds=MAX_QUIET_SECONDS)
    assert course.step(read(["C3"], 2), NOW) == []
    assert names(course.step(Tick(), course.not_before)) == [("C3", 2)]


def test_what_is_held_no_more_is_told_by_a_reset_before_anything_else() -> None:
    course = Course({0: 5}, {"L": lane("L", 2, next_at=NOW + timedelta(hours=1))})
    [said] = course.step(Cut(0, 100, "r1"), NOW)
    assert said.notice == Notice("reset", "r1")
    assert (course.cursors, course.lanes, course.reads()) == ({0: 100}, {}, {})
    assert course.wake() is None, "it is being told"
    answer(course, [said], TAKEN)
    assert course.reads() == {0: (100, None)}


def test_a_reset_that_is_not_taken_is_told_again_and_stops_in_the_end() -> None:
    course, now = Course({0: 5}), NOW
    sends = course.step(Cut(0, 100, "r1"), now)
    for _ in range(9):
        assert course.step(Answered(sends[0], REFUSED, 0.0), now) == []
        now = course.wake() or now
        sends = course.step(Tick(), now)
        assert sends[0].notice
        assert sends[0].notice.id == "r1"
    course.step(Answered(sends[0], REFUSED, 0.0), now)
    assert course.status == "stopped"


def test_another_topic_under_the_same_name_is_told_by_a_reset_and_read_from_its_beginning() -> None:
    course = Course({0: 500})
    [said] = course.step(Cut(0, 0, "r1", whole=True), NOW)
    assert said.notice
    assert course.cursors == {0: 0}


def test_a_backfill_tells_how_all_stand_and_then_what_changes() -> None:
    course = Course({0: 7}, backfill=Backfill("b"))
    assert (course.reads(), course.reads_rows()) == ({}, "")
    sends = course.step(Rows("", (("C1", 0), ("C2", 0)), "C3", last=False), NOW)
    assert names(sends) == [("C1", ROW), ("C2", ROW)]
    answer(course, sends[1:], TAKEN)
    assert course.backfill == Backfill("b"), "C1 is not done: after a crash both come again"
    answer(course, sends[:1], REFUSED)
    assert course.backfill == Backfill("b", "C3"), "one is in a lane, the other taken"
    assert course.reads_rows() == "C3"
    course.step(Rows("C3", (), "C3", last=True), NOW)
    assert ended(course)
    assert course.reads() == {0: (7, None)}
    sends = course.step(Read(0, (Seen(7, "C1", 8, wanted=True), Seen(8, "C2", 9, wanted=True)), 9), NOW)
    assert names(sends) == [("C2", 8)], "C1's change waits behind how it stands"
    assert [one.offset for one in course.lanes["C1"].pending] == [ROW, 7]
    course.step(Cut(0, 8, "r1"), NOW)
    assert [one.offset for one in course.lanes["C1"].pending] == [ROW], "what is no change is not cut off"


def test_how_a_parked_customer_stands_goes_before_its_changes() -> None:
    course = Course({0: 3}, {"C1": lane("C1", 1, 2)}, backfill=Backfill("b"))
    course.step(Rows("", (("C1", 0),), "C1", last=True), NOW - timedelta(seconds=1))
    assert [one.offset for one in course.lanes["C1"].pending] == [ROW, 1, 2]
    assert course.backfill is None


async def test_what_hangs_and_cannot_be_cancelled_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = asyncio.Event()

    async def stubborn() -> None:
        while not ended.is_set():
            try:
                await ended.wait()
            except asyncio.CancelledError:
                continue

    monkeypatch.setattr("services.delivery.courier.LEAVE_SECONDS", 0.01)
    with pytest.raises(Transient, match="no end in"):
        await in_time(stubborn(), 0.01)
    ended.set()


async def test_what_is_cancelled_inside_is_an_error_and_no_cancellation() -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(Transient, match="cancelled"):
        await in_time(cancelled())


async def test_a_process_that_ends_gives_back_what_it_delivers() -> None:
    class Leases:
        given: ClassVar[list[str]] = []

        async def take(self, known: Collection[str]) -> list[Subscription]:
            return [] if known else [SUBSCRIPTION]

        async def again(self, subscription: str) -> Subscription | None:
            raise AssertionError(subscription)

        async def release(self, subscription: str) -> None:
            self.given.append(subscription)

    begun = asyncio.Event()

    class Idle:
        subscription = topic = None

        async def run(self) -> None:
            begun.set()
            await asyncio.Event().wait()

        async def close(self) -> None:
            return None

    idle: Any = Idle()
    idle.topic = idle
    idle.subscription = SUBSCRIPTION
    running = asyncio.create_task(Couriers(Leases(), lambda _: idle).run())
    await begun.wait()
    running.cancel()
    await asyncio.wait({running})
    assert Leases.given == [SUBSCRIPTION.id]
