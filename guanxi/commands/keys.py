"""API keys: create, list, revoke. Changes apply from the next request."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from guanxi.console import fail, say
from guanxi.current import use_current
from services.ingest.settings import IngestSettings
from shared.errors import Malformed
from shared.keys import EVERYTHING, ApiKey, Scope, read_keys
from shared.keys.edit import create_key, revoke_key

app = typer.Typer(no_args_is_help=True, add_completion=False)

File = Annotated[
    Path | None,
    typer.Option(
        "--file",
        help="The key file [default: that of the running stack, else GUANXI_API_KEYS_FILE, else api-keys.yaml].",
    ),
]


def _path(file: Path | None) -> Path:
    if file is None:
        use_current()
        return IngestSettings().api_keys_file
    return file


@app.command()
def create(
    source: Annotated[
        list[str] | None,
        typer.Option(help="A source that the key may send; erp/* for all that start with erp/. Repeatable."),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"What the key may do: {', '.join(Scope)}. Repeatable [default: {Scope.EVENTS_WRITE}]."),
    ] = None,
    rows: Annotated[
        str, typer.Option(help="Whose customers it may read: all, own:REPRESENTATIVE or team:TEAM.")
    ] = EVERYTHING,
    representative: Annotated[
        str | None, typer.Option(help="The person whose key it is, by their id as a representative: who reads texts.")
    ] = None,
    expires: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The first day (UTC) on which the key is no longer valid."),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Events per second, on average [default: GUANXI_EVENTS_PER_SECOND].")
    ] = None,
    file: File = None,
    *,
    first: Annotated[bool, typer.Option("--first", help="Create a key only if the file has none.")] = False,
) -> None:
    """Create a key and print its token, once: the file keeps only a hash."""
    path = _path(file)
    if first and path.exists():
        say(f"{path} already exists; no key created")
        return
    until = expires.replace(tzinfo=UTC) if expires else None
    try:
        key, token = create_key(
            path,
            source or (),
            now=datetime.now(UTC),
            expires=until,
            events_per_second=rate,
            scopes=scope or (Scope.EVENTS_WRITE,),
            rows=rows,
            representative=representative,
        )
    except Malformed as error:
        fail(str(error))
    may = ", ".join((*key.sources, *_reads(key)))
    typer.echo(f"Key {key.id} for {may}, in {path}. The token is shown only once:", err=True)
    say(token)


@app.command("list")
def list_(file: File = None) -> None:
    """List the keys: what each may send and whether it is valid."""
    path = _path(file)
    try:
        keys = read_keys(path)
    except Malformed as error:
        fail(str(error))
    if not keys:
        say(f"no keys in {path}")
        return
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("id", "may", "a second", "created", "state"):
        table.add_column(column)
    now = datetime.now(UTC)
    for key in keys:
        rate = f"{key.events_per_second:g}" if key.events_per_second else "as all"
        may = Text(", ".join((*key.sources, *_reads(key))))
        table.add_row(key.id, may, rate, f"{key.created:%Y-%m-%d}", _state(key, now))
    Console().print(table)


def _reads(key: ApiKey) -> list[str]:
    """The scopes beyond sending events, and whose rows."""
    scopes = [str(scope) for scope in key.scopes if scope is not Scope.EVENTS_WRITE]
    named = [f"as {key.representative}"] if key.representative else []
    return [*scopes, *([f"rows {key.rows}"] if scopes and key.rows != EVERYTHING else []), *named]


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked:
        return f"revoked {key.revoked:%Y-%m-%d}"
    if key.expires:
        return f"{'valid until' if key.active(now) else 'expired'} {key.expires:%Y-%m-%d}"
    return "valid"


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID")], file: File = None) -> None:
    """Revoke a key permanently."""
    try:
        key = revoke_key(_path(file), key_id, now=datetime.now(UTC))
    except Malformed as error:
        fail(str(error))
    say(f"key {key.id} is revoked")
