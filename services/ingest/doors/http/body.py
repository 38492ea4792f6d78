"""Reads a request's body: its kind, its encoding, and never more than the limit."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request

from services.ingest.doors.kafka.split import BodyKind
from services.ingest.limits import LEAST_BODY_BYTES_PER_SECOND, MAX_BODY_BYTES, DoorLimits
from shared.events.refusal import Reason
from shared.problems import Problem

MEDIA_TYPES = {
    "application/cloudevents+json": BodyKind.EVENT,
    "application/cloudevents-batch+json": BodyKind.BATCH,
    "application/json": BodyKind.EITHER,
    "application/x-ndjson": BodyKind.LINES,
}
ENCODINGS = ("gzip", "identity")
_GZIP = 16 + zlib.MAX_WBITS
_UTF8 = ("utf-8", "utf8")


def body_kind(content_type: str | None) -> BodyKind | Problem:
    """How the body contains its events, by its media type; ignores parameters other than the character set."""
    essence, *parameters = (content_type or "").split(";")
    kind = MEDIA_TYPES.get(essence.strip().lower())
    if kind is None:
        found = repr(content_type[:100]) if content_type else "missing"
        return _unsupported(f"Content-Type is {found}; expected one of {', '.join(MEDIA_TYPES)}")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in _UTF8:
            return _unsupported(f"the character set is {value.strip()[:40]!r}; send JSON as UTF-8")
    return kind


async def read_body(request: Request, limits: DoorLimits) -> bytes | Problem:
    """The whole body, decompressed; after a grace period it must arrive at a minimum rate."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ENCODINGS:
        found = encoding[:40]
        return _unsupported(f"Content-Encoding is {found!r}; expected gzip or none", {"Accept-Encoding": "gzip"})
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared[:20]) > MAX_BODY_BYTES:
        return too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_grace_seconds) as end:
            sent = _in_time(request.stream(), end, limits)
            async for chunk in _unzipped(sent) if encoding == "gzip" else sent:
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    return too_large()
    except TimeoutError:
        hint = (
            f"the body did not arrive in time: send at least {LEAST_BODY_BYTES_PER_SECOND // 1024} KiB a second, and "
            "all of "
            f"it within {limits.body_seconds:g} s"
        )
        return Problem(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", hint, {"Connection": "close"})
    except ClientDisconnect:
        return Problem(HTTPStatus.BAD_REQUEST, "disconnected", "the connection closed before the end of the body")
    except (zlib.error, EOFError) as error:
        return Problem(
            HTTPStatus.BAD_REQUEST, "not_gzip", (f"Content-Encoding says gzip, but the body is not gzip: {error}")
        )
    return bytes(body)


async def _in_time(chunks: AsyncIterator[bytes], end: asyncio.Timeout, limits: DoorLimits) -> AsyncIterator[bytes]:
    """Extends the deadline as bytes arrive."""
    begun, received = asyncio.get_running_loop().time(), 0
    async for chunk in chunks:
        received += len(chunk)
        allowed = limits.body_grace_seconds + received / LEAST_BODY_BYTES_PER_SECOND
        end.reschedule(begun + min(limits.body_seconds, allowed))
        yield chunk


def too_large() -> Problem:
    """The answer to a body over the limit."""
    hint = f"the body has more than {MAX_BODY_BYTES} bytes; send the events in several requests"
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Reason.TOO_LARGE, hint)


def _unsupported(hint: str, headers: dict[str, str] | None = None) -> Problem:
    return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, Reason.UNSUPPORTED_MEDIA_TYPE, hint, headers or {})


async def _unzipped(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Decompresses in steps of at most the limit, so that a small bomb never becomes a large body in memory."""
    unzip = zlib.decompressobj(_GZIP)
    async for chunk in chunks:
        rest = chunk
        while rest:
            if unzip.eof:  # members of a gzip file may follow one another
                unzip = zlib.decompressobj(_GZIP)
            yield unzip.decompress(rest, MAX_BODY_BYTES + 1)
            rest = unzip.unconsumed_tail or unzip.unused_data
    if not unzip.eof:
        raise EOFError("it ends too early")
