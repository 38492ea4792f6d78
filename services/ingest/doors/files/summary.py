"""The summary of an import."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.ingest.doors.files.tally import Tally


def show(console: Console, tally: Tally, *, seconds: float, dry_run: bool, refused_files: Sequence[Path] = ()) -> None:
    """Print the outcome: totals, refusals by reason with an example, then notes."""
    totals = Table.grid(padding=(0, 2))
    totals.add_column(justify="right")
    totals.add_column()
    for count, what in _totals(tally, dry_run=dry_run):
        totals.add_row(f"{count:,}", what)
    console.print(totals)
    if tally.refused:
        console.print(_refusals(tally))
        names = ", ".join(map(str, refused_files))
        console.print(f"Refused rows, unchanged: {names}", markup=False, highlight=False, soft_wrap=True)
    for note, count in tally.notes.items():
        console.print(f"{count:,} {note}.", highlight=False)
    for damage in tally.damaged:
        console.print(Text(f"Not read to the end: {damage}", "red"), soft_wrap=True)
    rate = tally.read / seconds if seconds > 0 else 0.0
    console.print(f"{seconds:.1f} s, {rate:,.0f} rows/s", highlight=False)


def _totals(tally: Tally, *, dry_run: bool) -> list[tuple[int, str]]:
    rows = [(tally.read, "read")]
    if dry_run:
        rows.append((tally.fit, "ready to send (nothing was sent; duplicates are not checked)"))
    else:
        rows += [(tally.admitted, "admitted"), (tally.duplicates, "duplicates")]
    rows.append((tally.refusals, "refused"))
    rows += [(count, f"skipped: {why}") for why, count in tally.skipped.items()]
    if tally.joined:
        rows.append((tally.joined, "joined another row's record (group_by)"))
    if tally.late:
        rows.append((tally.late, "history for customers whose clock was already past it: late facts"))
    if not dry_run and tally.unknown:
        rows.append((tally.unknown, "on the inbox, outcome unknown; import again to see it"))
    return rows


def _refusals(tally: Tally) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Refused", title_justify="left")
    table.add_column("rows", justify="right")
    table.add_column("reason", no_wrap=True)
    table.add_column("field", no_wrap=True)
    table.add_column("for example", overflow="fold")
    for (reason, field), count in tally.refused.most_common():
        table.add_row(f"{count:,}", reason, Text(field), Text(tally.hints[reason, field]))
    return table
