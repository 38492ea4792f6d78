"""Explain a customer's tier: why, since when, what would change it; and when it is next due for contact."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

import typer

from guanxi.console import fail, say
from guanxi.reading.answers import Answers, OfCustomer
from guanxi.reading.connection import KeyFile, Url, as_json, ask
from guanxi.reading.explain import explain as explained
from guanxi.reading.explain import explain_on
from services.tiering.questions import Document
from shared.settings import Settings

UNKNOWN_CODE = 1


@dataclass(frozen=True)
class _Found:
    of: OfCustomer
    names: Mapping[str, str] = field(default_factory=dict)
    changes: Document | None = None
    held: Document = field(default_factory=dict)
    near: list[tuple[str, str | None]] = field(default_factory=list)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def explain(
        customer: Annotated[str, typer.Argument(help="The customer's id, as upstream sends it.")],
        *,
        on: Annotated[
            datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Explain this day instead of today.")
        ] = None,
        as_machine: Annotated[bool, typer.Option("--json", help="The views' documents as JSON.")] = False,
        url: Url = None,
        key_file: KeyFile = None,
    ) -> None:
        """Explain a customer's tier: why, since when, what would change it; and when it is next due for contact."""
        day = None if on is None else on.date().isoformat()
        if url is None and day is not None and day > datetime.now(Settings().zone).date().isoformat():
            fail(f"{day} is in the future; without --on, explain shows today and when time alone changes the tier", 2)
        found = ask(lambda answers: _find(answers, customer, day), url, key_file)
        row, history, engagement, _ = found.of
        if row is None and engagement is None:
            fail(_unknown(customer, found.near), UNKNOWN_CODE)
        if as_machine:
            say(as_json(_documents(found, customer, day)))
        elif row is None:
            fail(f"tiering has no events of {customer} yet, only engagement does; see 'guanxi status'", UNKNOWN_CODE)
        elif day is not None:
            say(explain_on(row, found.held))
        else:
            say(explained(row, history, engagement, found.names, found.changes))


async def _find(answers: Answers, customer: str, day: str | None) -> _Found:
    of = await answers.customer(customer)
    if of.row is None and of.engagement is None:
        return _Found(of, near=await answers.near(customer))
    if day is not None:
        return _Found(of, held=await answers.held(of, customer, day))
    return _Found(of, await answers.names(), await answers.changes_now(customer))


def _documents(found: _Found, customer: str, on: str | None) -> dict[str, Any]:
    """The views' documents, and the answers beyond them."""
    row, history, engagement, _ = found.of
    if on is None:
        return {"customer": row, "would_change": found.changes, "engagement": engagement, "tier_history": history}
    past = [entry for entry in history if entry["effective_on"] <= on]
    return {**found.held, "customer": customer, "tier_history": past}


def _unknown(customer: str, near: list[tuple[str, str | None]]) -> str:
    lines = [f"no event names the customer {customer!r} (ids are case-sensitive)"]
    if near:
        lines.append("similar ids:")
        lines += [f"  {one}  {name or ''}".rstrip() for one, name in near]
    return "\n".join(lines)
