"""From bytes to a CloudEvents document: strict JSON, and the two modes of the Kafka binding. Pure; nothing raises.

It skips a leading UTF-8 byte order mark (Windows tools write one) and refuses anything else that JSON does not allow.

Two parsers: msgspec's takes what nearly everybody sends, at a quarter of the cost; what it declines goes to Python's,
which finds the words. The law (test_wire.py): what the quick one takes, the other reads alike.
"""

import json
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NoReturn, TypeAlias, TypeGuard

import msgspec

from shared.events.refusal import Reason, Refused

MAX_EVENT_BYTES = 64 * 1024
"""Largest event at any door. Its record on the log, with what it replaces, stays far below the log's limit."""
MAX_DEPTH = 16
"""Deepest nesting of objects and lists. Events need 4; the parser must never hit a recursion limit."""
MAX_NUMBER_CHARS = 64
"""Longest number. No amount is longer, and the cost of reading a number grows faster than its length."""
MAX_EXPONENT = 9999
"""Largest exponent of a number, positive or negative; larger ones only exhaust memory when written out."""

JsonValue: TypeAlias = dict[str, Any] | list[Any] | str | int | Decimal | bool | None
Headers: TypeAlias = Sequence[tuple[str, bytes | None]]

_BOM = b"\xef\xbb\xbf"
_OPENING = (b"{", b"[")
_STRING_OR_BRACKET = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_DIGITS_AS_ONES = bytes.maketrans(b"0123456789", b"1" * 10)
_LONG_NUMBER = b"1" * MAX_NUMBER_CHARS  # a sign may stand before
_ODD_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


class _UnacceptableError(ValueError):
    """Carries a refusal out of the standard parser's hooks; stays inside this module."""

    def __init__(self, reason: Reason, field: str, hint: str) -> None:
        super().__init__(hint)
        self.refused = Refused(reason, field, hint)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                hint = f"the key {key[:100]!r} is repeated in one object"
                raise _UnacceptableError(Reason.DUPLICATE_KEY, key[:200], hint)
            seen.add(key)
    return document


def _decimal(text: str) -> Decimal:
    if len(text) <= MAX_NUMBER_CHARS:
        try:
            number = Decimal(text)
        except InvalidOperation:  # an exponent beyond what even Decimal can hold
            pass
        else:
            if abs(number.adjusted()) <= MAX_EXPONENT:
                return number
    raise _UnacceptableError(Reason.NOT_JSON, "", f"number out of range: {text[:40]}")


def _integer(text: str) -> int:
    if len(text) > MAX_NUMBER_CHARS:
        raise _UnacceptableError(
            Reason.NOT_JSON, "", (f"a number with {len(text)} digits; at most {MAX_NUMBER_CHARS} are allowed")
        )
    return int(text)


def _constant(name: str) -> NoReturn:
    raise _UnacceptableError(Reason.NOT_JSON, "", f"{name} is not JSON; omit the field if there is no number")


_decode_strictly = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_decimal, parse_int=_integer, parse_constant=_constant
).decode
_decode_quickly = msgspec.json.Decoder(float_hook=_decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


def parse_json(raw: bytes) -> JsonValue | Refused:
    """The value of a JSON text; numbers with a point or an exponent as `Decimal`, exactly as written."""
    if raw.count(_OPENING[0]) + raw.count(_OPENING[1]) > MAX_DEPTH and _too_deep(raw):
        return _parse_strictly(raw)
    try:
        return _parse_quickly(raw)
    except ValueError:
        return _parse_strictly(raw)


def _parse_quickly(raw: bytes) -> JsonValue:
    """Raises ValueError for what is not JSON, and for anything that only the strict parser can decide.

    Of a repeated key msgspec keeps the last. So this compares the number of quotes in the text and in its value written
    again: with a key and its value dropped there are fewer. A quote inside a string is one character in both, unless it
    is written as a unicode escape.
    """
    value: JsonValue = _decode_quickly(raw)
    if _LONG_NUMBER in raw.translate(_DIGITS_AS_ONES):
        raise ValueError
    if b"\\" in raw and (b"\\u0022" in raw or _ODD_ESCAPE.search(raw)):
        raise ValueError
    if raw.count(b'"') != _encode(value).count(b'"'):
        raise ValueError
    return value


def _parse_strictly(raw: bytes) -> JsonValue | Refused:
    try:
        text = raw.removeprefix(_BOM).decode()
    except UnicodeDecodeError as error:
        return Refused(Reason.NOT_UTF8, "", f"byte {error.start} is not UTF-8; send JSON as UTF-8")
    if raw.count(_OPENING[0]) + raw.count(_OPENING[1]) > MAX_DEPTH and _too_deep(raw):
        return Refused(Reason.TOO_DEEP, "", f"nested more than {MAX_DEPTH} levels deep")
    try:
        value: JsonValue = _decode_strictly(text)
    except _UnacceptableError as error:
        return error.refused
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        return Refused(Reason.NOT_JSON, "", f"not JSON: {error.msg} at {where}" if text else "not JSON: it is empty")
    if _ODD_ESCAPE.search(raw):
        found = _odd_text(value, "")
        if found is not None:
            return Refused(Reason.INVALID_FIELD, found, "the text contains a null character or half a surrogate pair")
    return value


def _too_deep(raw: bytes) -> bool:
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(raw):
        bracket = match[0]
        if bracket in _OPENING:
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif len(bracket) == 1:
            depth -= 1
    return False


def _odd_text(value: JsonValue, path: str) -> str | None:
    """Path of the first text that can't be stored: one with a null character or a lone surrogate."""
    if isinstance(value, str):
        return path if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value) else None
    if isinstance(value, dict):
        for key, item in value.items():
            safe = key.encode("ascii", "backslashreplace").decode()[:100]
            here = f"{path}.{safe}" if path else safe
            found = _odd_text(item, here) if _odd_text(key, here) is None else here
            if found is not None:
                return found
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found = _odd_text(item, f"{path}.{index}")
            if found is not None:
                return found
    return None


_CE = "ce_"
_CONTENT_TYPE = "content-type"
MAX_PLAIN_HEADERS = 64
"""Bytes of a content-type header, which count towards the event's size."""
_PLAIN_TYPES = {b"application/json", b"application/cloudevents+json"}
DOOR_KEY = "door-key"
"""The header by which the HTTP door vouches for a record's API key (services.ingest.doors.http.vouching)."""
_PASSED_OVER = {"backfill", "traceparent", "tracestate", DOOR_KEY}


def from_kafka(value: bytes | None, headers: Headers) -> dict[str, Any] | Refused:
    """The CloudEvents document of an inbox record, in structured or binary mode.

    Binary means `ce_` headers and a content-type that is not CloudEvents' own. Headers that neither mode uses are
    ignored.
    """
    if value is None:
        return Refused(Reason.EMPTY, "", "the record has no value; expected an event")
    attributes = _attributes(headers)
    if isinstance(attributes, Refused):
        return attributes
    size = len(value)
    for name, text in attributes.items():
        size += len(name) + len(text)
    if size > MAX_EVENT_BYTES:
        return Refused(Reason.TOO_LARGE, "", f"{len(value)} bytes; an event may have at most {MAX_EVENT_BYTES}")
    media_type = attributes.pop(_CONTENT_TYPE, "")
    structured = not attributes or media_type.lower().startswith("application/cloudevents")
    if media_type and not is_json(media_type, structured=structured):
        hint = f"content-type is {media_type[:100]!r}; expected application/cloudevents+json or application/json"
        return Refused(Reason.UNSUPPORTED_MEDIA_TYPE, _CONTENT_TYPE, hint)
    body = parse_json(value)
    if isinstance(body, Refused):
        return body if structured else Refused(body.reason, f"data.{body.field}".rstrip("."), body.hint)
    if not structured:
        return _with_revision(attributes) | {"data": body}
    if not isinstance(body, dict):
        return Refused(Reason.NOT_CLOUDEVENT, "", "expected a JSON object: a CloudEvents 1.0 event")
    return body


def is_plain(value: bytes | None, headers: Headers) -> TypeGuard[bytes]:
    """Whether the headers are the simplest ones of structured mode, so that `from_kafka` only parses the value."""
    if value is None or len(value) > MAX_EVENT_BYTES - MAX_PLAIN_HEADERS:
        return False
    typed = False
    for name, text in headers:
        if name == _CONTENT_TYPE and not typed and text in _PLAIN_TYPES:
            typed = True
        elif name not in _PASSED_OVER:
            return False
    return True


@lru_cache(maxsize=64)
def is_json(media_type: str, *, structured: bool = False) -> bool:
    """Whether a media type is JSON; of CloudEvents' own types, only the one for a single event."""
    essence = media_type.split(";", 1)[0].strip().lower()
    if essence.startswith("application/cloudevents"):
        return structured and essence == "application/cloudevents+json"
    return essence in {"application/json", "text/json"} or essence.endswith("+json")


def _attributes(headers: Headers) -> dict[str, str] | Refused:
    """The headers that the modes use: `content-type` under that name, each `ce_` header under the attribute's name."""
    found: dict[str, str] = {}
    for header, raw in headers:
        if header[:3] == _CE:
            name = header[3:]
        elif header == _CONTENT_TYPE or header.lower() == _CONTENT_TYPE:
            name = _CONTENT_TYPE
        else:
            continue
        field = header[:100]
        if raw is None:
            return Refused(Reason.INVALID_HEADER, field, f"the header {field!r} is null")
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return Refused(Reason.INVALID_HEADER, field, f"the header {field!r} is not UTF-8")
        if name in found:
            return Refused(Reason.INVALID_HEADER, field, f"the header {field!r} is repeated")
        found[name] = text
    return found


def _with_revision(attributes: dict[str, str]) -> dict[str, Any]:
    """Headers are text; the one numeric attribute becomes a number if it is written as one."""
    revision = attributes.get("revision", "")
    if revision.isascii() and revision.isdigit() and len(revision) <= MAX_NUMBER_CHARS:
        return attributes | {"revision": int(revision)}
    return dict(attributes)
