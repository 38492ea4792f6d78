"""A real Kafka from its published jars: one node, KRaft, no Docker."""

import asyncio
import contextlib
import os
import re
import shutil
import string
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from local.stack.errors import failed
from local.stack.jars import ensure_jars, have_jars, kafka_version
from local.stack.paths import DEPLOY_KAFKA
from local.stack.ports import free_port
from local.stack.process import Process
from local.stack.server import Ask, Server, StartedAt

_JAVA_AT_LEAST = 17
_STARTED = "Kafka Server started"
_CLUSTER_ID = "guanxi-local-stack-0AA"  # 22 characters of base64, as Kafka wants them
_START_TIMEOUT_S = 90.0

_JVM = [
    "-Xms256m", "-Xmx512m",
    "-XX:+UseSerialGC",          # two cores: collector threads would compete with the broker's
    "-XX:TieredStopAtLevel=1",   # starts in half the time, and a local broker never is the bottleneck
    "-Xshare:auto", "-XX:-UsePerfData", "-Djava.awt.headless=true",
]  # fmt: skip


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    if home and (candidate := Path(home) / "bin" / "java").is_file():
        return str(candidate)
    return shutil.which("java")


def why_not() -> str | None:
    """Why Kafka can't run here; None if it can."""
    java = _java()
    if java is None:
        return f"Java {_JAVA_AT_LEAST} is not installed"
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < _JAVA_AT_LEAST:
        return f"Java {_JAVA_AT_LEAST} or later is needed; `{java} -version` says {said.splitlines()[:1]}"
    if not have_jars() and shutil.which("mvn") is None:
        return "Maven is not installed"
    return None


async def start_kafka(ask: Ask, say: Callable[[str], None], properties: Sequence[str] = ()) -> Server:
    """Starts it with its data in `ask.folder`/kafka, by further lines of server.properties. Ends at once when the data
    need not be kept.
    """
    jars = await ensure_jars(say)
    started = StartedAt()
    java = [
        _java() or "java", *_JVM, f"-Dlog4j2.configurationFile={DEPLOY_KAFKA / 'log4j2.xml'}",
        "-cp", f"{jars}/*",
    ]  # fmt: skip
    log = ask.logs / "kafka.log"
    data = ask.folder / "kafka"
    if not (data / "meta.properties").exists():
        shutil.copytree(await _formatted(java, jars, log), data, dirs_exist_ok=True)
    port = free_port(ask.wanted_port)
    file = _write_properties(ask.folder / "kafka.properties", port, data, properties)
    offset = log.stat().st_size if log.exists() else 0
    process = await Process.start(
        "Kafka",
        [*java, "kafka.Kafka", file],
        log=log,
        stop_signal=ask.stop_signal,
        grace_s=20.0,
        remove=ask.remove(data),
    )

    async def ready() -> bool:
        with log.open("rb") as lines:
            lines.seek(offset)
            return _STARTED.encode() in lines.read()

    await process.until(ready, what="ready", timeout_s=_START_TIMEOUT_S)
    endpoint = f"127.0.0.1:{port}"
    say(f"Kafka {kafka_version()} ready on {endpoint} in {started.seconds():.1f} s")
    return Server(f"Kafka {kafka_version()}, a local process", endpoint, process, port)


def _write_properties(file: Path, port: int, data: Path, further: Sequence[str] = ()) -> Path:
    template = string.Template((DEPLOY_KAFKA / "server.properties").read_text(encoding="utf-8"))
    text = template.substitute(client_port=port, controller_port=free_port(), data=data)
    file.write_text("\n".join((text, *further)), encoding="utf-8")
    return file


async def _formatted(java: list[str], jars: Path, log: Path) -> Path:
    """A data folder as Kafka's storage tool prepares it, without which Kafka does not start.

    Kept beside the jars: the tool takes as long as a quarter of the start, and always makes the same two files.
    """
    folder = jars.with_name(f"{jars.name}-formatted")
    if folder.is_dir():
        return folder
    work = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        properties = _write_properties(work / "kafka.properties", free_port(), work / "data")
        command = ["kafka.tools.StorageTool", "format", f"--cluster-id={_CLUSTER_ID}", f"--config={properties}"]
        tool = await Process.start("Kafka's storage tool", [*java, *command], log=log)
        try:
            code = await asyncio.wait_for(tool.exit_code(), _START_TIMEOUT_S)
        finally:
            await tool.stop()
        if code != 0:
            raise failed(f"Kafka's storage tool ended with exit code {code}", log)
        with contextlib.suppress(OSError):  # another was quicker
            (work / "data").rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder
