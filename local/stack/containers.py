"""Kafka and MongoDB as containers (testcontainers), each held by a process of its own that a guard ends.

Run as `python -m local.stack.containers kafka|mongo NAME PORT VOLUME|- ENDPOINT_FILE`.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.stack.errors import StackError
from local.stack.mongod import PARAMETERS, REPLICA_SET, initiate
from local.stack.paths import REPOSITORY
from local.stack.ports import free_port
from local.stack.process import Process
from local.stack.server import Ask, Server, StartedAt

IMAGES = {"kafka": "apache/kafka:4.3.0", "mongo": "mongo:8.0"}
_START_TIMEOUT_S = 300.0  # an image may have to be pulled
_PULL_TIMEOUT_S = 240.0
_ANSWER_TIMEOUT_S = 10.0
_STOP_S = 15


def why_not(which: str) -> str | None:
    """Why this container can't run here; None if it can. Pulls the image when it is not there yet."""
    docker = shutil.which("docker")
    if docker is None:
        return "Docker is not installed"
    image = IMAGES[which]
    try:
        if _fails([docker, "version"], _ANSWER_TIMEOUT_S):
            return "the Docker engine does not answer"
        if _fails([docker, "image", "inspect", image], _ANSWER_TIMEOUT_S) and _fails(
            [docker, "pull", "--quiet", image], _PULL_TIMEOUT_S
        ):
            return f"the image {image} is missing and can't be pulled"
    except subprocess.TimeoutExpired:
        return "the Docker engine does not answer in time"
    return None


def _fails(command: list[str], timeout_s: float) -> bool:
    return subprocess.run(command, capture_output=True, check=False, timeout=timeout_s).returncode != 0


def volume_of(which: str, folder: Path) -> str:
    """The name of the volume with the data kept for this folder."""
    return f"guanxi-{which}-{uuid.uuid5(uuid.NAMESPACE_URL, str(folder.resolve()))}"


async def start_container(which: str, ask: Ask, say: Callable[[str], None]) -> Server:
    """which: kafka or mongo. Kept data are in a volume named after the folder."""
    started = StartedAt()
    name = f"guanxi-{which}-{uuid.uuid4().hex[:12]}"
    port = free_port(ask.wanted_port)
    volume = volume_of(which, ask.folder) if ask.keep else "-"
    endpoint_file = ask.folder / f"{which}-container"
    ask.folder.mkdir(parents=True, exist_ok=True)
    endpoint_file.unlink(missing_ok=True)
    process = await Process.start(
        f"{which} container",
        [sys.executable, "-m", "local.stack.containers", which, name, str(port), volume, endpoint_file],
        log=ask.logs / f"{which}.log",
        env={**os.environ, "TESTCONTAINERS_RYUK_DISABLED": "true"},  # the guard does its work
        cwd=REPOSITORY,
        grace_s=20.0,
        last_command=["docker", "rm", "--force", "--volumes", name],
    )

    async def ready() -> bool:
        await asyncio.sleep(0)
        return endpoint_file.exists()

    await process.until(ready, what="ready", timeout_s=_START_TIMEOUT_S)
    endpoint = endpoint_file.read_text(encoding="ascii")
    say(f"{IMAGES[which]} (Docker) ready on 127.0.0.1:{port} in {started.seconds():.1f} s")
    return Server(f"{IMAGES[which]} in Docker", endpoint, process, port)


def _kafka_environment(port: int) -> dict[str, str]:
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_LISTENERS": "CLIENT://:9092,LOCAL://:19092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"CLIENT://127.0.0.1:{port},LOCAL://localhost:19092",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CLIENT:PLAINTEXT,LOCAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_INTER_BROKER_LISTENER_NAME": "LOCAL",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LOG_DIRS": "/var/lib/kafka/data",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
        "KAFKA_HEAP_OPTS": "-Xms256m -Xmx512m",
        "KAFKA_LOG_CLEANER_DEDUPE_BUFFER_SIZE": "16777216",
    }


def _hold(which: str, name: str, port: int, volume: str, endpoint_file: Path) -> None:
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415  (slow, and not installed everywhere)
    from testcontainers.core.waiting_utils import wait_for_logs  # noqa: PLC0415

    container = DockerContainer(IMAGES[which]).with_name(name)
    if which == "kafka":
        folder = "/var/lib/kafka/data"
        inside = 9092
        for key, value in _kafka_environment(port).items():
            container = container.with_env(key, value)
    else:
        folder = "/data/db"
        # The member's name must lead to it from inside and from outside: the same port on both sides.
        inside = port
        container = container.with_command([
            "mongod", "--replSet", REPLICA_SET, "--bind_ip_all", "--port", str(port), "--noscripting",
            *(word for key, value in PARAMETERS.items() for word in ("--setParameter", f"{key}={value}")),
        ])  # fmt: skip
    # with_bind_ports would publish a server without passwords on every interface of the machine.
    ports: dict[str, Any] = container.ports
    ports[str(inside)] = ("127.0.0.1", port)
    if volume != "-":
        container = container.with_volume_mapping(volume, folder, "rw")
    with container:
        if which == "kafka":
            wait_for_logs(container, "Kafka Server started", timeout=120)
            endpoint = f"127.0.0.1:{port}"
        else:
            while not initiate("127.0.0.1", port):  # it waits by itself, a second at most
                container.get_wrapped_container().reload()
                if container.get_wrapped_container().status == "exited":
                    raise StackError(container.get_wrapped_container().logs(tail=20).decode())
            endpoint = f"mongodb://127.0.0.1:{port}/?replicaSet={REPLICA_SET}"
        partial = endpoint_file.with_suffix(".partial")
        partial.write_text(endpoint, encoding="ascii")
        partial.rename(endpoint_file)
        try:
            signal.pause()
        finally:
            if volume != "-":  # kept data deserve an end in order; leaving the block kills
                container.get_wrapped_container().stop(timeout=_STOP_S)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    which, name, port, volume, endpoint_file = sys.argv[1:]
    _hold(which, name, int(port), volume, Path(endpoint_file))


if __name__ == "__main__":
    main()
