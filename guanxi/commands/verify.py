"""Fold and decide again over the log, read-only, and say where the stores or the decisions differ."""

import asyncio
import gc
from datetime import UTC, datetime
from typing import Annotated

import typer

from guanxi.console import fail, say
from guanxi.reading.connection import as_json
from guanxi.stack.current import use_current
from guanxi.verify.findings import CHECKS, Check, Report
from guanxi.verify.meter import Meter, standard_error
from guanxi.verify.run import Run
from guanxi.verify.sample import Sample, parse_sample
from guanxi.verify.telling import as_machines_read, in_lines
from shared.errors import GuanxiError, Malformed
from shared.mongo import connect
from shared.process import GC_THRESHOLDS
from shared.settings import Settings

COULD_NOT_CHECK = 2


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def verify(
        what: Annotated[
            list[str] | None, typer.Argument(help="log, tiering, engagement, views; all of them when none is named.")
        ] = None,
        *,
        sample: Annotated[
            str | None, typer.Option(help="Customers to look at: a number such as 200, or a share such as 5%.")
        ] = None,
        show: Annotated[int, typer.Option(min=0, help="How many differences to print.")] = 20,
        as_machine: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", help="No progress on standard error.")] = False,
    ) -> None:
        """Fold and decide again over the log, read-only, and say where the stores or the decisions differ.

        log: the log holds each record of the inbox once, in order, as claimed; decisions make one chain.
        tiering, engagement: each decision on the log is what the rules and the adopted policies say.
        views: the stored states and views are the fold of the log, document by document.

        Services and upstreams may go on. Ends with 0 when all is as it should be, 1 when something differs, 2 when it
        could not be checked.
        """
        use_current()
        checks = _checks(what or [])
        try:
            chosen = parse_sample(sample)
        except Malformed as error:
            fail(str(error), COULD_NOT_CHECK)
        meter = Meter() if quiet else standard_error()
        gc.set_threshold(*GC_THRESHOLDS)
        try:
            report = asyncio.run(run_checks(Settings(), checks, chosen, meter))
        except GuanxiError as error:
            fail(f"could not check: {error}", COULD_NOT_CHECK)
        say(as_json(as_machines_read(report, meter)) if as_machine else "\n".join(in_lines(report, meter, show)))
        raise typer.Exit(report.exit_code)


def _checks(names: list[str]) -> list[Check]:
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        fail(f"no such check: {', '.join(unknown)}; there are {', '.join(CHECKS)}", COULD_NOT_CHECK)
    return [check for check in CHECKS if not names or check in names]


async def run_checks(settings: Settings, checks: list[Check], sample: Sample, meter: Meter) -> Report:
    """The checks against the system of the settings. Raises Transient or Stop where they can't be made."""
    database = connect(settings)
    try:
        return await Run(settings, database, sample, datetime.now(UTC), meter, Report()).run(checks)
    finally:
        database.client.close()
