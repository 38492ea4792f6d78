"""OpenTelemetry behind shared/tracing.py; imported only where traces are on."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.events.codec import TRACEPARENT_HEADER

MAX_LINKS = 128
"""Of a batch's span; OpenTelemetry's own limit."""
MAX_EVENT_SPANS = 32
"""Events of a batch that get their own span in their own trace. To trace each event under load, sample at the
source, by the traceparent's flag."""
STOP_MS = 3_000

log = logging.getLogger(__name__)
_PROPAGATOR = TraceContextTextMapPropagator()


def exporting(service: str) -> "OtelTracer":
    """Sends to the OTLP endpoint of the environment, by HTTP."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - see above

    if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf") != "http/protobuf":
        log.warning("traces are sent by http/protobuf; OTEL_EXPORTER_OTLP_PROTOCOL is ignored")
    name = os.environ.get("OTEL_SERVICE_NAME", f"guanxi-{service}")
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return OtelTracer(provider)


class OtelRequest:
    """shared.tracing.Request."""

    def __init__(self, span: Span, method: str) -> None:
        self._span, self._method = span, method

    def answered(self, handler: str, status: int) -> None:
        """A server's error is an error of the span, a refused request is not."""
        self._span.update_name(f"{self._method} {handler}")
        self._span.set_attribute("http.response.status_code", status)
        if not status or status >= 500:
            self._span.set_status(Status(StatusCode.ERROR))


class OtelBatch:
    """shared.tracing.Batch. The spans of events are made at its end: they last as long as the batch."""

    on = True

    def __init__(self, span: Span) -> None:
        self._span = span
        self.seen: list[tuple[Context, SpanContext, str, str]] = []

    def saw(self, traceparent: str, type_: str, place: str) -> None:
        """Those not to be kept are passed over, as are more than a span can be linked with."""
        if len(self.seen) >= MAX_LINKS:
            return
        context = _PROPAGATOR.extract({TRACEPARENT_HEADER: traceparent})
        remote = trace.get_current_span(context).get_span_context()
        if remote.is_valid and remote.trace_flags.sampled:
            self.seen.append((context, remote, type_, place))

    def step(self, name: str) -> None:
        """An event of the span."""
        self._span.add_event(name)


class OtelTracer:
    """shared.tracing.Tracer."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("guanxi")

    @contextmanager
    def request(self, method: str, path: str, traceparent: str | None) -> Iterator[OtelRequest]:
        """A server's span, in the caller's trace where there is one."""
        context = _PROPAGATOR.extract({TRACEPARENT_HEADER: traceparent}) if traceparent else Context()
        attributes = {"http.request.method": method, "url.path": path}
        with self._tracer.start_as_current_span(
            method, context=context, kind=SpanKind.SERVER, attributes=attributes
        ) as span:
            yield OtelRequest(span, method)

    @contextmanager
    def batch(self, verb: str, topic: str, records: int) -> Iterator[OtelBatch]:
        """A trace of its own, with links to those of its events, and a span in each of theirs."""
        attributes: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.destination.name": topic,
            "messaging.operation.type": "process",
            "messaging.batch.message_count": records,
        }
        began_ns = time.time_ns()
        with self._tracer.start_as_current_span(
            f"{verb} {topic}", context=Context(), kind=SpanKind.CONSUMER, attributes=attributes, start_time=began_ns
        ) as span:
            batch = OtelBatch(span)
            yield batch  # a batch that fails comes again: only one that took effect is told of in the events' traces
            for _, remote, _, _ in batch.seen:
                span.add_link(remote)
            link = Link(span.get_span_context())
            for context, _, type_, place in batch.seen[:MAX_EVENT_SPANS]:
                self._tracer.start_span(
                    f"{verb} {type_}",
                    context=context,
                    kind=SpanKind.CONSUMER,
                    links=[link],
                    attributes={"messaging.destination.name": topic, "guanxi.place": place},
                    start_time=began_ns,
                ).end()

    def traceparent(self) -> str | None:
        """Of the current span, if it is sampled."""
        if not trace.get_current_span().get_span_context().trace_flags.sampled:
            return None
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get(TRACEPARENT_HEADER)

    def ids(self) -> dict[str, str]:
        """Of the current span, as log lines show them."""
        context = trace.get_current_span().get_span_context()
        if not context.is_valid:
            return {}
        return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}

    def stop(self) -> None:
        """An endpoint that does not answer does not hold the process up."""
        self._provider.force_flush(STOP_MS)
        self._provider.shutdown()
