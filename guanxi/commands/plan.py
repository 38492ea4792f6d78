"""One customer's group plans, their steps and the services that it used; without a customer, the same as 'today'."""

from typing import Annotated

import typer

from guanxi.commands import today
from guanxi.commands.today import ROWS, AsMachine, AsTable, Lapsed, Rows, Unowned, Unrated
from guanxi.console import fail, say
from guanxi.reading.answers import Wanted
from guanxi.reading.connection import as_json, read
from guanxi.reading.group_plan import group_plans
from services.planning.questions import Document, PlanningQuestions
from shared.mongo import Database


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def plan(
        customer: Annotated[str | None, typer.Argument(metavar="[CUSTOMER]", help="The customer's id.")] = None,
        *,
        rows: Rows = ROWS,
        lapsed: Lapsed = False,
        unowned: Unowned = False,
        unrated: Unrated = False,
        as_machine: AsMachine = False,
        as_table: AsTable = False,
    ) -> None:
        """Show one customer's group plans: owed, on track, gaps; and the services that it used. Shows no text.

        Without a customer it is the same as 'guanxi today', whose options these are; of them a customer takes --json.
        """
        if customer is None:
            wanted = Wanted(rows, "lapsed" if lapsed else None, None, unowned, unrated)
            today.show(wanted, as_machine=as_machine, as_table=as_table)
            return
        if lapsed or unowned or unrated or as_table:
            fail("a customer takes --json only; 'guanxi today' lists whom to contact", 2)
        row, steps, use = read(lambda database, _: _find(database, customer))
        if row is None and use is None:
            fail(f"no plan is owed by {customer!r} and no service was used; 'guanxi explain {customer}' says its tier")
        found = {"plans": row, "steps": steps, "service_use": use}
        say(as_json(found) if as_machine else group_plans(row, steps, use))


async def _find(database: Database, customer: str) -> tuple[Document | None, list[Document], Document | None]:
    questions = PlanningQuestions(database)
    return await questions.plans(customer), await questions.steps(customer), await questions.service_use(customer)
