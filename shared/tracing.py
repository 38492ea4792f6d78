"""Traces from door to view, in OpenTelemetry's terms; off, and without cost, unless an endpoint is set.

A trace begins where an event is made or at the HTTP door. Its `traceparent` goes with the event, as CloudEvents'
distributed tracing extension says (in the event itself, and once more as a header on Kafka), through inbox and log, and
every process adds to that trace. OTEL_EXPORTER_OTLP_ENDPOINT turns it on; OpenTelemetry's other variables hold as well.
Nothing of OpenTelemetry is imported before (shared/otel.py).
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Protocol

from shared.events.codec import TRACEPARENT_HEADER

_W3C = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class Request(Protocol):
    """The span of a request."""

    def answered(self, handler: str, status: int) -> None:
        """How it ended; status 0 when nothing was answered."""
        ...


class Batch(Protocol):
    """The span of a batch. `on` says whether it is worth telling what was in it."""

    on: bool

    def saw(self, traceparent: str, type_: str, place: str) -> None:
        """An event with a trace of its own, and where it stands (partition/offset)."""
        ...

    def step(self, name: str) -> None:
        """A step is done."""
        ...


class Tracer(Protocol):
    """What is done with traces (shared/otel.py)."""

    def request(self, method: str, path: str, traceparent: str | None) -> AbstractContextManager[Request]: ...
    def batch(self, verb: str, topic: str, records: int) -> AbstractContextManager[Batch]: ...
    def traceparent(self) -> str | None: ...
    def ids(self) -> dict[str, str]: ...
    def stop(self) -> None: ...


class _Nothing:
    """Stands for a span while traces are off."""

    on = False

    def answered(self, handler: str, status: int) -> None:
        """Nothing."""

    def saw(self, traceparent: str, type_: str, place: str) -> None:
        """Nothing."""

    def step(self, name: str) -> None:
        """Nothing."""


NOTHING = _Nothing()
_tracer: Tracer | None = None
_of_request: ContextVar[str | None] = ContextVar("trace_id_of_request", default=None)


def configure(service: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Turn traces on where the environment asks for them; says whether they are."""
    wanted = any(environment.get(name) for name in _ENDPOINTS)
    if not wanted or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    from shared.otel import exporting  # noqa: PLC0415 - half a second and 20 MB that only traces need

    use(exporting(service))
    return True


def use(tracer: Tracer | None) -> None:
    """Trace by this one from now on; None turns traces off."""
    global _tracer  # noqa: PLW0603 - one for the process, as loggers and metrics are
    _tracer = tracer


def stop() -> None:
    """Send what is left, for a few seconds at most."""
    if _tracer is not None:
        _tracer.stop()


@contextmanager
def request(method: str, path: str, traceparent: str | None) -> Iterator[Request]:
    """Around a request; its caller's trace goes on in it."""
    caller = valid_traceparent(traceparent)
    if caller is not None:
        _of_request.set(caller.split("-")[1])
    if _tracer is None:
        yield NOTHING
        return
    with _tracer.request(method, path, caller) as span:
        yield span


def batch(verb: str, topic: str, records: int) -> AbstractContextManager[Batch]:
    """Around a batch: one span, linked with the traces of its events."""
    return nullcontext(NOTHING) if _tracer is None else _tracer.batch(verb, topic, records)


def current_traceparent() -> str | None:
    """Of the span that is under way, if it is one to be kept."""
    return None if _tracer is None else _tracer.traceparent()


def log_ids() -> dict[str, str]:
    """What a log line says of the trace in which it was written; without traces, of the caller's."""
    if _tracer is not None and (ids := _tracer.ids()):
        return ids
    caller = _of_request.get()
    return {} if caller is None else {"trace_id": caller}


def valid_traceparent(text: Any) -> str | None:
    """A traceparent if it is W3C's, else None."""
    return text if isinstance(text, str) and _W3C.fullmatch(text) else None


def of_record(headers: Any) -> dict[str, str]:
    """`extra` of a log line about one record: its own trace, where it has one."""
    traceparent = header_traceparent(headers)
    return {} if traceparent is None else {"trace_id": traceparent.split("-")[1]}


def header_traceparent(headers: Any) -> str | None:
    """The traceparent of a Kafka record's headers, as OpenTelemetry's instrumentation of producers sets it."""
    for name, value in headers:
        if name == TRACEPARENT_HEADER and isinstance(value, bytes):
            return valid_traceparent(value.decode("ascii", "replace"))
    return None
