"""Traces from door to view, with OpenTelemetry's exporter in memory; and nothing of it where they are off."""

import gzip
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared import logs, tracing
from shared.otel import MAX_EVENT_SPANS, MAX_LINKS, OtelTracer
from shared.serving import Measured
from shared.settings import Settings
from tests.events.wire import event, raw
from tests.services.ingest.doors.http.door import Door
from tests.services.ingest.fakes import InboxRecord
from tests.services.ingest.fakes import World as Ingest
from tests.shared.fakes import LogRecord
from tests.shared.fold.test_processor import World as Fold

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALLER = f"00-{TRACE}-{SPAN}-01"
NOT_KEPT = f"00-{TRACE}-{SPAN}-00"
GZIP = b"\x1f\x8b"
PURCHASE = "guanxi.purchase.recorded.v1"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(OtelTracer(provider))
    yield exporter
    tracing.use(None)


def trace_of(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}"


def named(exporter: InMemorySpanExporter, name: str) -> ReadableSpan:
    (found,) = [span for span in exporter.get_finished_spans() if span.name == name]
    return found


def names_in(exporter: InMemorySpanExporter, trace_id: str) -> list[str]:
    return [span.name for span in exporter.get_finished_spans() if trace_of(span) == trace_id]


async def post(door: Door, body: Any, **headers: str) -> None:
    transport = httpx.ASGITransport(Measured(door.app))
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
        sent = {"Authorization": f"Bearer {door.token}", "Content-Type": "application/json", **headers}
        assert (await client.post("/v1/events", content=raw(body), headers=sent)).status_code == 202


async def admitted(*records: InboxRecord) -> list[LogRecord]:
    """What admission makes of the inbox, as a reader of the log gets it."""
    ingest = Ingest()
    await ingest.run({0: list(records)}, batch=len(records))
    found = [record for partition in ingest.topics["log"] for record in partition]
    stamp = records[0].timestamp
    return [LogRecord(0, n, stamp, one.key, one.value, one.headers) for n, one in enumerate(found)]


async def test_one_trace_leads_from_the_caller_through_the_door_and_admission_to_the_view_and_its_decision(
    spans: InMemorySpanExporter, tmp_path: Path
) -> None:
    door, fold = Door(tmp_path), Fold()
    await post(door, event("purchase.recorded", {"purchase_id": "p1", "amount": "60.00"}), traceparent=CALLER)
    (stored,) = door.inbox.records
    log = await admitted(InboxRecord(0, 0, stored.value, stored.key, stored.headers))
    await fold.fold(*log)

    assert names_in(spans, TRACE) == ["POST post_events", f"admit {PURCHASE}", f"fold {PURCHASE}"]
    at_door = named(spans, "POST post_events")
    assert at_door.parent is not None
    assert f"{at_door.parent.span_id:016x}" == SPAN
    carried = dict(stored.headers)["traceparent"].decode()
    assert carried == f"00-{TRACE}-{at_door.context.span_id:016x}-01"
    assert json.loads(stored.value)["traceparent"] == carried
    assert dict(log[0].headers)["traceparent"].decode() == carried
    for verb, topic in (("admit", "guanxi.inbox"), ("fold", "guanxi.log")):
        batch = named(spans, f"{verb} {topic}")
        assert trace_of(batch) != TRACE
        assert [f"{link.context.trace_id:032x}" for link in batch.links] == [TRACE]
        assert dict(batch.attributes or {})["messaging.batch.message_count"] == 1
        (back,) = named(spans, f"{verb} {PURCHASE}").links
        assert back.context.span_id == batch.context.span_id
    decision = fold.appended.records[0]
    assert json.loads(decision.value or b"")["traceparent"] == carried
    assert "load" in [one.name for one in named(spans, "fold guanxi.log").events]


async def test_a_trace_begins_at_the_door_where_the_caller_has_none(
    spans: InMemorySpanExporter, tmp_path: Path
) -> None:
    door = Door(tmp_path)
    await post(door, event())
    carried = dict(door.inbox.records[0].headers)["traceparent"].decode()
    assert carried.split("-")[1] == trace_of(named(spans, "POST post_events"))


async def test_the_header_of_an_instrumented_kafka_producer_counts_where_the_event_says_nothing(
    spans: InMemorySpanExporter,
) -> None:
    (log,) = await admitted(InboxRecord(0, 0, raw(event()), None, [("traceparent", CALLER.encode())]))
    assert json.loads(log.value or b"")["traceparent"] == CALLER
    assert names_in(spans, TRACE) == [f"admit {PURCHASE}"]


@pytest.mark.parametrize("header", [b"\xff", b"00-0-0-00", None, CALLER.upper().encode()])
async def test_a_traceparent_that_is_none_harms_nothing(header: bytes | None) -> None:
    (log,) = await admitted(InboxRecord(0, 0, raw(event()), None, [("traceparent", header)]))
    assert "traceparent" not in json.loads(log.value or b"")


async def test_what_the_source_does_not_sample_has_no_spans_but_keeps_its_trace(spans: InMemorySpanExporter) -> None:
    (log,) = await admitted(InboxRecord(0, 0, raw(event(traceparent=NOT_KEPT)), None))
    assert names_in(spans, TRACE) == []
    assert named(spans, "admit guanxi.inbox").links == ()
    assert json.loads(log.value or b"")["traceparent"] == NOT_KEPT


async def test_a_batch_has_a_bounded_number_of_links_and_of_events_traced_one_by_one(
    spans: InMemorySpanExporter,
) -> None:
    many = [
        InboxRecord(0, n, raw(event(id=f"e{n}", data={"purchase_id": f"p{n}"}, traceparent=CALLER))) for n in range(200)
    ]
    await admitted(*many)
    assert len(names_in(spans, TRACE)) == MAX_EVENT_SPANS
    assert len(named(spans, "admit guanxi.inbox").links) == MAX_LINKS


async def test_no_span_names_a_customer(spans: InMemorySpanExporter, tmp_path: Path) -> None:
    door, fold = Door(tmp_path), Fold()
    await post(door, event(subject="SECRET-CUSTOMER"))
    (stored,) = door.inbox.records
    await fold.fold(*await admitted(InboxRecord(0, 0, stored.value, stored.key, stored.headers)))
    assert spans.get_finished_spans()
    assert all("SECRET-CUSTOMER" not in span.to_json() for span in spans.get_finished_spans())


async def test_health_checks_are_not_traced(spans: InMemorySpanExporter, tmp_path: Path) -> None:
    transport = httpx.ASGITransport(Measured(Door(tmp_path).app))
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
        await client.get("/readyz")
    assert spans.get_finished_spans() == ()


async def test_log_lines_name_the_trace_in_which_they_were_written(
    spans: InMemorySpanExporter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logs.configure(Settings(log_format="json"), "ingest")
        door = Door(tmp_path)
        door.inbox.away = True
        transport = httpx.ASGITransport(Measured(door.app))
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            headers = {"Authorization": f"Bearer {door.token}", "Content-Type": "application/json"}
            await client.post("/v1/events", content=raw(event()), headers={**headers, "traceparent": CALLER})
            tracing.use(None)
            await client.post("/v1/events", content=raw(event()), headers={**headers, "traceparent": CALLER})
        logging.getLogger("x").warning("of a record", extra=tracing.of_record([("traceparent", CALLER.encode())]))
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    with_spans, without, of_record = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (with_spans["trace_id"], with_spans["service"], with_spans["level"]) == (TRACE, "ingest", "warning")
    assert with_spans["span_id"] == f"{named(spans, 'POST post_events').context.span_id:016x}"
    assert (without["trace_id"], "span_id" in without) == (TRACE, False)
    assert of_record["trace_id"] == TRACE


def test_spans_arrive_at_the_endpoint_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        try:
            assert tracing.configure("ingest")
            with tracing.request("POST", "/v1/events", CALLER) as span:
                span.answered("post_events", 503)
            tracing.stop()
        finally:
            tracing.use(None)
            server.shutdown()
    ((path, body),) = got
    assert path == "/v1/traces"
    plain = gzip.decompress(body) if body[:2] == GZIP else body
    (resource,) = ExportTraceServiceRequest.FromString(plain).resource_spans
    assert "guanxi-ingest" in str(resource.resource)
    (span_sent,) = resource.scope_spans[0].spans
    assert (span_sent.name, span_sent.trace_id.hex()) == ("POST post_events", TRACE)
    assert span_sent.status.code == span_sent.status.STATUS_CODE_ERROR


def test_without_an_endpoint_nothing_of_opentelemetry_is_even_imported() -> None:
    code = (
        "import sys; import services.ingest.app, shared.fold.service; from shared import tracing;"
        "assert tracing.configure('ingest', {}) is False;"
        "off = {'OTEL_EXPORTER_OTLP_ENDPOINT': 'x', 'OTEL_SDK_DISABLED': 'true'};"
        "assert tracing.configure('ingest', off) is False;"
        "sys.exit(any(name.startswith('opentelemetry.sdk') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
