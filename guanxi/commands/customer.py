"""One customer's documents of the views, as JSON; for people, see explain."""

from typing import Annotated

import typer

from guanxi.console import fail, say
from guanxi.reading.connection import as_json, read
from guanxi.reading.views import Views


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def customer(name: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id.")]) -> None:
        """One customer's documents of the views, as JSON; for people, see explain."""
        row, history, engagement = read(lambda database, _: Views(database).customer(name))
        if row is None and engagement is None:
            fail(f"no event has ever named the customer {name!r}; 'guanxi explain' suggests ids like it")
        say(as_json({"customer": row, "engagement": engagement, "tier_history": history}))
