"""The audit log: which commands changed something, who ran them, when, and how they ended."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from guanxi.console import fail, say
from guanxi.reading.chains import tell
from guanxi.reading.connection import as_json, read
from shared.audit import Run, runs_of
from shared.mongo import Database
from shared.mongo.audit import chain_of, entries
from shared.settings import Settings

ENTRIES_OF_A_RUN = 2


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def audit(
        *,
        on: Annotated[
            datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only of this day, in GUANXI_TIME_ZONE.")
        ] = None,
        since: Annotated[
            datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only from this day on, in GUANXI_TIME_ZONE.")
        ] = None,
        command: Annotated[str | None, typer.Option(help="Only of this command, such as 'keys create'.")] = None,
        who: Annotated[str | None, typer.Option(help="Only of this operator, by given name or by user.")] = None,
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="Commands at most, the newest first.")] = 50,
        check: Annotated[
            bool, typer.Option("--check", help="List none: say whether an entry was changed or removed.")
        ] = False,
        as_machine: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    ) -> None:
        """List the commands that changed something: when, who, what, and how it ended. Commands that only read are not
        in it.

        Entries are only added, each with a hash of the one before. --check reads them all, and ends with 1 where one
        was changed or removed; the newest can be removed without a trace by who may write the database.
        """
        if check:
            tell(read(lambda database, _: chain_of(database)), as_machine=as_machine)
            return
        if on is not None and since is not None:
            fail("give --on or --since, not both", 2)
        zone = Settings().zone
        begin = on or since
        begins = None if begin is None else begin.replace(tzinfo=zone)
        ends = None if on is None else (on + timedelta(days=1)).replace(tzinfo=zone)

        async def ask(database: Database, _: Settings) -> list[Run]:
            most = limit * ENTRIES_OF_A_RUN
            found = await entries(database, limit=most, since=begins, until=ends, command=command, who=who)
            return runs_of(found)[:limit]

        found = read(ask)
        if as_machine:
            say(as_json([{**one.as_document(), "outcome": one.outcome} for one in found]))
            return
        for one in found:
            say(_line(one))
        if not found:
            say("no command that changed something" + (" fits" if begin or command or who else " has run"))


def _line(one: Run) -> str:
    who = f"{one.name} ({one.user}@{one.host})" if one.name else f"{one.user}@{one.host}"
    words = " ".join((one.command, *one.arguments))
    return f"{one.begun_at:%Y-%m-%d %H:%M:%SZ}  {who}  {words}  [{one.outcome}]"
