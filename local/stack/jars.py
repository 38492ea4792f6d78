"""Kafka's jars, fetched once per pom.xml by Maven into the cache."""

import asyncio
import contextlib
import fcntl
import hashlib
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from guanxi.current import cache_folder
from local.stack.errors import StackError, failed
from local.stack.paths import DEPLOY_KAFKA
from local.stack.process import Process

_POM = DEPLOY_KAFKA / "pom.xml"
_LOCK_POLL_S = 0.2


def kafka_version() -> str:
    found = re.search(r"<kafka\.version>([^<]+)<", _POM.read_text(encoding="utf-8"))
    if found is None:
        raise StackError(f"{_POM} names no kafka.version")
    return found[1]


def jars_folder() -> Path:
    """Where the jars of this pom.xml belong, whether they are there or not."""
    mark = hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]
    return cache_folder() / f"kafka-{kafka_version()}-{mark}"


def have_jars() -> bool:
    return jars_folder().is_dir()


@contextlib.asynccontextmanager
async def _sole_maker(lock_file: Path, say: Callable[[str], None]) -> AsyncIterator[None]:
    """One maker at a time on this machine; the lock goes with the process that holds it."""
    with lock_file.open("w") as lock:
        told = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    say("Another process is fetching Kafka's jars; waiting for it")
                    told = True
                await asyncio.sleep(_LOCK_POLL_S)
        yield


async def ensure_jars(say: Callable[[str], None]) -> Path:
    """The folder with Kafka's jars. Fetches them when they are missing, by Maven as it is set up here."""
    folder = jars_folder()
    if folder.is_dir():
        return folder
    async with _sole_maker(folder.with_name(f"{folder.name}.lock"), say):
        if folder.is_dir():
            return folder
        mvn = shutil.which("mvn")
        if mvn is None:
            raise StackError("Maven (mvn) is needed once to fetch Kafka's jars, and is not on the PATH")
        say(f"Fetching Kafka {kafka_version()} with Maven (45 MB, once)")
        await _fetch(mvn, folder)
    return folder


async def _fetch(mvn: str, folder: Path) -> None:
    partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    log = folder.with_name(f"{folder.name}.maven.log")
    command = [
        mvn, "--batch-mode", "--no-transfer-progress", f"--file={_POM}", "dependency:copy-dependencies",
        "-DincludeScope=runtime", f"-DoutputDirectory={partial}",
    ]  # fmt: skip
    try:
        log.unlink(missing_ok=True)
        maven = await Process.start("Maven", command, log=log)
        try:
            code = await maven.exit_code()
        finally:
            await maven.stop()
        if code != 0:
            raise failed(f"Maven could not fetch Kafka's jars (exit code {code})", log)
        partial.chmod(0o755)
        partial.rename(folder)  # whole or not at all
    finally:
        shutil.rmtree(partial, ignore_errors=True)
