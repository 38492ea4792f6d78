"""Build a service's views anew from the log, compare, and swap them in while everything goes on."""

from typing import Annotated

import typer

from guanxi.console import fail, say
from guanxi.rebuilding.repairing import Scope, repair
from guanxi.rebuilding.run import Asked, Outcome, now, run
from guanxi.rebuilding.services import FOLDING
from guanxi.working import work
from shared.fold.rebuild import clean as clean_kept
from shared.mongo import Database
from shared.mongo.generations import Generations

MAX_SHOWN = 20
GENTLE_PACE = 0.25
"""Of all that were measured the one at which the 99th percentile of live events stayed below twice what it was."""


async def _clean(database: Database, service: str, *, all_of_them: bool) -> None:
    gone = await clean_kept(database, FOLDING[service].schema, now(), all_of_them=all_of_them)
    for generation in gone:
        say(f"generation {generation} of {service} removed")
    for one in await Generations(database, service).kept():
        say(f"generation {one.generation} of {service} stays until {one.until:%Y-%m-%d %H:%M} UTC")
    if not gone:
        say("nothing to remove")


def _tell(asked: Asked, outcome: Outcome) -> None:
    compared = outcome.compared
    if outcome.records:
        rate = outcome.records / max(outcome.seconds, 1e-3)
        say(f"{outcome.records:,} records folded in {outcome.seconds:.1f} s, {rate:,.0f}/s")
    for difference in compared.differences[:MAX_SHOWN]:
        say(f"differs: {difference.collection} {difference.id}: {', '.join(difference.fields)}")
    if compared.repaired:
        say(f"{compared.repaired:,} frozen ones are whole again in the rebuilt views")
    if compared.later:
        say(f"{len(compared.later):,} changed too often to be compared")
    if compared.differing and outcome.handed_over is None:
        what = "" if asked.check else "; nothing was swapped (--accept swaps all the same, --fresh begins anew)"
        fail(f"{compared.differing:,} documents differ from the live ones{what}")
    if compared.differing:
        say(f"{compared.differing:,} documents differ from the former ones")
    else:
        say(f"the rebuilt {asked.service} equals the live one: {compared.documents:,} documents and their rows")
    swapped = outcome.handed_over
    if swapped is not None:
        say(
            f"{asked.service} is at generation {outcome.target} now: the live service waited "
            f"{swapped.closed_seconds:.2f} s, the views were pointed within {swapped.views_seconds:.2f} s"
        )
        say(f"generation {outcome.live} stays for a day; 'guanxi rebuild {asked.service} --rollback' brings it back")


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(name="rebuild")
    def rebuild_command(
        service: Annotated[str, typer.Argument(help="tiering or engagement")],
        *,
        check: Annotated[bool, typer.Option("--check", help="Compare only; swap nothing.")] = False,
        rollback: Annotated[
            bool, typer.Option("--rollback", help="Bring the generation back that was replaced last.")
        ] = False,
        clean: Annotated[
            bool, typer.Option("--clean", help="Remove replaced generations whose day is over, and do nothing else.")
        ] = False,
        now_already: Annotated[
            bool, typer.Option("--now", help="With --clean: remove them although their day is not over.")
        ] = False,
        fresh: Annotated[
            bool, typer.Option("--fresh", help="Begin anew instead of going on with an interrupted run.")
        ] = False,
        accept: Annotated[bool, typer.Option("--accept", help="Swap although documents differ.")] = False,
        keep: Annotated[
            bool, typer.Option("--keep", help="With --check: leave what was built beside the live views.")
        ] = False,
        customer: Annotated[
            str | None, typer.Option(help="Repair this frozen customer by a marker on the log, and do nothing else.")
        ] = None,
        representative: Annotated[str | None, typer.Option(help="The same for a frozen representative.")] = None,
        pace: Annotated[
            float, typer.Option(min=0.05, max=1.0, help="Share of the time in which it works; the rest is live's.")
        ] = GENTLE_PACE,
    ) -> None:
        """Build a service's views anew from the log, compare, and swap them in while everything goes on.

        Ends with 1, and swaps nothing, when a document differs from the live one. An interrupted run goes on where it
        stopped. See docs/rebuilding.md.
        """
        if service not in FOLDING:
            fail(f"no such service: {service}; it is one of {', '.join(FOLDING)}", 2)
        if clean:
            work(lambda _, database: _clean(database, service, all_of_them=now_already))
            return
        if customer is not None or representative is not None:
            scope: Scope = "customer" if customer is not None else "representative"
            subject = customer or representative or ""
            say(work(lambda settings, database: repair(settings, database, service, scope, subject)))
            return
        asked = Asked(service, check, keep, fresh, rollback, accept, pace)
        _tell(asked, work(lambda settings, database: run(settings, database, asked)))
