"""Which commands change a running system, and how each run of one comes into the audit log.

Every command is in one of three sets (a test says which is missing): it reads, it changes files of this machine alone,
or it is audited. Where MongoDB does not take an entry the command goes on and says so: operators must be able to act
while MongoDB is down.
"""

import asyncio
import functools
import os
import pwd
import secrets
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import ValidationError
from typer._click.core import Context, ParameterSource
from typer._click.globals import get_current_context

from guanxi.current import STACK, in_settings, names_servers, stacks
from shared.audit import BEGUN, ENDED, Entry
from shared.errors import GuanxiError
from shared.settings import SECRETS_DIR, Settings

OPERATOR = "GUANXI_OPERATOR"
"""The name that an operator gives, as `--operator` does: where all share one user of the system, as in a container."""
INTERRUPTED_CODE = 130
MAX_VALUES, MAX_VALUE_LENGTH = 50, 200
HIDDEN = frozenset({"api_key", "data"})
"""Parameters whose values are not told: secrets, and what is said about customers."""
_HIDDEN_VALUE = "..."


@dataclass(frozen=True, slots=True)
class Audited:
    """How a command comes into the audit log.

    only_reads: parameters with which it changes nothing; needs_mongo: whether it works with MongoDB itself, so that the
    settings name one even where the environment does not; uses_stack: whether it takes the stack that runs here.
    """

    only_reads: tuple[str, ...] = ()
    needs_mongo: bool = True
    uses_stack: bool = True


AUDITED: Mapping[str, Audited] = {
    "backup": Audited(needs_mongo=False),
    "backups prune": Audited(only_reads=("dry_run",), needs_mongo=False),
    "console": Audited(),
    "console revoke": Audited(),
    "import": Audited(only_reads=("dry_run", "guess"), needs_mongo=False),
    "keys create": Audited(needs_mongo=False),
    "keys revoke": Audited(needs_mongo=False),
    "person confirm": Audited(),
    "person erase": Audited(),
    "person restrict": Audited(),
    "policy adopt": Audited(),
    "template adopt": Audited(),
    "rebuild": Audited(),
    "reclaim": Audited(),
    "rejected fix": Audited(only_reads=("dry_run",), needs_mongo=False),
    "rejected replay": Audited(needs_mongo=False),
    "relog": Audited(),
    "restore": Audited(),
    "retell": Audited(),
    "send": Audited(needs_mongo=False),
    "setup": Audited(only_reads=("rights",), uses_stack=False),
    "subscription backfill": Audited(),
    "subscription create": Audited(),
    "subscription delete": Audited(),
    "subscription pause": Audited(),
    "subscription replay": Audited(),
    "subscription resume": Audited(),
    "subscription retry": Audited(),
    "subscription rotate": Audited(),
}
READS = frozenset(
    {
        *(
            "audit",
            "customer",
            "doctor",
            "explain",
            "group",
            "plan",
            "profile",
            "status",
            "today",
            "topics",
            "trail",
            "verify",
            "week",
        ),
        *("backups list", "backups open", "backups seal"),  # what they write is theirs who asks for it
        *("console sessions", "keys list", "rejected list", "rejected show", "subscription list", "subscription show"),
        *("person due", "person export", "person find", "person register", "person verify"),
        *(
            "policy check",
            "policy diff",
            "policy list",
            "policy simulate",
            "template check",
            "template diff",
            "template list",
        ),
    }
)
HERE = frozenset({"demo", "reference", "up"})
"""They change files of this machine, or start a stack of their own, whose set-up is audited in it."""


def watch(command: Any, path: str) -> None:
    """Have each audited command of this one, or of this group, come into the audit log when it runs."""
    for name, below in getattr(command, "commands", {}).items():
        watch(below, f"{path} {name}")
    how = AUDITED.get(path)
    if how is not None:
        command.callback = _recorded(command.callback, path, how)


def _recorded(callback: Callable[..., Any], path: str, how: Audited) -> Callable[..., Any]:
    @functools.wraps(callback)
    def recorded(*words: Any, **options: Any) -> Any:
        context = get_current_context()
        if context.invoked_subcommand is not None or any(context.params.get(name) for name in how.only_reads):
            return callback(*words, **options)
        with recording(path, arguments_of(context), how):
            return callback(*words, **options)

    return recorded


def arguments_of(context: Context) -> tuple[str, ...]:
    """What was said on the command line, without what is not to be told."""
    said: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params.get(name)
        option = max(parameter.opts, key=len) if parameter.param_type_name == "option" else None
        if isinstance(value, bool):
            said.append(option or name)
            continue
        values = list(value) if isinstance(value, list | tuple) else [value]
        shown = [_HIDDEN_VALUE] if name in HIDDEN else [told(one) for one in values[:MAX_VALUES]]
        said += [one if option is None else f"{option} {one}" for one in shown]
        if len(values) > MAX_VALUES:
            said.append(f"and {len(values) - MAX_VALUES:,} more")
    return tuple(said)


def told(value: Any) -> str:
    """A value as the audit log has it: of an address only what names the server and the path, and not too long."""
    text = str(value).replace("\0", " ").strip()
    if "://" in text:
        try:
            parts = urlsplit(text)
        except ValueError:
            return _HIDDEN_VALUE
        text = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH]}..."


@contextmanager
def recording(command: str, arguments: tuple[str, ...], how: Audited) -> Iterator[None]:
    """Adds an entry before the block and one after it, with its exit code."""
    add = _adder(command, arguments, how)
    begun = add(None) is None
    code = 0
    try:
        yield
    except BaseException as error:
        code = INTERRUPTED_CODE if isinstance(error, KeyboardInterrupt) else int(getattr(error, "exit_code", 1))
        raise
    finally:
        why = add(code)
        if why is not None:
            what = "its end is" if begun else "this command is"
            sys.stderr.write(f"guanxi: {what} not in the audit log: {why}\n")


def _adder(command: str, arguments: tuple[str, ...], how: Audited) -> Callable[[int | None], str | None]:
    """Adds an entry, the first without an exit code; says why it could not."""
    # Here, since a command that only reads, and maybe from another machine, must not wait for the driver to load.
    from shared.mongo import connect  # noqa: PLC0415
    from shared.mongo.audit import add  # noqa: PLC0415

    begun_at = datetime.now(UTC)
    run = secrets.token_hex(8)

    async def add_to(settings: Settings, entry: Entry) -> None:
        database = connect(settings)
        try:
            await add(database, entry)
        finally:
            database.client.close()

    def added(code: int | None) -> str | None:
        entry = Entry(
            run=run,
            what=BEGUN if code is None else ENDED,
            begun_at=begun_at,
            at=datetime.now(UTC),
            user=_user(),
            host=socket.gethostname(),
            name=os.environ.get(OPERATOR) or None,
            command=command,
            arguments=arguments,
            exit_code=code,
        )
        try:
            settings = _settings(how)
            if settings is None:
                return "no MongoDB is named here (GUANXI_MONGO_URI)"
            asyncio.run(add_to(settings, entry))
        except GuanxiError as error:
            return str(error)
        except ValidationError:
            return "the settings are wrong"  # the command itself says what is
        return None

    return added


def _settings(how: Audited) -> Settings | None:
    """Where the command works: what the environment names, else the stack that runs here. None where neither names a
    MongoDB that the command needs. Asks nobody: the command itself does, and the environment names the answer then.
    """
    wanted = os.environ.get(STACK, "")
    running = [one for one in stacks() if wanted in {"", one.name}] if how.uses_stack and not names_servers() else []
    if len(running) == 1:
        return Settings(**in_settings(running[0].environment))
    named = os.environ.get("GUANXI_MONGO_URI") or os.environ.get(SECRETS_DIR)
    return Settings() if named or (how.needs_mongo and not running) else None


def _user() -> str:
    with suppress(KeyError):
        return pwd.getpwuid(os.getuid()).pw_name
    return f"uid {os.getuid()}"
