"""A guarded process ends with whoever asked for it, in whatever way that one ends."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from local.stack.errors import StackError
from local.stack.process import Process, first_end
from tests.local.stack.processes import alive, gone, with_word

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")

# Writes a line when it runs; then waits for ever, deaf to SIGTERM if told so, with a child of its own.
_SLEEPER = """
import signal, subprocess, sys, time
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "child" in sys.argv:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)", sys.argv[1]])
print("runs", flush=True)
time.sleep(300)
"""

_PARENT = """
import asyncio, sys
from pathlib import Path
from local.stack.process import Process

async def main():
    await Process.start("sleeper", sys.argv[2:], log=Path(sys.argv[1]) / "log", remove=[Path(sys.argv[1]) / "data"])
    print("started", flush=True)
    await asyncio.sleep(300)

asyncio.run(main())
"""


def _sleeper(folder: Path, *words: str) -> list[str | Path]:
    return [sys.executable, "-c", _SLEEPER, folder, *words]


async def _running(process: Process) -> Process:
    async def ready() -> bool:
        return "runs" in process.log.read_text(encoding="utf-8")

    await process.until(ready, what="ready", timeout_s=20)
    return process


async def test_stop_asks_with_sigterm_and_gives_the_exit_code(tmp_path: Path) -> None:
    process = await _running(await Process.start("p", _sleeper(tmp_path), log=tmp_path / "log"))
    assert alive(process.pid)
    assert process.rss_bytes() > 1_000_000
    assert await process.stop() == -signal.SIGTERM
    assert not with_word(str(tmp_path))
    assert await process.stop() == -signal.SIGTERM  # again changes nothing


async def test_a_deaf_process_is_killed_after_its_grace_time(tmp_path: Path) -> None:
    command = _sleeper(tmp_path, "deaf")
    process = await _running(await Process.start("p", command, log=tmp_path / "log", grace_s=0.2))
    assert await process.stop() == -signal.SIGKILL


async def test_what_it_started_itself_ends_too(tmp_path: Path) -> None:
    command = _sleeper(tmp_path, "child")
    process = await _running(await Process.start("p", command, log=tmp_path / "log"))
    assert len(with_word("time.sleep(300) " + str(tmp_path))) == 1
    await process.stop()
    assert await gone(str(tmp_path))


async def test_its_end_removes_folders_and_runs_a_last_command(tmp_path: Path) -> None:
    data, mark = tmp_path / "data", tmp_path / "mark"
    data.mkdir()
    process = await Process.start(
        "p", _sleeper(tmp_path), log=tmp_path / "log", remove=[data], last_command=["touch", str(mark)]
    )
    await _running(process)
    assert data.exists()
    assert not mark.exists()
    await process.stop()
    assert not data.exists()
    assert mark.exists()


async def test_after_an_end_by_itself_its_folders_stay_for_the_next_one(tmp_path: Path) -> None:
    data, mark = tmp_path / "data", tmp_path / "mark"
    data.mkdir()
    process = await Process.start(
        "p", [sys.executable, "-c", ""], log=tmp_path / "log", remove=[data], last_command=["touch", str(mark)]
    )
    assert await process.exit_code() == 0
    assert data.exists()
    assert mark.exists()


async def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"(?s)could not start p: no-such-command.*No such file"):
        await Process.start("p", ["no-such-command"], log=tmp_path / "log")


async def test_one_that_ends_before_it_is_ready_shows_its_last_lines(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; print('the reason'); sys.exit(3)"]
    process = await Process.start("p", command, log=tmp_path / "log")

    async def never() -> bool:
        return False

    with pytest.raises(StackError, match=r"(?s)exit code 3, not ready.*last lines of .*the reason"):
        await process.until(never, what="ready", timeout_s=20)


async def test_one_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    process = await Process.start("p", _sleeper(tmp_path), log=tmp_path / "log")

    async def never() -> bool:
        return False

    with pytest.raises(StackError, match="not ready within 0 s"):
        await process.until(never, what="ready", timeout_s=0.1)
    assert not process.running


async def test_first_end_tells_which_has_ended(tmp_path: Path) -> None:
    one = await _running(await Process.start("one", _sleeper(tmp_path), log=tmp_path / "one.log"))
    two = await _running(await Process.start("two", _sleeper(tmp_path), log=tmp_path / "two.log"))
    ending = asyncio.create_task(first_end([one, two]))
    two.send(signal.SIGKILL)
    assert "two ended with exit code -9" in str(await ending)
    await one.stop()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_nothing_is_left_when_the_one_that_asked_is_gone(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "data").mkdir()
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _PARENT, tmp_path, *_sleeper(tmp_path, "child")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"started\n"
    assert len(with_word(str(tmp_path))) >= 3  # the parent, the guard, the sleeper
    parent.send_signal(number)
    await parent.wait()
    assert await gone(str(tmp_path))
    assert not (tmp_path / "data").exists()


async def test_the_command_does_not_outlive_a_killed_guard(tmp_path: Path) -> None:
    process = await _running(await Process.start("p", _sleeper(tmp_path), log=tmp_path / "log"))
    guard = next(pid for pid, line in with_word(str(tmp_path)).items() if "guard.py" in line)
    os.kill(guard, signal.SIGKILL)
    assert await process.exit_code() is None
    assert await gone(str(tmp_path))
