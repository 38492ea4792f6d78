"""One customer's profiles: how complete and fresh they are, what is missing, who was granted access. Shows no text."""

from typing import Annotated

import typer

from guanxi.console import fail, say
from guanxi.reading.connection import KeyFile, Url, as_json, ask
from guanxi.reading.profile import profiles


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def profile(
        name: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id.")],
        *,
        as_machine: Annotated[bool, typer.Option("--json", help="The views' documents as JSON.")] = False,
        url: Url = None,
        key_file: KeyFile = None,
    ) -> None:
        """Show one customer's profiles: complete, fresh, missing, late, their grades, and the grants. Shows no text."""
        row, grants = ask(lambda answers: answers.profile(name), url, key_file)
        if row is None:
            fail(f"archives knows no customer {name!r}; 'guanxi explain {name}' suggests similar ids")
        say(as_json({"profiles": row, "grants": grants}) if as_machine else profiles(row, grants))
