"""Send one event or a file of events, through the HTTP door or straight to Kafka."""

import json
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import httpx
import typer

from guanxi.console import fail, say
from guanxi.current import use_current
from guanxi.running import run
from services.ingest.admit import admit
from services.ingest.doors.http.openapi import EVENTS_PATH
from services.ingest.doors.kafka.split import BodyKind, split_body
from services.ingest.doors.kafka.wire import from_kafka
from services.ingest.handlers import KafkaInbox
from services.ingest.inbox import Appended, InboxRecord
from services.ingest.limits import MAX_BODY_BYTES, MAX_EVENTS
from shared.errors import GuanxiError
from shared.events.codec import format_instant
from shared.events.refusal import Refused
from shared.settings import Settings

REFUSED_CODE = 1
USAGE_CODE = 2
ANSWER_SECONDS = 30.0


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def send(
        file: Annotated[
            Path | None, typer.Argument(help="One event, an array, or one event per line; - for standard input.")
        ] = None,
        *,
        type_: Annotated[
            str | None,
            typer.Option("--type", help="Instead of a file: the event's type, such as guanxi.visit.logged.v1."),
        ] = None,
        subject: Annotated[str | None, typer.Option(help="Id of the customer or representative.")] = None,
        data: Annotated[str, typer.Option(help="The event's data, as JSON.")] = "{}",
        source: Annotated[str, typer.Option(help="The sending system.")] = "guanxi-send",
        event_id: Annotated[str | None, typer.Option("--id", help="The event's id [default: a new one].")] = None,
        at: Annotated[
            str | None, typer.Option("--time", help="When it happened, with an offset [default: now].")
        ] = None,
        kafka: Annotated[
            bool, typer.Option("--kafka", help="Send straight to the inbox topic instead of the HTTP door.")
        ] = False,
        url: Annotated[
            str | None,
            typer.Option(
                help="The HTTP door [default: that of `guanxi up`, or http://GUANXI_HTTP_HOST:GUANXI_HTTP_PORT]."
            ),
        ] = None,
        api_key: Annotated[str, typer.Option(envvar="GUANXI_API_KEY", help="The token of an API key.")] = "",
    ) -> None:
        """Send one event or a file of events, through the HTTP door or straight to Kafka.

        Exits with 1 if an event is refused.
        """
        if (file is None) == (type_ is None):
            fail("give a file (or -), or --type", USAGE_CODE)
        body = _read(file) if file else _event(type_ or "", subject, data, source, event_id, at)
        kind = _kind(body)
        running = use_current()
        settings = Settings()
        if kafka:
            _to_kafka(settings, body, kind)
        else:
            door = running.door if running else f"http://{settings.http_host}:{settings.http_port}"
            _to_http(url or door, api_key, body, kind)


def to_door(url: str | None, api_key: str, body: bytes) -> NoReturn:
    """Send an array of events, or one, through the HTTP door of this machine or of a URL; ends the command."""
    running, settings = use_current(), Settings()
    _to_http(
        url or (running.door if running else f"http://{settings.http_host}:{settings.http_port}"),
        api_key,
        body,
        BodyKind.EITHER,
    )


def _read(file: Path) -> bytes:
    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as stream:
            body = stream.read(MAX_BODY_BYTES + 1)
    except OSError as error:
        fail(f"{file}: {error.strerror}")
    if len(body) > MAX_BODY_BYTES:
        fail(f"{file}: over {MAX_BODY_BYTES} bytes; use 'guanxi import' for large files")
    return body


def _event(type_: str, subject: str | None, data: str, source: str, event_id: str | None, at: str | None) -> bytes:
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": event_id or str(uuid.uuid4()),
        "source": source,
        "type": type_,
        "time": at or format_instant(datetime.now(UTC)),
    }
    if subject is not None:
        event["subject"] = subject
    # The data go out as they were typed, so that a number stays as exact as it was written.
    head = json.dumps(event, ensure_ascii=False)
    return f'{head[:-1]}, "data": {data}}}'.encode()


def _kind(body: bytes) -> BodyKind:
    """One event per line if the first line is an object by itself and more lines follow."""
    first, _, rest = body.strip().partition(b"\n")
    if rest.strip() and first.lstrip().startswith(b"{"):
        try:
            json.loads(first)
        except ValueError:
            return BodyKind.EITHER
        return BodyKind.LINES
    return BodyKind.EITHER


def _to_http(url: str, api_key: str, body: bytes, kind: BodyKind) -> NoReturn:
    media_type = "application/x-ndjson" if kind is BodyKind.LINES else "application/json"
    headers = {"Content-Type": media_type, "Authorization": f"Bearer {api_key}"}
    try:
        answer = httpx.post(
            url.rstrip("/") + EVENTS_PATH, content=body, headers=headers, timeout=ANSWER_SECONDS, trust_env=False
        )
        document = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fail(f"{url}: {str(error) or type(error).__name__}")
    except ValueError:
        fail(f"{url} does not answer like guanxi's HTTP door")
    for one in document.get("events", ()):
        say(_line(one))
    if answer.status_code != httpx.codes.ACCEPTED:
        fail(f"{answer.status_code} {document.get('title', '')}: {document.get('detail', '')}", REFUSED_CODE)
    raise typer.Exit(REFUSED_CODE if document["refused"] else 0)


def _line(one: dict[str, Any]) -> str:
    line = f"{one['index']:>4}  {one['id'] or '(no id)'}  {one['status']}"
    if one["status"] == "refused":
        line += f"  {one['code']}  {one['field']}: {one['hint']}"
    if one["ignored"]:
        line += f"  (ignored: {', '.join(one['ignored'])})"
    return line


def _to_kafka(settings: Settings, body: bytes, kind: BodyKind) -> NoReturn:
    events = split_body(kind, body, MAX_EVENTS)
    if isinstance(events, Refused):
        fail(f"{events.reason}: {events.hint}", REFUSED_CODE)
    records, refusals = [], 0
    for index, raw in enumerate(events):
        document = from_kafka(raw, ())
        judged = (
            document if isinstance(document, Refused) else admit(document, now=datetime.now(UTC), zone=settings.zone)
        )
        if isinstance(judged, Refused):
            refusals += 1
            say(f"{index:>4}  refused  {judged.reason}  {judged.field}: {judged.hint}")
        else:
            records.append(InboxRecord(judged.key.encode(), raw, []))
    try:
        places = run(_write(settings, records)) if records else []
    except GuanxiError as error:
        fail(str(error))
    for place in places:
        say(f"      on the inbox, partition {place.partition}, offset {place.offset}")
    raise typer.Exit(REFUSED_CODE if refusals else 0)


async def _write(settings: Settings, records: list[InboxRecord]) -> list[Appended]:
    inbox = KafkaInbox(settings)
    try:
        return list(await inbox.write(records))
    finally:
        await inbox.close()
