"""An import on a terminal: a progress bar while it runs, and a summary however it ends."""

import time
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from services.ingest.doors.files.adapters import connected, run_name
from services.ingest.doors.files.plan import Plan
from services.ingest.doors.files.run import Import
from services.ingest.doors.files.summary import show
from services.ingest.doors.files.tally import Tally
from shared.settings import Settings


async def import_files(
    console: Console,
    plan: Plan,
    settings: Settings,
    refused_file: Path,
    *,
    dry_run: bool = False,
    as_late: bool = False,
) -> Tally:
    """Import the files of a plan, show progress and summary, return the tally. Raises what `Import` raises, after the
    summary of what was done; also when cancelled.
    """
    # Says what is wrong with the files, and how they were taken, before any server is waited for.
    for said in Import(plan, None, refused_file).said:
        console.print(said, markup=False, highlight=False, soft_wrap=True)
    started = time.monotonic()
    async with AsyncExitStack() as stack:
        name = run_name(plan.files) if plan.backfill else None
        ports = None if dry_run else await stack.enter_async_context(connected(settings, backfill=name))
        one = Import(plan, ports, refused_file, as_late=as_late)
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[so_far]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

        def warn(text: str) -> None:
            bar.console.print(Text(f"Before sending: {text}", "yellow"), soft_wrap=True)

        try:
            with bar:
                task = bar.add_task("importing", total=None, so_far="")
                return await one.run(lambda: _advance(bar, task, one, started), warn)
        finally:
            seconds = time.monotonic() - started
            show(console, one.tally, seconds=seconds, dry_run=dry_run, refused_files=one.refused_files)


def _advance(bar: Progress, task: TaskID, one: Import, started: float) -> None:
    done, total = one.progress
    tally = one.tally
    rate = tally.read / max(time.monotonic() - started, 0.001)
    known = tally.admitted + tally.duplicates + tally.refusals
    so_far = f"{tally.read:,} read, {known:,} known, {tally.refusals:,} refused, {rate:,.0f}/s"
    bar.update(task, total=total, completed=done, so_far=so_far)
