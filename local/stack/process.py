"""One process of the stack: started under a guard, so that it ends with us however we end."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from local.stack.errors import StackError, failed

_GUARD = Path(__file__).with_name("guard.py")
_POLL_S = 0.03


class Process:
    """A running command. `pid` is the command's own, not its guard's; its output goes to `log`."""

    def __init__(
        self, name: str, log: Path, guard: subprocess.Popen[bytes], told: asyncio.StreamReader, pid: int
    ) -> None:
        self.name = name
        self.log = log
        self.pid = pid
        self._guard = guard
        self._told = told
        self._code: asyncio.Task[int | None] = asyncio.create_task(self._read_exit())

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace_s: float = 10.0,
        remove: Sequence[Path] = (),
        last_command: Sequence[str] = (),
    ) -> Self:
        """Starts `command`. When it is ended, or whoever asked for it is gone, the folders `remove` go; when it ends by
        itself they stay, as it may be started again on them. `last_command` runs after every end.

        stop_signal, grace_s: how it is asked to end, and how long it may take before SIGKILL.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        # Not asyncio's: a loop that closes would kill the guard before it has ended the command.
        guard = subprocess.Popen(  # noqa: ASYNC220
            [
                *(sys.executable, "-I", "-S", str(_GUARD), f"--log={log}", f"--grace-s={grace_s}"),
                f"--signal={stop_signal.name}",
                *(f"--remove={folder}" for folder in remove),
                *(f"--finally={word}" for word in last_command),
                "--",
                *(str(word) for word in command),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,  # Ctrl-C at the terminal is ours to handle, in our order
        )
        told = asyncio.StreamReader()
        try:
            await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(told), guard.stdout)
            word, _, number = (await told.readline()).decode().partition(" ")
        except BaseException:
            _let_go(guard)
            raise
        if word != "pid":
            _let_go(guard)
            guard.wait()
            raise failed(f"could not start {name}: {command[0]}", log)
        return cls(name, log, guard, told, int(number))

    async def _read_exit(self) -> int | None:
        line = (await self._told.readline()).decode()
        await self._told.read()  # to its end, which is the guard's
        _let_go(self._guard)
        self._guard.wait()
        return int(line.split()[1]) if line else None  # None: the guard itself was killed

    @property
    def running(self) -> bool:
        return not self._code.done()

    async def exit_code(self) -> int | None:
        """Waits for the end. Negative: ended by that signal; None: its guard was killed from outside."""
        return await asyncio.shield(self._code)

    async def stop(self) -> int | None:
        """Asks it to end and waits until it has; SIGKILL after its grace time. May be repeated."""
        _let_go(self._guard)
        return await self.exit_code()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the command alone, as a crash or an operator would."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def rss_bytes(self) -> int:
        """Resident memory, on Linux; 0 elsewhere and after its end."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        except OSError:
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    async def until(self, ready: Callable[[], Awaitable[bool]], *, what: str, timeout_s: float) -> None:
        """Waits until `ready()`; a StackError with the log's last lines if it ends before or takes too long.

        Whatever keeps it from getting there, the command does not outlive the waiting.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not await ready():
                    if not self.running:
                        code = await self.exit_code()
                        raise failed(f"{self.name} ended with exit code {code}, not {what}", self.log)
                    await asyncio.sleep(_POLL_S)
        except BaseException as error:
            await self.stop()
            if isinstance(error, TimeoutError):
                raise failed(f"{self.name}: not {what} within {timeout_s:.0f} s", self.log) from None
            raise


def _let_go(guard: subprocess.Popen[bytes]) -> None:
    """Closes its lifeline: what it runs ends."""
    if guard.stdin is not None:
        guard.stdin.close()


async def first_end(processes: Sequence[Process]) -> StackError:
    """Waits until one of them ends unasked, and returns which, with its log's last lines. Waits forever if there are
    none.
    """
    ends = {asyncio.create_task(process.exit_code()): process for process in processes}
    if not ends:
        await asyncio.get_running_loop().create_future()
    try:
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()
    ended = next(iter(done))
    return failed(f"{ends[ended].name} ended with exit code {ended.result()}", ends[ended].log)
