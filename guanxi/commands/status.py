"""Show on one screen whether everything runs, how far each reader is, and how fresh the views are."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import ValidationError

from guanxi.console import fail, say
from guanxi.current import use_current
from guanxi.reading.connection import as_json
from guanxi.reading.status_screen import screen
from operations.status.services import addresses, parse_addresses, resolve
from operations.status.status import Status, find_status
from shared.errors import Malformed
from shared.mongo import connect
from shared.settings import Settings

_CLEAR = "\x1b[H\x1b[2J"


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def status(
        url: Annotated[
            list[str] | None,
            typer.Option(help="Address of a service, such as ingest=http://127.0.0.1:8080. Repeatable."),
        ] = None,
        *,
        as_machine: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
        watch: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")] = False,
        every: Annotated[float, typer.Option(help="With --watch: seconds between refreshes.", min=0.5)] = 2.0,
    ) -> None:
        """Show whether everything runs, how far each reader is, and how fresh the views are.

        Finds services that 'guanxi up' started, those in GUANXI_SERVICES, or those in Compose by name. Exits with 1 if
        anything does not answer, a service is not ready, or a customer is frozen.
        """
        current = use_current()
        try:
            given, settings = parse_addresses(url or ()), Settings()
            found = asyncio.run(_look(settings, dict(current.services) if current else None, given))
            while watch:
                _show(found, settings, as_machine=as_machine, clear=sys.stdout.isatty())
                found = asyncio.run(_look(settings, dict(current.services) if current else None, given, after=every))
        except Malformed as error:
            fail(str(error), 2)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            fail(f"GUANXI_{'_'.join(map(str, first['loc'])).upper()}: {first['msg']}", 2)
        except KeyboardInterrupt:
            raise typer.Exit(0) from None
        _show(found, settings, as_machine=as_machine)
        if not found.well:
            raise typer.Exit(1)


async def _look(
    settings: Settings, running: dict[str, str] | None, given: dict[str, str], *, after: float = 0.0
) -> Status:
    await asyncio.sleep(after)
    urls = running if running is not None else {}
    if not urls and not given:
        urls = await addresses(os.environ, settings.metrics_port or settings.http_port, resolve)
    database = connect(settings)
    try:
        return await find_status(settings, database, urls | given, datetime.now(UTC))
    finally:
        database.client.close()


def _show(found: Status, settings: Settings, *, as_machine: bool, clear: bool = False) -> None:
    if as_machine:
        say(as_json({"well": found.well, **{name: getattr(found, name) for name in Status.__slots__}}))
        return
    where = f"Kafka {settings.kafka_bootstrap}, time zone {settings.time_zone}"
    say((_CLEAR if clear else "") + screen(found, where))
    if found.problems and not found.services:
        say("\nIs it running? Start it with 'guanxi up', or set GUANXI_KAFKA_BOOTSTRAP and GUANXI_MONGO_URI.")
