"""One customer's relationship: contact, decision makers, satisfaction, concerns, goals. For the tier, use explain."""

from typing import Annotated

import typer

from guanxi.console import fail, say
from guanxi.reading.connection import KeyFile, Url, as_json, ask
from guanxi.reading.csvs import as_csv, field_rows
from guanxi.reading.customer import relationship


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def customer(
        name: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id.")],
        *,
        as_machine: Annotated[bool, typer.Option("--json", help="The views' documents as JSON.")] = False,
        as_table: Annotated[bool, typer.Option("--csv", help="CSV, one line per field.")] = False,
        url: Url = None,
        key_file: KeyFile = None,
    ) -> None:
        """Show one customer's relationship: contact, decision makers, satisfaction, concerns, goals."""
        row, history, engagement, goals = ask(lambda answers: answers.customer(name), url, key_file)
        if row is None and engagement is None:
            fail(f"no event names the customer {name!r}; 'guanxi explain' suggests similar ids")
        documents = {"customer": row, "engagement": engagement, "goals": goals, "tier_history": history}
        if as_machine:
            say(as_json(documents))
        elif as_table:
            del documents["tier_history"]
            say(as_csv(("field", "value"), field_rows(documents)))
        elif engagement is None:
            fail(f"engagement has no events of {name} yet, only tiering does; see 'guanxi explain {name}'")
        else:
            say(relationship(engagement, goals))
