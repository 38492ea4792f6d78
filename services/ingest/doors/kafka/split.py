"""Splits a body into its events, as bytes, without parsing them.

Each event is judged by itself: one that is not JSON, or repeats a key, must not affect the others of its request. So
the array's elements are found only by strings and brackets, and each is parsed later. An event's bytes go to the inbox
as sent.
"""

import re
from enum import StrEnum

from shared.events.refusal import Reason, Refused

MAX_BRACKETS = 100_000
"""Most brackets in one array: a body of nothing else would block the event loop for most of a second; events have
one in 20 bytes."""
BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"
_OPENING = (b"[", b"{")
_CLOSING = (b"]", b"}")
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_TO_COMMA_OR_BRACKET = re.compile(rb'(?:[^"\[\]{},]++|' + _STRING + rb")*+", re.DOTALL)
_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|' + _STRING + rb")*+", re.DOTALL)


class BodyKind(StrEnum):
    """How a body contains its events."""

    EVENT = "event"
    BATCH = "batch"
    EITHER = "either"
    LINES = "lines"


def split_body(kind: BodyKind, body: bytes, max_events: int) -> list[bytes] | Refused:
    """The events of a body, or why it can't be read; more than `max_events` is refused as TOO_MANY."""
    body = body.removeprefix(BOM).strip(_SPACE)
    if not body:
        return Refused(Reason.EMPTY, "", "the body is empty; send one event, an array of events, or one event per line")
    if kind is BodyKind.EITHER:
        kind = BodyKind.BATCH if body[:1] == b"[" else BodyKind.EVENT
    if kind is BodyKind.EVENT:
        return [body]
    events = _split_lines(body, max_events) if kind is BodyKind.LINES else _split_array(body, max_events)
    if isinstance(events, list) and not events:
        return Refused(Reason.EMPTY, "", "the array has no events")
    return events


def _too_many(max_events: int) -> Refused:
    return Refused(Reason.TOO_MANY, "", f"more than {max_events} events; split them into several requests")


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
        return Refused(Reason.NOT_JSON, "", "a batch must be a JSON array of events, starting with [")
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
    """The next bracket (at the array's own level also the next comma) and its end; or an unclosed quote, or nothing at
    the end of the body.
    """
    match = (_TO_COMMA_OR_BRACKET if depth == 1 else _TO_BRACKET).match(body, at)
    at = match.end() if match else at
    return at + 1, body[at : at + 1]


def _not_the_end(at: int) -> Refused:
    return Refused(Reason.NOT_JSON, "", f"the array is not closed by ], or something follows it, at byte {at}")
