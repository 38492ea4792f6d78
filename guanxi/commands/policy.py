"""Policies: check a file, compare two, simulate one, adopt one, list the adopted ones."""

import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from guanxi.console import fail, say
from guanxi.reading import simulation as report
from guanxi.reading.connection import as_json, read
from guanxi.reading.console import make_console
from operations.policy.difference import differences
from operations.policy.files import PolicyFile, read_file
from operations.policy.simulate import Trial
from operations.policy.simulate import simulate as simulate_file
from operations.policy.tally import json_parts, summary
from operations.policy.versions import Version, adopt_file, text_of, versions
from shared.errors import Malformed
from shared.mongo import Database
from shared.mongo.policies import all_adopted
from shared.policies.adoption import begins_at
from shared.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False)
_File = Annotated[Path, typer.Argument(help="A policy file.", show_default=False)]
_Machine = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command()
def check(file: _File) -> None:
    """Check a policy file: report each error with its line, and what looks unintended. Contacts no server."""
    found = _read(file)
    _warn(found)
    policy = found.policy
    holds = f"from {policy.effective_on}, unless it is adopted for another day"
    say(f"{file.name} is a policy: {policy.name} version {policy.version}, {holds}")


@app.command()
def diff(
    one: Annotated[str, typer.Argument(help="A file, or an adopted version such as default-cny/1.")],
    other: Annotated[str, typer.Argument(help="The file or version to compare it with.")],
) -> None:
    """Show where two policies differ: files, or adopted versions such as default-cny/1."""
    found = differences(_text(one), _text(other))
    if not found:
        say("no difference")
    width = max((len(line.place) for line in found), default=0)
    for line in found:
        say(f"{line.place:<{width}}  {line.one}  ->  {line.other}")


@app.command()
def adopt(
    file: _File,
    on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The first day on which it decides [default: its effective_on]."),
    ] = None,
) -> None:
    """Adopt a policy from a day on, in all services, without a restart. That day must begin at least an hour from now.

    Running it again changes nothing. An adopted version is never edited or withdrawn: to change something, adopt a
    higher version, for the same day if that is still in the future.
    """
    found = _read(file)
    _warn(found)
    day = found.policy.effective_on if on is None else on.date()
    new = found.adopted_for(day)
    is_new = read(lambda database, settings: adopt_file(database, found, new, settings.zone))
    begins = begins_at(day, Settings().zone)
    say(f"{new.name} version {new.version} {'is adopted' if is_new else 'was already adopted'}: it decides from {day}")
    if is_new:
        say(
            f"that day begins at {begins:%Y-%m-%d %H:%M} UTC; then every customer is reviewed; the services keep "
            "running"
        )


@app.command()
def simulate(
    file: _File,
    *,
    on: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Simulate its adoption for this day, past or future [default: always in force]."
        ),
    ] = None,
    to_csv: Annotated[
        Path | None, typer.Option("--csv", help="Write all customers that would move to this file.")
    ] = None,
    as_machine: _Machine = False,
) -> None:
    """Decide again over the log with another policy; show which customers would move and what that would cost. Changes
    nothing.

    The present tiers are those of the decisions on the log. A future day is reached without new events.
    """
    found = _read(file)
    _warn(found)
    trial = _try(found, None if on is None else on.date())
    if to_csv is not None:
        try:
            report.write_csv(to_csv, trial.moves)
        except OSError as error:
            fail(f"{to_csv}: {error.strerror}")
    if as_machine:
        machine = summary(trial.tally, trial.adopted, trial.tried, trial.as_of.isoformat())
        for part in json_parts(machine, trial.moves):
            sys.stdout.write(part)
        return
    since = "as if it had always been in force" if on is None else f"as if adopted for {on.date()}"
    say(report.headline(trial.tally, trial.adopted, trial.tried, since, trial.as_of.isoformat()))
    say("")
    make_console(sys.stdout).print(report.matrix(trial.tally))
    say("")
    for line in (*report.lines(trial.tally, trial.adopted, trial.tried), "", *report.largest(trial.tally)):
        say(line)
    rate = trial.records / max(trial.seconds, 0.001)
    say(f"\n{trial.records:,} records of the log in {trial.seconds:.1f} s ({rate:,.0f} a second); nothing was changed")


def _try(file: PolicyFile, on: date | None) -> Trial:
    """Shows a progress bar on a terminal."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task, began = bar.add_task("deciding again", total=None, rate=""), time.monotonic()

        def show(done: int, total: int) -> None:
            rate = done / max(time.monotonic() - began, 0.001)
            bar.update(task, completed=done, total=total, rate=f"{rate:,.0f} records/s")

        return read(lambda database, settings: simulate_file(database, settings, file, on, datetime.now(UTC), show))


@app.command("list")
def list_(*, as_machine: _Machine = False) -> None:
    """List all adopted versions: which one is in force now, which ones will be."""
    found = read(_versions)
    if as_machine:
        say(as_json(found))
    elif not found:
        say("no policy is adopted yet: run 'guanxi setup'")
    else:
        say(f"{'policy':<28}{'from':<14}{'state':<14}adopted")
        for one in found:
            say(f"{one.name}/{one.version:<{27 - len(one.name)}}{_from(one, found):<14}{one.state:<14}{_utc(one)}")


async def _versions(database: Database, settings: Settings) -> list[Version]:
    return versions(await all_adopted(database), datetime.now(UTC), settings.zone)


def _from(one: Version, found: list[Version]) -> str:
    """The first version also applies before its day."""
    first = min(date.fromisoformat(version.effective_on) for version in found)
    return "the beginning" if date.fromisoformat(one.effective_on) == first else one.effective_on


def _utc(one: Version) -> str:
    return f"{one.adopted_at:%Y-%m-%d %H:%M} UTC"


def _read(path: Path) -> PolicyFile:
    try:
        return read_file(path)
    except Malformed as error:
        fail(str(error).replace("\n", "\nguanxi: "))


def _warn(found: PolicyFile) -> None:
    for warning in found.warned:
        typer.echo(f"warning: {warning}", err=True)


def _text(wanted: str) -> str:
    """The policy of a file of that name, else of an adopted version."""
    path = Path(wanted)
    if path.exists() or "/" not in wanted:
        return _read(path).text
    text = read(lambda database, _: _adopted(database, wanted))
    if text is None:
        fail(f"{wanted}: no such file and no such adopted version; see 'guanxi policy list'")
    return text


async def _adopted(database: Database, wanted: str) -> str | None:
    return text_of(await all_adopted(database), wanted)
