"""Whether everything runs, how far each reader has come, how fresh the views are."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from guanxi.console import fail, say
from guanxi.reading.connection import as_json, read
from guanxi.reading.progress import Progress, progress
from guanxi.reading.status import Answer, Fresh, ask_services, freshness, is_well, screen
from guanxi.stack.current import use_current
from shared.mongo import Database
from shared.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def status(
        url: Annotated[
            list[str] | None, typer.Option(help="Where a service answers, such as ingest=http://127.0.0.1:8080.")
        ] = None,
        *,
        as_machine: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    ) -> None:
        """Whether everything runs, how far each reader has come, how fresh the views are. Ends with 1 when not well."""
        current = use_current()
        urls = dict(current.services) if current else {}
        urls |= dict(_named(one) for one in url or ())
        answers, readers, views = read(lambda database, settings: _ask(database, settings, urls))
        if as_machine:
            say(as_json({"services": answers, "readers": readers, "views": views}))
        else:
            settings = Settings()
            say(screen(answers, readers, views, f"Kafka {settings.kafka_bootstrap}, time zone {settings.time_zone}"))
        if not is_well(answers, views):
            raise typer.Exit(1)


def _named(text: str) -> tuple[str, str]:
    name, equals, url = text.partition("=")
    if not (name and equals and url.startswith(("http://", "https://"))):
        fail(f"--url {text}: NAME=http://... is expected", 2)
    return name, url.rstrip("/")


async def _ask(
    database: Database, settings: Settings, urls: dict[str, str]
) -> tuple[list[Answer], list[Progress], list[Fresh]]:
    return (
        await ask_services(urls),
        await progress(settings, database),
        await freshness(database, datetime.now(UTC)),
    )
