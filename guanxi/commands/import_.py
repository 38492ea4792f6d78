"""Import files: rows of CSV through a mapping, or events of NDJSON; the outcome of each row is told."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from guanxi.console import fail
from guanxi.importer.mapping import read_mapping
from guanxi.importer.reading import Plan
from guanxi.importer.refused_file import default_name
from guanxi.importer.terminal import import_files
from guanxi.stack.current import settings_here
from guanxi.stack.running import Interrupted, run
from shared.errors import GuanxiError

INTERRUPTED_CODE = 130


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def import_(
        files: Annotated[list[Path], typer.Argument(help="CSV or NDJSON files, also gzipped.", show_default=False)],
        *,
        mapping: Annotated[
            Path | None, typer.Option("--map", help="YAML file: how columns become fields of events.")
        ] = None,
        refused: Annotated[
            Path | None, typer.Option(help="Where refused rows go [default: FILE.refused.csv in this folder].")
        ] = None,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge every row, send nothing.")] = False,
        backfill: Annotated[bool, typer.Option("--backfill", help="History: decided as of its own time.")] = False,
        as_late: Annotated[
            bool, typer.Option("--as-late", help="With --backfill: also for customers that have live events.")
        ] = False,
        shift_to: Annotated[
            datetime | None,
            typer.Option(formats=["%Y-%m-%d"], help="Move all by whole days, so that the last falls on this day."),
        ] = None,
        strict: Annotated[bool, typer.Option("--strict", help="End with 1 when a row was refused.")] = False,
    ) -> None:
        """Import files, and tell what became of each row. Safe to interrupt and to run again.

        CSV files need --map; NDJSON files (.ndjson, .jsonl) hold events already. Several files are taken in the order
        of their events' times. Ends with 0 when all was read, refused rows or not; 130 when interrupted.
        """
        if as_late and not backfill:
            fail("--as-late goes with --backfill", 2)
        settings = settings_here()
        try:
            plan = Plan(
                files=files,
                mapping=read_mapping(mapping) if mapping else None,
                zone=settings.zone,
                backfill=backfill,
                shift_to=shift_to.date() if shift_to else None,
            )
            refused_file = refused or Path(default_name(files[0]))
            tally = run(import_files(Console(), plan, settings, refused_file, dry_run=dry_run, as_late=as_late))
        except GuanxiError as error:
            fail(str(error))
        except Interrupted:
            fail("interrupted; import the same files again to go on, what is known counts once", INTERRUPTED_CODE)
        if tally.damaged or (strict and tally.refusals):
            raise typer.Exit(1)
