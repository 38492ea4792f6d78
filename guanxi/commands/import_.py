"""Import files: CSV, Excel and other tables through a mapping, or events as NDJSON; report the outcome of each row."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from typer._click.core import Context
from typer.core import TyperCommand

from guanxi.console import fail, say
from guanxi.current import settings_here
from guanxi.running import Interrupted, run
from operations.fast import fast_process
from services.ingest.doors.files.guess import guess_file
from services.ingest.doors.files.plan import PLAN_SUFFIXES, Input, Plan, inputs_of, read_plan, steps_of
from services.ingest.doors.files.refused_file import default_name
from services.ingest.doors.files.terminal import import_files
from shared.errors import GuanxiError

INTERRUPTED_CODE = 130
_MAP = "\0--map\0"


class _MapAmongFiles(TyperCommand):
    """Remembers where --map stands among the files: typer keeps an option's value, not its place."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Turn --map MAPPING into a marked argument among the files."""
        words, rest = [], iter(args)
        for word in rest:
            if word == "--":
                words += [word, *rest]
            elif word == "--map":
                words.append(_MAP + next(rest, ""))
            else:
                words.append(_MAP + word.removeprefix("--map=") if word.startswith("--map=") else word)
        return super().parse_args(ctx, words)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(cls=_MapAmongFiles)
    def import_(
        files: Annotated[
            list[str],
            typer.Argument(
                help="CSV, xlsx, xls, xlsb, ods or NDJSON files, also as .gz or .zip; or one plan.yaml.",
                show_default=False,
            ),
        ],
        *,
        mapping: Annotated[
            list[str] | None,
            typer.Option(
                "--map",
                help=(
                    "YAML file: how columns become fields of events. Repeatable, each followed by its files: --map A "
                    "FILES --map B FILES."
                ),
            ),
        ] = None,
        guess: Annotated[
            bool,
            typer.Option("--guess", help="Propose a mapping for FILE and show ten rows as events. Sends nothing."),
        ] = False,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row; send nothing.")] = False,
        backfill: Annotated[
            bool, typer.Option("--backfill", help="Import as history: decide as of each event's own time.")
        ] = False,
        as_late: Annotated[
            bool,
            typer.Option(
                "--as-late",
                help=("With --backfill: include customers that already have live events or imported history."),
            ),
        ] = False,
        refused: Annotated[
            Path | None, typer.Option(help="File for refused rows [default: FILE.refused.csv in this folder].")
        ] = None,
        shift_to: Annotated[
            datetime | None,
            typer.Option(
                formats=["%Y-%m-%d"], help="Shift all dates by whole days so that the last event falls on this day."
            ),
        ] = None,
        strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if a row is refused.")] = False,
    ) -> None:
        """Import files and report the outcome of each row. Safe to interrupt and to run again.

        For a new export:

        \b
          guanxi import --guess orders.xlsx > orders.yaml    # proposes a mapping; check and correct it
          guanxi import orders.xlsx --map orders.yaml --dry-run
          guanxi import orders.xlsx --map orders.yaml

        For history (older than 760 days, or to be decided as of its own days) use --backfill, with all its files in one
        run: --map purchases.yaml 2024/*.csv --map visits.yaml visits.xlsx, or a plan.yaml that lists them. Files are
        merged in the order of their events' times. The mapping format is in docs/import.md.

        Exit code: 0 when all rows were read, refused or not; 130 when interrupted.
        """  # noqa: D301 - \b keeps lines as they are
        assert not mapping, "each --map is among the files"
        if as_late and not backfill:
            fail("--as-late needs --backfill", 2)
        settings = settings_here()
        try:
            if guess:
                say(guess_file(_only_file(files), settings.zone))
                return
            plan = Plan(
                inputs=_inputs(files),
                zone=settings.zone,
                backfill=backfill,
                shift_to=shift_to.date() if shift_to else None,
            )
            refused_file = refused or Path(default_name(plan.inputs[0].path))
            with fast_process():
                tally = run(import_files(Console(), plan, settings, refused_file, dry_run=dry_run, as_late=as_late))
        except GuanxiError as error:
            fail(str(error))
        except Interrupted:
            fail(
                "interrupted; import the same files again to continue: rows already imported count once",
                INTERRUPTED_CODE,
            )
        if tally.damaged or (strict and tally.refusals):
            raise typer.Exit(1)


def _only_file(words: Sequence[str]) -> Path:
    if len(words) != 1 or words[0].startswith(_MAP):
        fail("--guess takes one file and no --map", 2)
    return Path(words[0])


def _inputs(words: Sequence[str]) -> list[Input]:
    """The inputs of the command line. Raises Malformed."""
    maps = [place for place, word in enumerate(words) if word.startswith(_MAP)]
    if any(words[place] == _MAP for place in maps):
        fail("--map needs a mapping file", 2)
    if not maps and len(words) == 1 and words[0].lower().endswith(PLAN_SUFFIXES):
        return read_plan(Path(words[0]))
    return inputs_of(steps_of([word.removeprefix(_MAP) for word in words], maps))
