"""Show how the representatives covered their general customers in an ISO week."""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import typer

from guanxi.console import fail, say
from guanxi.reading.answers import Answers
from guanxi.reading.connection import KeyFile, Url, as_json, ask
from guanxi.reading.console import make_console
from guanxi.reading.csvs import VISITS, WEEK, as_csv, visit_rows, week_rows
from guanxi.reading.representatives import must_be_known
from guanxi.reading.tables import visits as visits_table
from guanxi.reading.tables import week as week_table
from services.engagement.questions import Document, last_full_week, parse_week
from shared.errors import Malformed
from shared.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def week(
        name: Annotated[
            str | None,
            typer.Argument(metavar="[WEEK]", help="ISO week such as 2026-W47 [default: the last full week]."),
        ] = None,
        *,
        representative: Annotated[str | None, typer.Option("--rep", help="Only this representative.")] = None,
        visits: Annotated[
            bool, typer.Option("--visits", help="List every visit, with the reason if it does not count.")
        ] = False,
        as_machine: Annotated[bool, typer.Option("--json", help="The view's documents as JSON.")] = False,
        as_table: Annotated[
            bool, typer.Option("--csv", help="CSV, one line per representative, with --visits one per visit.")
        ] = False,
        url: Url = None,
        key_file: KeyFile = None,
    ) -> None:
        """Show how the representatives covered their general customers in an ISO week."""
        try:
            monday = parse_week(name) if name is not None else None
        except Malformed as error:
            fail(str(error), 2)
        wanted = name or last_full_week(datetime.now(Settings().zone).date())[0]
        rows, names = ask(lambda answers: _find(answers, wanted, representative), url, key_file)
        if as_machine:
            say(as_json(rows))
        elif as_table:
            say(as_csv(VISITS, visit_rows(rows)) if visits else as_csv(WEEK, week_rows(rows)))
        elif not rows:
            if monday is not None and monday > datetime.now(Settings().zone).date():
                fail(f"no row for {wanted}: the week begins on {monday}")
            if representative:
                ask(lambda answers: must_be_known(answers, representative), url, key_file)
            who = f"{representative} was not registered in a role that owes visits" if representative else ""
            who = who or "no representative was registered by that Monday"
            fail(f"no row for {wanted}: {who}, or the events are not processed yet")
        else:
            say(f"{wanted}, {rows[0]['from_on']} to {rows[0]['to_on']}\n")
            make_console(sys.stdout).print(visits_table(rows) if visits else week_table(rows, names))


async def _find(answers: Answers, week: str, representative: str | None) -> tuple[list[Document], Mapping[str, str]]:
    return await answers.weeks(week, representative), await answers.names()
