"""Start Kafka, MongoDB and the services on this machine, until Ctrl-C."""

import json
import os
import secrets
import textwrap
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from guanxi.console import fail, say
from guanxi.current import announced
from guanxi.running import Interrupted, run
from guanxi.signing_in import EVERYTHING, sign_in_link
from local.stack.backing import Backing, backing
from local.stack.errors import StackError
from local.stack.paths import REPOSITORY
from local.stack.services import Services
from local.stack.supervise import keep_running
from services import API
from shared.keys import Scope
from shared.keys.edit import create_key
from shared.settings import Settings

app = typer.Typer(add_completion=False)

_KEPT = Path(".guanxi")
_DOOR_PORT = 8080
_POLICY = REPOSITORY / "deploy" / "policies" / "default-cny.yaml"


@app.command()
def up(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data for the next start.")] = False,
    data: Annotated[
        Path | None,
        typer.Option(help=f"Folder for data and logs [default: {_KEPT} with --keep, else a temporary folder]."),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help=f"Policy to adopt [default at the first start: {_POLICY.name}]."
        ),
    ] = None,
    port: Annotated[int, typer.Option(help="Port of the HTTP door; another if it is taken.")] = _DOOR_PORT,
    only_backing: Annotated[
        bool, typer.Option("--only-backing", help="Start only Kafka and MongoDB, not the services.")
    ] = False,
) -> None:
    """Start Kafka, MongoDB and the services on this machine, until Ctrl-C. Everything it started stops with it."""
    folder = data or (_KEPT if keep else None)
    try:
        run(_up(folder, policy, port, keep=keep, only_backing=only_backing))
    except Interrupted:
        say("Everything has stopped." + (f" The data are in {folder}." if keep else ""))
    except StackError as error:
        fail(str(error))


async def _up(data: Path | None, policy: Path | None, port: int, *, keep: bool, only_backing: bool) -> None:
    async with backing(say, data=data, keep=keep) as servers:
        if only_backing:
            say(_endpoints(servers) + "\nCtrl-C stops both.")
            raise await keep_running(servers.parts(), say)
        keys_file = servers.folder / "keys.yaml"  # made at the end of the first start that succeeds
        first_start = not keys_file.exists()
        settings = {"GUANXI_API_KEYS_FILE": str(keys_file), **_secrets(servers.folder)}
        if policy is not None:
            settings["GUANXI_POLICY"] = str(policy.resolve())
        elif first_start:
            settings["GUANXI_POLICY"] = os.environ.get("GUANXI_POLICY", str(_POLICY))
        async with Services(servers, say, settings=settings, door_port=port) as services:
            now = datetime.now(UTC)
            token = create_key(keys_file, ["*"], now=now, scopes=list(Scope))[1] if first_start else None
            link = await sign_in_link(Settings(**_connection(servers)), services.url(API), EVERYTHING)
            say(_endpoints(servers) + "\n" + _first_steps(services.url(), services.url(API), token, link))
            urls = {name: services.url(name) for name in services.names}
            with announced(servers.folder, services.environment, urls):
                raise await keep_running([*servers.parts(), *services.parts()], say)


def _endpoints(servers: Backing) -> str:
    return textwrap.dedent(f"""
        Kafka    {servers.kafka_bootstrap}
        MongoDB  {servers.mongo_uri}
        logs     {servers.logs}""")


def _connection(servers: Backing) -> dict[str, Any]:
    return {"kafka_bootstrap": servers.kafka_bootstrap, "mongo_uri": SecretStr(servers.mongo_uri)}


def _secrets(folder: Path) -> dict[str, str]:
    """What the services of this folder sign and seal by: kept with its data, so that a restart signs nobody out."""
    file = folder / "secrets.json"
    made = {
        "GUANXI_CONSOLE_KEY": secrets.token_hex(24),
        "GUANXI_IMPORT_KEY": secrets.token_hex(24),
        "GUANXI_CURSOR_KEYS": b64encode(secrets.token_bytes(32)).decode(),
    }
    kept: dict[str, str] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if made.keys() - kept.keys():  # a folder of an earlier version has not all of them
        file.touch(mode=0o600)
        file.write_text(json.dumps({**made, **kept}), encoding="utf-8")
    return {**made, **kept}


def _first_steps(door: str, api: str, token: str | None, link: str) -> str:
    key = token or "<the key printed at the first start; `guanxi keys create` creates another>"
    return textwrap.dedent(f"""\
        door     {door}/v1/events
        API      {api}/v1/customers
        API key  {key}
        console  {link}
                 (good once, for ten minutes; 'guanxi console' makes another)

        Send a first event:

          curl -sS {door}/v1/events \\
            -H 'Authorization: Bearer {token or "KEY"}' \\
            -H 'Content-Type: application/cloudevents+json' \\
            -d '{{"specversion": "1.0", "id": "1", "source": "my-crm", "type": "guanxi.customer.registered.v1",
                 "subject": "C-1", "time": "{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                 "data": {{"name": "华芯科技"}}}}'

        Read it:

          curl -sS {api}/v1/customers/C-1?include=timeline -H 'Authorization: Bearer {token or "KEY"}'

        Ctrl-C stops everything.""")
