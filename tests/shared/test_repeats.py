"""While a server is away its library repeats itself; the log does not."""

import logging

from shared.repeats import MAX_KINDS, PAUSE_SECONDS, OnceInAWhile


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def said(filtering: OnceInAWhile, name: str, message: str, *values: object) -> str | None:
    record = logging.LogRecord(name, logging.ERROR, "", 0, message, values, None)
    return record.getMessage() if filtering.filter(record) else None


def test_a_message_is_heard_at_once_and_then_once_in_a_while_with_how_often_it_came() -> None:
    clock = Clock()
    filtering = OnceInAWhile(("aiokafka",), clock)
    assert said(filtering, "aiokafka.conn", "no %s", "broker 1") == "no broker 1"
    assert [said(filtering, "aiokafka.conn", "no %s", "broker 2") for _ in range(3)] == [None] * 3
    clock.now += PAUSE_SECONDS
    assert said(filtering, "aiokafka.conn", "no %s", "broker 1") == "no broker 1 (3 more like this before)"
    clock.now += PAUSE_SECONDS
    assert said(filtering, "aiokafka.conn", "no %s", "broker 1") == "no broker 1"


def test_other_messages_and_our_own_are_not_held_back() -> None:
    filtering = OnceInAWhile(("aiokafka",), Clock())
    assert said(filtering, "aiokafka.conn", "one")
    assert said(filtering, "aiokafka.conn", "two")
    assert said(filtering, "aiokafka.client", "one")
    assert [said(filtering, "shared.kafka.reader", "again") for _ in range(3)] == ["again"] * 3


def test_what_is_remembered_is_bounded() -> None:
    filtering = OnceInAWhile(("aiokafka",), Clock())
    for number in range(3 * MAX_KINDS):
        assert said(filtering, "aiokafka", f"message {number}")
    assert len(filtering._heard) <= MAX_KINDS
