"""Fold and decide again over the log, read-only, and report where states, views or decisions differ."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from guanxi.console import fail, say
from guanxi.current import use_current
from guanxi.reading.connection import as_json
from operations.fast import fast_process
from operations.verify.findings import Report, chosen_checks
from operations.verify.meter import Meter, standard_error
from operations.verify.run import Run
from operations.verify.sample import Sample, parse_sample
from operations.verify.telling import as_machines_read, in_lines
from shared.errors import GuanxiError, Malformed, Stop
from shared.mongo import connect
from shared.settings import Settings

COULD_NOT_CHECK = 2


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def verify(
        what: Annotated[
            list[str] | None,
            typer.Argument(help="log, views, or a service such as tiering; all when none is named."),
        ] = None,
        *,
        sample: Annotated[
            str | None,
            typer.Option(
                help="How many customers to check: a number such as 200, or a share such as 5% [default: all]."
            ),
        ] = None,
        show: Annotated[int, typer.Option(min=0, help="Number of differences to print.")] = 20,
        as_machine: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", help="No progress on standard error.")] = False,
    ) -> None:
        """Fold and decide again over the log, read-only, and report where states, views or decisions differ.

        \b
        log: the log has each record of the inbox once, in order, as claimed; decisions form one chain.
        a service: each of its decisions on the log is what the rules and the adopted policies say.
        views: the stored states and views equal the fold of the log, document by document.

        Services and upstreams may keep running. Exit code: 0 when nothing differs, 1 when something differs, 2 when a
        check could not run.
        """  # noqa: D301 - \b keeps lines as they are
        use_current()
        try:
            checks, chosen = chosen_checks(what or []), parse_sample(sample)
        except (Malformed, Stop) as error:
            fail(str(error), COULD_NOT_CHECK)
        meter = Meter() if quiet else standard_error()
        try:
            with fast_process():
                report = asyncio.run(run_checks(Settings(), checks, chosen, meter))
        except GuanxiError as error:
            fail(f"could not check: {error}", COULD_NOT_CHECK)
        say(as_json(as_machines_read(report, meter)) if as_machine else "\n".join(in_lines(report, meter, show)))
        raise typer.Exit(report.exit_code)


async def run_checks(settings: Settings, checks: list[str], sample: Sample, meter: Meter) -> Report:
    """Run the checks on the system of the settings. Raises Transient or Stop if they can't run."""
    database = connect(settings)
    try:
        return await Run(settings, database, sample, datetime.now(UTC), meter, Report()).run(checks)
    finally:
        database.client.close()
