"""Fill guanxi.tiers again from the views, where the topic was emptied or recreated."""

import typer

from guanxi.console import say
from guanxi.working import work
from operations.retell import retell


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(name="retell")
    def retell_command() -> None:
        """Fill guanxi.tiers again from the views, where the topic was emptied or recreated.

        Appends the latest change of tier of each customer that the topic does not hold. Stop tiering first.
        """
        count = work(retell)
        say(f"{count:,} tiers told again" if count else "nothing to do: guanxi.tiers has every customer's tier")
