"""Show whom to contact next, by tier, then by due day."""

import sys
from datetime import datetime
from typing import Annotated

import typer

from guanxi.console import say
from guanxi.reading.connection import as_json, read
from guanxi.reading.console import make_console
from guanxi.reading.csvs import PLAN, as_csv, plan_rows
from guanxi.reading.representatives import must_be_known
from guanxi.reading.tables import plan as plan_table
from services.engagement.questions import EngagementQuestions
from shared.settings import Settings

ROWS = 25


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def plan(
        owner: Annotated[
            str | None, typer.Argument(metavar="[REP]", help="Only customers of this account or product manager.")
        ] = None,
        *,
        rows: Annotated[int, typer.Option(min=1, max=100_000, help="Number of customers.")] = ROWS,
        lapsed: Annotated[bool, typer.Option("--lapsed", help="Only overdue customers.")] = False,
        unowned: Annotated[bool, typer.Option("--unowned", help="Only customers without an owner.")] = False,
        unrated: Annotated[
            bool, typer.Option("--unrated", help="Only customers without a rating in the last 365 days.")
        ] = False,
        as_machine: Annotated[bool, typer.Option("--json", help="The view's documents as JSON.")] = False,
        as_table: Annotated[bool, typer.Option("--csv", help="CSV, one line per customer.")] = False,
    ) -> None:
        """Show whom to contact next, by tier, then by due day."""
        status = "lapsed" if lapsed else None
        found = read(
            lambda database, _: EngagementQuestions(database).plan(
                rows, status=status, owner=owner, unowned=unowned, unrated=unrated
            )
        )
        if as_machine:
            say(as_json(found))
        elif as_table:
            say(as_csv(PLAN, plan_rows(found)))
        elif not found:
            if owner:
                read(lambda database, _: must_be_known(EngagementQuestions(database), owner))
            say("nobody: no contact is owed" + (" that is overdue" if lapsed else ""))
        else:
            make_console(sys.stdout).print(plan_table(found, datetime.now(Settings().zone).date()))
