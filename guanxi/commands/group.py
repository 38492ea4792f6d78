"""One group of customers, rolled up from the views as they are now."""

from typing import Annotated

import typer

from guanxi.console import fail, say
from guanxi.reading.connection import as_json, read
from guanxi.reading.group import group_of_customers
from services.planning.questions import PlanningQuestions


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def group(
        name: Annotated[str, typer.Argument(metavar="GROUP", help="The group's id.")],
        *,
        as_machine: Annotated[bool, typer.Option("--json", help="All figures and members as JSON.")] = False,
    ) -> None:
        """Show one group of customers: the figures of its members and of those of the groups below it."""
        row = read(lambda database, _: PlanningQuestions(database).group(name))
        if row is None:
            fail(f"no group {name!r} is registered, and no customer names it as its group_id")
        say(as_json(row) if as_machine else group_of_customers(row))
