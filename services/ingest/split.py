"""Cutting a body into its events, as bytes, without parsing them.

An event is judged by itself: one that isn't JSON, or names a key twice, must not take the others of its
request along. So the array's elements are found by strings and brackets alone, and each is parsed later. The
bytes of an event go to the inbox as they were sent.
"""

import re
from enum import StrEnum

from shared.events.refusal import Reason, Refused

MAX_BRACKETS = 100_000
"""Of one array: a body of nothing else would hold up the event loop for most of a second; events have one in
20 bytes."""
BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"
_OPENING = (b"[", b"{")
_CLOSING = (b"]", b"}")
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_TO_COMMA_OR_BRACKET = re.compile(rb'(?:[^"\[\]{},]++|' + _STRING + rb")*+", re.DOTALL)
_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|' + _STRING + rb")*+", re.DOTALL)


class BodyKind(StrEnum):
    """How a body holds its events."""

    EVENT = "event"
    BATCH = "batch"
    EITHER = "either"
    LINES = "lines"


def split_body(kind: BodyKind, body: bytes, max_events: int) -> list[bytes] | Refused:
    """The events of a body, or why it can't be read; more than `max_events` are refused as TOO_MANY."""
    body = body.removeprefix(BOM).strip(_SPACE)
    if not body:
        return Refused(Reason.EMPTY, "", "the body is empty; send one event, an array of events, or one event a line")
    if kind is BodyKind.EITHER:
        kind = BodyKind.BATCH if body[:1] == b"[" else BodyKind.EVENT
    if kind is BodyKind.EVENT:
        return [body]
    events = _split_lines(body, max_events) if kind is BodyKind.LINES else _split_array(body, max_events)
    if isinstance(events, list) and not events:
        return Refused(Reason.EMPTY, "", "the array holds no events")
    return events


def _too_many(max_events: int) -> Refused:
    return Refused(Reason.TOO_MANY, "", f"more than {max_events} events; send them in several requests")


def _split_lines(body: bytes, max_events: int) -> list[bytes] | Refused:
    events: list[bytes] = []
    for line in body.split(b"\n"):
        if event := line.strip(_SPACE):
            if len(events) == max_events:
                return _too_many(max_events)
            events.append(event)
    return events


def _split_array(body: bytes, max_events: int) -> list[bytes] | Refused:
    if body[:1] != b"[":
        return Refused(Reason.NOT_JSON, "", "a batch is a JSON array of events; it begins with [")
    events: list[bytes] = []
    start = at = depth = 1
    for _ in range(MAX_BRACKETS):
        at, sign = _next_sign(body, at, depth)
        if sign in _OPENING:
            depth += 1
        elif sign in _CLOSING:
            depth -= 1
        elif sign != b",":
            what = "string" if sign else "bracket"
            return Refused(Reason.NOT_JSON, "", f"a {what} is not closed; the body ends at byte {len(body)}")
        if depth and sign != b",":
            continue
        event = body[start : at - 1].strip(_SPACE)
        if event or depth or events:
            events.append(event)
        if len(events) > max_events:
            return _too_many(max_events)
        if not depth:
            return events if sign == b"]" and at == len(body) else _not_the_end(at)
        start = at
    return Refused(Reason.TOO_DEEP, "", f"more than {MAX_BRACKETS} brackets; send fewer events in one request")


def _next_sign(body: bytes, at: int, depth: int) -> tuple[int, bytes]:
    """The next bracket, on the array's own level also the next comma, and where it ends; a quote that is never closed,
    or nothing at the body's end.
    """
    match = (_TO_COMMA_OR_BRACKET if depth == 1 else _TO_BRACKET).match(body, at)
    at = match.end() if match else at
    return at + 1, body[at : at + 1]


def _not_the_end(at: int) -> Refused:
    return Refused(Reason.NOT_JSON, "", f"the array is not closed by ], or more follows it, at byte {at}")
