"""Which stack `guanxi up` runs now, so that other commands on this machine find it without being told."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from guanxi.stack.paths import cache_folder
from shared.settings import Settings

_PREFIX = "GUANXI_"
_ENDPOINTS = ("GUANXI_KAFKA_BOOTSTRAP", "GUANXI_MONGO_URI")


@dataclass(frozen=True)
class Current:
    """environment: its GUANXI_ variables; services: where each answers /readyz, by name; pid: who runs it."""

    pid: int
    environment: dict[str, str]
    services: dict[str, str]


@contextlib.contextmanager
def announced(environment: Mapping[str, str], services: Mapping[str, str]) -> Iterator[None]:
    """Makes this process's stack the current one for as long as the block runs. Of several the last one counts."""
    ours = {name: value for name, value in environment.items() if name.startswith(_PREFIX)}
    document = {"pid": os.getpid(), "environment": ours, "services": dict(services)}
    partial = _file().with_suffix(f".{os.getpid()}")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(document), encoding="utf-8")
    partial.rename(_file())
    try:
        yield
    finally:
        found = _read()
        if found is not None and found.pid == os.getpid():
            _file().unlink(missing_ok=True)


def current() -> Current | None:
    """The stack that runs now; None when there is none, or when the environment names servers already."""
    if any(os.environ.get(name) for name in _ENDPOINTS):
        return None
    found = _read()
    return found if found is not None and _alive(found.pid) else None


def use_current() -> Current | None:
    """Points this process's settings at the current stack, where there is one and nothing else was asked for."""
    found = current()
    if found is not None:
        os.environ.update(found.environment)
    return found


def settings_here() -> Settings:
    """The settings of the environment, or else of the stack that runs on this machine."""
    use_current()
    return Settings()


def _file() -> Path:
    return cache_folder() / "current-stack.json"


def _read() -> Current | None:
    try:
        document = json.loads(_file().read_text(encoding="utf-8"))
        return Current(int(document["pid"]), dict(document["environment"]), dict(document["services"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
