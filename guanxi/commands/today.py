"""Show whom to contact next, by tier, then by due day."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from guanxi.console import say
from guanxi.reading.answers import Wanted
from guanxi.reading.connection import KeyFile, Url, as_json, ask
from guanxi.reading.console import make_console
from guanxi.reading.csvs import PLAN, as_csv, plan_rows
from guanxi.reading.representatives import must_be_known
from guanxi.reading.tables import plan as plan_table
from shared.settings import Settings

ROWS = 25
Rows = Annotated[int, typer.Option(min=1, max=100_000, help="Number of customers.")]
Lapsed = Annotated[bool, typer.Option("--lapsed", help="Only overdue customers.")]
Unowned = Annotated[bool, typer.Option("--unowned", help="Only customers without an owner.")]
Unrated = Annotated[bool, typer.Option("--unrated", help="Only customers without a rating in the last 365 days.")]
AsMachine = Annotated[bool, typer.Option("--json", help="The view's documents as JSON.")]
AsTable = Annotated[bool, typer.Option("--csv", help="CSV, one line per customer.")]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def today(
        owner: Annotated[
            str | None, typer.Argument(metavar="[REP]", help="Only customers of this account or product manager.")
        ] = None,
        *,
        rows: Rows = ROWS,
        lapsed: Lapsed = False,
        unowned: Unowned = False,
        unrated: Unrated = False,
        as_machine: AsMachine = False,
        as_table: AsTable = False,
        url: Url = None,
        key_file: KeyFile = None,
    ) -> None:
        """Show whom to contact next, by tier, then by due day."""
        wanted = Wanted(rows, "lapsed" if lapsed else None, owner, unowned, unrated)
        show(wanted, as_machine=as_machine, as_table=as_table, url=url, key_file=key_file)


def show(
    wanted: Wanted, *, as_machine: bool, as_table: bool, url: str | None = None, key_file: Path | None = None
) -> None:
    """Print it."""
    found = ask(lambda answers: answers.plan(wanted), url, key_file)
    if as_machine:
        say(as_json(found))
    elif as_table:
        say(as_csv(PLAN, plan_rows(found)))
    elif not found:
        owner = wanted.owner
        if owner:
            ask(lambda answers: must_be_known(answers, owner), url, key_file)
        say("nobody: no contact is owed" + (" that is overdue" if wanted.status == "lapsed" else ""))
    else:
        make_console(sys.stdout).print(plan_table(found, datetime.now(Settings().zone).date()))
