"""Templates of profiles: check a file, compare two. Contacts no server."""

from pathlib import Path
from typing import Annotated

import typer

from guanxi.console import fail, say
from services.archives.rules.templates import CADENCE_DAYS, Template
from services.archives.template_difference import differences
from services.archives.template_file import own_templates, read_template
from shared.errors import Malformed
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


def _find(wanted: str) -> Template:
    own = {one.id: one for one in own_templates()}
    return own[wanted] if wanted in own and not Path(wanted).exists() else _read(Path(wanted))


def _read(path: Path) -> Template:
    try:
        return read_template(read_text(path), path.name)
    except Malformed as error:
        fail(str(error))
