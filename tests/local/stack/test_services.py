"""The services on real servers: ready, killed, started again; and `guanxi up` from a first event to the next day."""

import asyncio
import re
import shlex
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from local.stack.backing import Backing
from local.stack.errors import StackError
from local.stack.paths import REPOSITORY
from local.stack.services import ALL, Services
from local.stack.supervise import keep_running
from tests.local.stack.processes import alive, gone
from tests.services.ingest.doors.files.memory import HEADER, MAPPING

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture
def settings(stack_settings: dict[str, str], tmp_path: Path) -> dict[str, str]:
    return {
        **stack_settings,
        "GUANXI_POLICY": str(REPOSITORY / "deploy" / "policies" / "default-cny.yaml"),
        "GUANXI_API_KEYS_FILE": str(tmp_path / "keys.yaml"),
    }


async def _ready(url: str) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"{url}/readyz")).status_code == 200


async def test_they_become_ready_are_killed_and_come_back_on_the_same_port(
    stack: Backing, settings: dict[str, str], tmp_path: Path
) -> None:
    async with Services(stack, lambda _: None, settings=settings, logs=tmp_path) as services:
        for name in ALL:
            assert await _ready(services.url(name))
            assert 20e6 < services.rss_bytes(name) < 200e6
        before = services.pid("tiering")
        assert await services.kill("tiering") == -signal.SIGKILL
        assert not services.running("tiering")
        assert not alive(before)
        await services.start("tiering")
        assert services.pid("tiering") != before
        assert await _ready(services.url("tiering"))
        assert await services.stop("tiering") != -signal.SIGKILL  # within its grace time
        assert str(await services.first_end()).startswith("tiering ended with exit code")
        pids = [services.pid(name) for name in ALL]
    assert not any(alive(pid) for pid in pids)


async def test_a_set_up_that_fails_says_why(stack: Backing, settings: dict[str, str], tmp_path: Path) -> None:
    settings["GUANXI_POLICY"] = str(tmp_path / "no-such-policy.yaml")
    with pytest.raises(StackError, match=r"(?s)guanxi setup ended with exit code 1.*no-such-policy\.yaml"):
        async with Services(stack, lambda _: None, settings=settings, logs=tmp_path):
            pass


async def test_a_service_that_dies_is_started_again_and_an_import_rides_over_it(
    stack: Backing, settings: dict[str, str], tmp_path: Path
) -> None:
    rows, day = 4000, datetime.now(UTC).strftime("%Y-%m-%d")
    (tmp_path / "shop.yaml").write_text(MAPPING, encoding="utf-8")
    lines = "".join(f"{n},{day} 00:00,C{n % 50},1.00\n" for n in range(rows))
    (tmp_path / "orders.csv").write_text(HEADER + lines, encoding="utf-8")
    said: list[str] = []
    async with Services(stack, lambda _: None, settings=settings, logs=tmp_path) as services:
        keeping = asyncio.create_task(keep_running(services.parts(), said.append))
        before = services.pid("ingest")
        await services.kill("ingest")
        words = ("import", str(tmp_path / "orders.csv"), "--map", str(tmp_path / "shop.yaml"))
        log = await services.command(*words, timeout_s=150)
        assert f"{rows:,}  admitted" in log.read_text(encoding="utf-8")
        assert services.pid("ingest") != before
        assert said == ["ingest was killed by SIGKILL; restarting it in 1 s, the others keep running"]
        assert not keeping.done()
        keeping.cancel()


class Up:
    """`guanxi up --keep` as a person runs it."""

    def __init__(self, process: asyncio.subprocess.Process, said: str) -> None:
        self.process = process
        self.said = said

    @classmethod
    async def start(cls, folder: Path) -> "Up":
        command = [sys.executable, "-m", "guanxi", "up", "--keep", f"--data={folder}"]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        said = ""
        while "Ctrl-C stops everything" not in said:
            assert process.stdout is not None
            line = await process.stdout.readline()
            assert line, said
            said += line.decode()
        return cls(process, said)

    async def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return await self.process.wait()


async def _run_curl(example: str) -> int:
    """What the printed curl line would do."""
    words = shlex.split(example)
    headers = [words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H"]
    body = words[words.index("-d") + 1]
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(words[2], content=body.encode(), headers=dict(headers))
    return answer.status_code


async def test_guanxi_up_takes_its_own_first_event_and_goes_on_with_kept_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GUANXI_KAFKA_BOOTSTRAP", "GUANXI_MONGO_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GUANXI_STACK", "local")
    folder = tmp_path / "data"
    up = await Up.start(folder)
    example = re.search(r"^ *(curl .*}')$", up.said, re.DOTALL | re.MULTILINE)
    assert example is not None
    assert await _run_curl(example[1]) == 202
    assert await up.end() == 0
    assert await gone(str(folder))

    again = await Up.start(folder)
    assert "<the key printed at the first start" in again.said
    door = re.search(r"door +(\S+)", again.said)
    assert door is not None
    same = re.sub(r"http://\S+", door[1], example[1])
    assert await _run_curl(same) == 202
    assert await again.end() == 0
    assert await gone(str(folder))
