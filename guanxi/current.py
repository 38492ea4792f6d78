"""Which stacks `guanxi up` runs now, so that other commands on this machine find theirs."""

import contextlib
import fcntl
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import typer

from guanxi.console import fail
from services import SERVICES
from shared.settings import Settings

STACK = "GUANXI_USE_STACK"
"""Names the stack to be used, as `--stack` does."""
_PREFIX = "GUANXI_"
_ENDPOINTS = ("GUANXI_KAFKA_BOOTSTRAP", "GUANXI_MONGO_URI")
USAGE_CODE = 2


@dataclass(frozen=True)
class Current:
    """name: the port of its door; folder: of its data and logs; environment: its GUANXI_ variables; services: where
    each answers /readyz, by name.
    """

    name: str
    folder: str
    environment: dict[str, str]
    services: dict[str, str]

    @property
    def door(self) -> str:
        """Where the door of events answers."""
        return self.services[SERVICES.door.name]

    def __str__(self) -> str:
        kafka, mongo = (self.environment.get(name, "-") for name in _ENDPOINTS)
        return f"{self.name} (Kafka {kafka}, {mongo.partition('/?')[0]}, in {self.folder})"


@contextlib.contextmanager
def announced(folder: Path, environment: Mapping[str, str], services: Mapping[str, str]) -> Iterator[None]:
    """Lets commands find this process's stack for as long as the block runs. A lock on the file says that it does, so
    that what a killed one leaves behind does not count.
    """
    ours = {name: value for name, value in environment.items() if name.startswith(_PREFIX)}
    name = services[SERVICES.door.name].rpartition(":")[2]
    document = {"name": name, "folder": str(folder), "environment": ours, "services": dict(services)}
    file = _folder() / f"{name}.json"
    partial = file.with_suffix(f".{os.getpid()}")
    partial.touch(mode=0o600)
    with partial.open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        json.dump(document, lock)
        lock.flush()
        partial.rename(file)
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def stacks() -> list[Current]:
    """Those that run, by name."""
    found = []
    for file in sorted(_folder().glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError), file.open(encoding="utf-8") as opened:
            if not _held(opened):
                file.unlink(missing_ok=True)
                continue
            read = json.load(opened)
            found.append(Current(read["name"], read["folder"], dict(read["environment"]), dict(read["services"])))
    return found


def current() -> Current | None:
    """The stack to be used: the one that is named, else the only one that runs. None when there is none, or when the
    environment names servers. With several, asks where somebody can answer, and ends the command where not.
    """
    wanted = os.environ.get(STACK, "")
    if names_servers():
        if wanted:
            fail(
                f"--stack {wanted}, but {' and '.join(_ENDPOINTS)} are set: unset them, or omit --stack",
                USAGE_CODE,
            )
        return None
    running = stacks()
    if wanted or len(running) > 1:
        return _chosen(running, wanted)
    return running[0] if running else None


def names_servers() -> bool:
    """Whether the environment names servers: they come before a stack that runs here."""
    return any(os.environ.get(name) for name in _ENDPOINTS)


def in_settings(environment: Mapping[str, str]) -> dict[str, Any]:
    """A stack's environment as arguments of Settings, which leaves out what is not among them."""
    return {name.removeprefix(_PREFIX).lower(): value for name, value in environment.items()}


def use_current() -> Current | None:
    """Points this process's settings at the current stack, where there is one and nothing else was asked for, and says
    which it is.
    """
    found = current()
    if found is not None:
        os.environ.update(found.environment)
        sys.stderr.write(f"guanxi: stack {found}\n")
    return found


def settings_here() -> Settings:
    """The settings of the environment, or else of the stack that runs on this machine."""
    use_current()
    return Settings()


def _chosen(running: list[Current], wanted: str) -> Current:
    lines = "".join(f"\n  {one}" for one in running)
    if not wanted and sys.stdin.isatty() and sys.stderr.isatty():
        wanted = typer.prompt(f"Several stacks run on this machine:{lines}\nWhich one", err=True).strip()
    if not wanted:
        fail(
            f"several stacks run on this machine; choose one with --stack, such as {running[0].name}:{lines}",
            USAGE_CODE,
        )
    found = next((one for one in running if one.name == wanted), None)
    if found is not None:
        return found
    return fail(f"no stack {wanted!r} runs on this machine" + (f"; these do:{lines}" if running else ""), USAGE_CODE)


def cache_folder() -> Path:
    """What can be fetched or made again: $XDG_CACHE_HOME/guanxi, made if need be."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "guanxi"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _folder() -> Path:
    folder = cache_folder() / "stacks"
    folder.mkdir(exist_ok=True)
    return folder


def _held(file: IO[str]) -> bool:
    """Whether the process that wrote it still runs."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
