"""Whom to contact next: by tier, then by the day on which it is due."""

import sys
from datetime import datetime
from typing import Annotated

import typer

from guanxi.console import say
from guanxi.reading.connection import as_json, read
from guanxi.reading.console import make_console
from guanxi.reading.tables import plan as plan_table
from guanxi.reading.views import Views
from shared.settings import Settings

ROWS = 25


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def plan(
        owner: Annotated[str | None, typer.Option(help="Id of an account or product manager.")] = None,
        *,
        rows: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = ROWS,
        lapsed: Annotated[bool, typer.Option("--lapsed", help="Only those that are overdue.")] = False,
        as_machine: Annotated[bool, typer.Option("--json", help="The view's documents as JSON.")] = False,
    ) -> None:
        """Whom to contact next: by tier, then by the day on which it is due."""
        status = "lapsed" if lapsed else None
        found = read(lambda database, _: Views(database).plan(rows, status=status, owner=owner))
        if as_machine:
            say(as_json(found))
        elif not found:
            say("nobody: no contact is owed" + (" that is overdue" if lapsed else ""))
        else:
            make_console(sys.stdout).print(plan_table(found, datetime.now(Settings().zone).date()))
