"""Sign in to the console: print a link that is good once; list who is signed in; sign somebody out."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from guanxi.console import fail, say
from guanxi.current import use_current
from guanxi.signing_in import sign_in_link
from services import API
from services.query.console.roles import ROLES, Person
from services.query.console.store import SignIns
from services.query.settings import QuerySettings
from shared.errors import GuanxiError
from shared.keys import EVERYTHING
from shared.mongo import connect

app = typer.Typer(add_completion=False, invoke_without_command=True)
T = TypeVar("T")
_HERE = "127.0.0.1:8081"
"""Where Docker Compose publishes the API: with TLS, if the door has it."""


@app.callback()
def console(
    context: typer.Context,
    *,
    person: Annotated[
        str, typer.Option("--as", help="Who signs in, by the id that the log is to name: R-001, li.wei.")
    ] = "operator",
    role: Annotated[str, typer.Option(help=f"What they may do: {', '.join(ROLES)}.")] = "everything",
    rows: Annotated[
        str | None,
        typer.Option(help="For account_manager and team_lead: whose customers, a representative's or a team's id."),
    ] = None,
    representative: Annotated[
        str | None,
        typer.Option(help="Which representative they are [default: the --rows of an account manager]."),
    ] = None,
) -> None:
    """Print a link by which somebody signs in to the console, good once and for ten minutes."""
    if context.invoked_subcommand is not None:
        return
    if role not in ROLES:
        fail(f"no role {role!r}; there are {', '.join(ROLES)}", 2)
    if ROLES[role].rows != EVERYTHING and not rows:
        fail(f"--rows: the role {role} reads the customers of one {ROLES[role].rows}; say whose", 2)
    if role == "account_manager":
        representative = representative or rows
    running = use_current()
    settings = QuerySettings()
    scheme = (settings.door_url or "http").partition(":")[0]
    url = settings.console_url or (running.services.get(API) if running else None) or f"{scheme}://{_HERE}"
    whose = rows if ROLES[role].rows != EVERYTHING else None
    try:
        say(asyncio.run(sign_in_link(settings, url, Person(person, role, whose, representative))))
    except GuanxiError as error:
        fail(str(error))


@app.command()
def sessions() -> None:
    """List who is signed in, since when and until when."""
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("person", "role", "rows", "since", "until"):
        table.add_column(column)
    found = _work(lambda sign_ins: sign_ins.of_all())
    for one in found:
        who = one.person
        table.add_row(
            who.id, who.role, who.whose or "all", f"{one.begun_at:%Y-%m-%d %H:%MZ}", f"{one.expires_at:%H:%MZ}"
        )
    Console().print(table) if found else say("nobody is signed in")


@app.command()
def revoke(person: Annotated[str, typer.Argument(help="As 'guanxi console sessions' shows it.")]) -> None:
    """Sign somebody out everywhere, from their next request on."""
    ended = _work(lambda sign_ins: sign_ins.end_all(person))
    say(f"{ended} sessions of {person} ended")


def _work(job: Callable[[SignIns], Awaitable[T]]) -> T:
    use_current()
    settings = QuerySettings()

    async def working() -> T:
        database = connect(settings)
        try:
            return await job(SignIns(database))
        finally:
            database.client.close()

    try:
        return asyncio.run(working())
    except GuanxiError as error:
        fail(str(error))
