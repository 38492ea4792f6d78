"""Kafka and MongoDB as containers: where a Docker engine answers and has, or can pull, the images."""

import asyncio
import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from local.stack import containers
from local.stack.backing import Backing, backing
from local.stack.choose import Kind
from tests.local.stack.processes import gone
from tests.local.stack.servers import first_value, insert_in_transaction, make_topic, send, texts

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(autouse=True, scope="module")
def _docker() -> None:
    reason = containers.why_not("kafka") or containers.why_not("mongo")
    if reason:
        pytest.skip(f"no containers: {reason}")


@pytest.fixture(autouse=True)
def _no_endpoints_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GUANXI_KAFKA_BOOTSTRAP", "GUANXI_MONGO_URI", "GUANXI_STACK"):
        monkeypatch.delenv(name, raising=False)


@contextlib.asynccontextmanager
async def docker(folder: Path) -> AsyncIterator[Backing]:
    async with backing(lambda _: None, order=[Kind.DOCKER], data=folder, keep=True) as servers:
        yield servers


def _docker_lines(*words: str) -> list[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.splitlines()


def _listed() -> list[str]:
    """Name and ports of every container on this machine: there may be others' among them."""
    return _docker_lines("ps", "--all", "--format", "{{.Names}} {{.Ports}}")


@pytest.fixture
def volumes_go(tmp_path: Path) -> Iterator[None]:
    yield
    _docker_lines("volume", "rm", *(containers.volume_of(which, tmp_path) for which in containers.IMAGES))


@pytest.mark.usefixtures("volumes_go")
async def test_kept_data_are_gone_on_with(tmp_path: Path) -> None:
    async with docker(tmp_path) as servers:
        await make_topic(servers, "t")
        await send(servers, "t", b"kept")
        insert_in_transaction(servers.mongo_uri, "kept")
    async with docker(tmp_path) as servers:
        assert await first_value(servers, "t") == b"kept"
        assert texts(servers.mongo_uri) == ["kept"]


async def test_no_container_is_left_when_guanxi_up_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUANXI_STACK", "docker")
    command = [sys.executable, "-m", "guanxi", "up", "--only-backing", f"--data={tmp_path / 'data'}"]
    up = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert up.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        line = await up.stdout.readline()
        assert line, said
        said += line.decode()
    ports = re.findall(r"ready on 127\.0\.0\.1:(\d+)", said)
    assert len(ports) == 2
    ours = [line for line in _listed() if any(f":{port}->" in line for port in ports)]
    assert len(ours) == 2
    assert all(re.search(r"(^| )127\.0\.0\.1:", line) and " 0.0.0.0:" not in line for line in ours)
    up.send_signal(signal.SIGKILL)
    await up.wait()
    assert await gone(str(tmp_path))
    left = " ".join(_listed())
    assert not any(line.split()[0] in left for line in ours)
