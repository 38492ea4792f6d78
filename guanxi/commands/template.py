"""Templates of profiles: check a file, compare two, adopt one, list the adopted ones."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from guanxi.console import fail, say
from guanxi.reading.connection import as_json, read
from operations.policy.versions import adopt_template
from services.archives.rules.templates import CADENCE_DAYS, Template
from services.archives.template_difference import differences
from services.archives.template_file import own_adopted, own_templates, read_template
from shared.errors import Malformed
from shared.mongo.policies import TEMPLATES, all_adopted
from shared.policies.adoption import Adopted
from shared.yaml_lines import read_text

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command()
def check(file: Annotated[Path, typer.Argument(help="A template file.", show_default=False)]) -> None:
    """Check a template file: report the first error with its line."""
    found = _read(file)
    required = {tier: sum(tier in item.required_of for item in found.items) for tier in CADENCE_DAYS}
    counts = ", ".join(f"{count} of {tier}" for tier, count in required.items())
    say(f"{file.name} is a template: {found.id}, {len(found.items)} items; required: {counts}")


@app.command()
def diff(
    one: Annotated[str, typer.Argument(help="A file, or one of guanxi's own such as cp/1.")],
    other: Annotated[str, typer.Argument(help="The file or template to compare it with.")],
) -> None:
    """Show where two templates differ: items, sections, who requires them, and the length that fills one."""
    found = differences(_find(one), _find(other))
    if not found:
        say("no difference")
    width = max((len(line.place) for line in found), default=0)
    for line in found:
        say(f"{line.place:<{width}}  {line.one}  ->  {line.other}")


@app.command()
def adopt(
    file: Annotated[Path, typer.Argument(help="A template file.", show_default=False)],
    on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The first day on which it rules [default: its effective_on]."),
    ] = None,
) -> None:
    """Adopt a template from a day on, without a restart. That day must begin at least an hour from now.

    Nothing becomes late by it before that day and the grace of the customer's tier. Running it again changes nothing.
    An adopted version is never edited or withdrawn: adopt a higher one.
    """
    found, text = _read(file), read_text(file)
    day = date.fromordinal(found.effective_on) if on is None else on.date()
    new = Adopted(found.name, found.version, day, text)
    is_new = read(lambda database, settings: adopt_template(database, new, settings.zone))
    say(f"{new.name} version {new.version} {'is adopted' if is_new else 'was already adopted'}: it rules from {day}")


@app.command(name="list")
def list_(*, as_machine: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """List the templates, guanxi's own and the adopted ones, by the day from which each rules."""
    known = read(lambda database, _: all_adopted(database, TEMPLATES))
    every: list[tuple[Adopted, datetime | None]] = [*((one, None) for one in own_adopted()), *known]
    every.sort(key=lambda each: (each[0].name, each[0].effective_on, each[0].version))
    if as_machine:
        said = [{"template": one.id, "effective_on": one.effective_on, "adopted_at": at} for one, at in every]
        say(as_json(said))
        return
    for one, at in every:
        since = "guanxi's own" if at is None else f"adopted {at:%Y-%m-%d %H:%M} UTC"
        say(f"{one.id:<24} from {one.effective_on}  {since}")


def _find(wanted: str) -> Template:
    own = {one.id: one for one in own_templates()}
    return own[wanted] if wanted in own and not Path(wanted).exists() else _read(Path(wanted))


def _read(path: Path) -> Template:
    try:
        return read_template(read_text(path), path.name)
    except Malformed as error:
        fail(str(error))
