"""Looking at the processes of this machine, for tests about what is left behind."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

_POLL_S = 0.02
_PATIENCE_S = 15.0


def with_word(word: str) -> dict[int, str]:
    """Command lines, by pid, of the live processes that have `word` in theirs."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if word in line:
                found[int(folder.name)] = line
    return found


def alive(pid: int) -> bool:
    """A zombie, which only waits to be collected, is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def gone(word: str) -> bool:
    """Whether, in time, no process with `word` is left."""
    return await _in_time(lambda: not with_word(word))


async def appeared(*words: str) -> bool:
    """Whether, in time, there is a process with all these words."""
    return await _in_time(lambda: any(all(word in line for word in words) for line in with_word(words[0]).values()))


async def _in_time(true: Callable[[], bool]) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while not true():  # noqa: ASYNC110  (other people's processes tell us nothing)
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        return False
    return True
