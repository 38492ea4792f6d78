"""Rebuild a service's views from the log, compare them with the live ones, and swap them in without a stop."""

from functools import partial
from typing import Annotated

import typer

from guanxi.console import fail, say
from guanxi.working import work
from operations.rebuild.repairing import Scope, repair
from operations.rebuild.run import Asked, Outcome, now, run
from services import SERVICES
from shared.errors import Stop
from shared.fold.rebuild import clean as clean_kept
from shared.mongo import Database
from shared.mongo.generations import Generations
from shared.settings import Settings

MAX_SHOWN = 20
GENTLE_PACE = 0.25
"""The largest measured share at which the 99th percentile of live latency stayed below twice its value without a
rebuild."""


async def _clean(database: Database, service: str, *, all_of_them: bool) -> None:
    gone = await clean_kept(database, SERVICES.folds(service).schema, now(), all_of_them=all_of_them)
    for generation in gone:
        say(f"generation {generation} of {service} is removed")
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
        say(f"{compared.repaired:,} frozen customers are complete again in the rebuilt views")
    if compared.later:
        say(f"{len(compared.later):,} changed too often to compare")
    if compared.differing and outcome.handed_over is None:
        what = "" if asked.check else "; nothing was swapped (--accept swaps anyway, --fresh starts over)"
        fail(f"{compared.differing:,} documents differ from the live ones{what}")
    if compared.differing:
        say(f"{compared.differing:,} documents differ from the previous ones")
    else:
        say(f"the rebuilt {asked.service} equals the live one: {compared.documents:,} documents and their rows")
    swapped = outcome.handed_over
    if swapped is not None:
        say(
            f"{asked.service} is at generation {outcome.target} now: the live service paused for "
            f"{swapped.closed_seconds:.2f} s, the views switched within {swapped.views_seconds:.2f} s"
        )
        say(f"generation {outcome.live} is kept for a day; 'guanxi rebuild {asked.service} --rollback' restores it")


async def _repair(settings: Settings, database: Database, *, service: str, scope: Scope, subject: str) -> str:
    return await repair(settings, database, service, scope, subject)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(name="rebuild")
    def rebuild_command(
        service: Annotated[str, typer.Argument(help="A service that folds the log, such as tiering.")],
        *,
        check: Annotated[bool, typer.Option("--check", help="Compare only; do not swap.")] = False,
        rollback: Annotated[
            bool, typer.Option("--rollback", help="Restore the generation that was replaced last.")
        ] = False,
        clean: Annotated[
            bool, typer.Option("--clean", help="Only remove replaced generations whose day is over.")
        ] = False,
        now_already: Annotated[
            bool, typer.Option("--now", help="With --clean: remove them before their day is over.")
        ] = False,
        fresh: Annotated[
            bool, typer.Option("--fresh", help="Start over instead of continuing an interrupted run.")
        ] = False,
        accept: Annotated[bool, typer.Option("--accept", help="Swap even if documents differ.")] = False,
        keep: Annotated[
            bool, typer.Option("--keep", help="With --check: keep the rebuilt views beside the live ones.")
        ] = False,
        customer: Annotated[
            str | None, typer.Option(help="Only repair this frozen customer, by a marker on the log.")
        ] = None,
        representative: Annotated[str | None, typer.Option(help="Only repair this frozen representative.")] = None,
        group: Annotated[str | None, typer.Option(help="Only repair this frozen group of customers.")] = None,
        pace: Annotated[
            float,
            typer.Option(
                min=0.05, max=1.0, help="Fraction of time spent rebuilding; the rest is left to live traffic."
            ),
        ] = GENTLE_PACE,
    ) -> None:
        """Rebuild a service's views from the log, compare them with the live ones, and swap them in while the services
        keep running.

        Exits with 1, without a swap, when a document differs from the live one. An interrupted run continues where it
        stopped. See docs/rebuilding.md.
        """
        try:
            SERVICES.folds(service)
        except Stop as error:
            fail(str(error), 2)
        if clean:
            work(lambda _, database: _clean(database, service, all_of_them=now_already))
            return
        frozen: dict[Scope, str | None] = {"customer": customer, "representative": representative, "group": group}
        for scope, subject in frozen.items():
            if subject is not None:
                say(work(partial(_repair, service=service, scope=scope, subject=subject)))
                return
        asked = Asked(service, check, keep, fresh, rollback, accept, pace)
        _tell(asked, work(lambda settings, database: run(settings, database, asked, note=say)))
