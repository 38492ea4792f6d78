"""Why a customer has its tier, since when, what would change it, and how the contact stands."""

from datetime import datetime
from typing import Annotated, Any, NamedTuple

import typer

from guanxi.console import fail, say
from guanxi.reading.connection import as_json, read
from guanxi.reading.explain import explain as explained
from guanxi.reading.explain import explain_on
from guanxi.reading.views import Document, Views
from shared.mongo import Database

UNKNOWN_CODE = 1


class _Found(NamedTuple):
    row: Document | None
    history: list[Document]
    engagement: Document | None
    names: dict[str, str]
    near: list[tuple[str, str | None]]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def explain(
        customer: Annotated[str, typer.Argument(help="The customer's id, as upstream sends it.")],
        *,
        on: Annotated[
            datetime | None, typer.Option(formats=["%Y-%m-%d"], help="What held on this day instead of now.")
        ] = None,
        as_machine: Annotated[bool, typer.Option("--json", help="The views' documents as JSON.")] = False,
    ) -> None:
        """Why a customer has its tier, since when, what would change it, and how the contact stands."""
        found = read(lambda database, _: _find(database, customer))
        if found.row is None and found.engagement is None:
            fail(_unknown(customer, found.near), UNKNOWN_CODE)
        if as_machine:
            say(as_json(_documents(found, on)))
        elif found.row is None:
            fail(f"tiering has seen nothing of {customer} yet, only engagement has; see 'guanxi status'", UNKNOWN_CODE)
        elif on is not None:
            say(explain_on(found.row, found.history, on.date().isoformat()))
        else:
            say(explained(found.row, found.history, found.engagement, found.names))


async def _find(database: Database, customer: str) -> _Found:
    views = Views(database)
    row, history, engagement = await views.customer(customer)
    if row is None and engagement is None:
        return _Found(None, [], None, {}, await views.near(customer))
    return _Found(row, history, engagement, await views.names_of_representatives(), [])


def _documents(found: _Found, on: datetime | None) -> dict[str, Any]:
    last_day = "9999-12-31" if on is None else on.date().isoformat()
    history = [entry for entry in found.history if entry["effective_on"] <= last_day]
    documents: dict[str, Any] = {"tier_history": history}
    return documents if on is not None else {"customer": found.row, "engagement": found.engagement, **documents}


def _unknown(customer: str, near: list[tuple[str, str | None]]) -> str:
    lines = [f"no event has ever named the customer {customer!r} (ids are case-sensitive)"]
    if near:
        lines.append("near it:")
        lines += [f"  {one}  {name or ''}".rstrip() for one, name in near]
    return "\n".join(lines)
