"""Explain a customer's tier: why, since when, what would change it; and when it is next due for contact."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any

import typer

from guanxi.console import fail, say
from guanxi.reading.connection import as_json, read
from guanxi.reading.explain import explain as explained
from guanxi.reading.explain import explain_on
from services.engagement.questions import EngagementQuestions
from services.tiering.policy import Policy
from services.tiering.questions import Document, TierQuestions, as_of_day, changes_now, policies_by_version
from shared.errors import Transient
from shared.mongo import Database
from shared.settings import Settings

UNKNOWN_CODE = 1


@dataclass(frozen=True)
class _Found:
    row: Document | None
    history: list[Document]
    engagement: Document | None
    today: str
    names: dict[str, str] = field(default_factory=dict)
    changes: Document | None = None
    policies: dict[tuple[str, int], Policy] = field(default_factory=dict)
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
    ) -> None:
        """Explain a customer's tier: why, since when, what would change it; and when it is next due for contact."""
        day = None if on is None else on.date().isoformat()
        found = read(lambda database, settings: _find(database, settings, customer))
        if found.row is None and found.engagement is None:
            fail(_unknown(customer, found.near), UNKNOWN_CODE)
        if day is not None and day > found.today:
            fail(f"{day} is in the future; without --on, explain shows today and when time alone changes the tier", 2)
        if as_machine:
            say(as_json(_documents(found, customer, day)))
        elif found.row is None:
            fail(f"tiering has no events of {customer} yet, only engagement does; see 'guanxi status'", UNKNOWN_CODE)
        elif day is not None:
            say(explain_on(found.row, as_of_day(found.history, day, found.policies)))
        else:
            say(explained(found.row, found.history, found.engagement, found.names, found.changes))


async def _find(database: Database, settings: Settings, customer: str) -> _Found:
    questions = EngagementQuestions(database)
    row, history = await TierQuestions(database).customer(customer)
    engagement = await questions.customer(customer)
    today = datetime.now(settings.zone).date().isoformat()
    if row is None and engagement is None:
        return _Found(None, [], None, today, near=await questions.near(customer))
    names = await questions.names_of_representatives()
    found = _Found(row, history, engagement, today, names)
    with suppress(Transient):  # a reader of the views alone still gets what they say
        changes, policies = await changes_now(database, settings, customer), await policies_by_version(database)
        return replace(found, changes=changes, policies=policies)
    return found


def _documents(found: _Found, customer: str, on: str | None) -> dict[str, Any]:
    """The views' documents, and the answers beyond them."""
    if on is None:
        return {
            "customer": found.row,
            "would_change": found.changes,
            "engagement": found.engagement,
            "tier_history": found.history,
        }
    history = [entry for entry in found.history if entry["effective_on"] <= on]
    return {"customer": customer, **as_of_day(history, on, found.policies), "tier_history": history}


def _unknown(customer: str, near: list[tuple[str, str | None]]) -> str:
    lines = [f"no event names the customer {customer!r} (ids are case-sensitive)"]
    if near:
        lines.append("similar ids:")
        lines += [f"  {one}  {name or ''}".rstrip() for one, name in near]
    return "\n".join(lines)
