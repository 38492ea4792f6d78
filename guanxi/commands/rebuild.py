"""Fold the log again from its beginning, beside the live views, and say whether both are the same."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from guanxi.console import fail, say
from services.engagement.app import make_domain as make_engagement
from services.engagement.store import SCHEMA as ENGAGEMENT
from services.tiering.app import make_domain as make_tiering
from services.tiering.store import SCHEMA as TIERING
from shared.errors import GuanxiError
from shared.fold.domain import Domain
from shared.fold.rebuild import Difference, differences, rebuild
from shared.mongo import Database, connect, transient_errors
from shared.mongo.generations import current_generation
from shared.mongo.schema import Schema, apply
from shared.mongo.states import StateStore
from shared.settings import Settings

MakeDomain = Callable[[Database, Settings], Awaitable[Domain[Any, Any]]]
SERVICES: dict[str, tuple[Schema, MakeDomain]] = {
    "tiering": (TIERING, make_tiering),
    "engagement": (ENGAGEMENT, make_engagement),
}
MAX_SHOWN = 20


async def _rebuild(settings: Settings, service: str, *, keep: bool) -> list[Difference]:
    schema, make_domain = SERVICES[service]
    database = connect(settings)
    try:
        live = await current_generation(database, service)
        log_generation = await current_generation(database, "log")
        other = live + 1
        await apply(database, schema, other, with_views=False)
        store = StateStore(database, service, other, log_generation)
        live_store = StateStore(database, service, live, log_generation)
        stored = await live_store.progress(range(settings.partitions))
        until = {partition: progress.offset for partition, progress in stored.items()}
        with Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        ) as progress:
            task = progress.add_task(f"folding {service}", total=sum(until.values()))
            domain = await make_domain(database, settings)
            async for done in rebuild(settings, domain, store, until, now=lambda: datetime.now(UTC)):
                progress.update(task, completed=done)
        found = [d async for d in differences(database, schema.collections, live, other, until)]
        if not keep:
            async with transient_errors():
                for collection in schema.collections:
                    await store.collection(collection).drop()
                await database[f"{service}_positions"].delete_many({"_id": {"$regex": f"^g{other}/"}})
                await database[f"{service}_quarantine"].delete_many({"_id": {"$regex": f"^g{other}/"}})
        return found
    finally:
        database.client.close()


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(name="rebuild")
    def rebuild_command(
        service: Annotated[str, typer.Argument(help="tiering or engagement")],
        *,
        keep: Annotated[
            bool, typer.Option("--keep", help="Leave the rebuilt collections beside the live ones.")
        ] = False,
    ) -> None:
        """Fold the log again from its beginning, beside the live views, and say whether both are the same.

        The live service may go on; what it folds meanwhile is left out of the comparison. Ends with 1 when a document
        differs.
        """
        if service not in SERVICES:
            fail(f"no such service: {service}; it is one of {', '.join(SERVICES)}", 2)
        try:
            found = asyncio.run(_rebuild(Settings(), service, keep=keep))
        except GuanxiError as error:
            fail(str(error))
        for difference in found[:MAX_SHOWN]:
            say(f"differs: {difference.collection} {difference.id}: {', '.join(difference.fields)}")
        if found:
            fail(f"{len(found)} documents differ from the live ones")
        say(f"the rebuilt {service} equals the live one, document by document")
