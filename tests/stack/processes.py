"""Looking at the processes of this machine, for tests about what is left behind."""

import asyncio
import os
from pathlib import Path

_POLL_S = 0.02


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


async def gone(word: str, *, within_s: float = 15.0) -> bool:
    """Whether within that time no process with `word` is left."""
    deadline = asyncio.get_running_loop().time() + within_s
    while with_word(word):
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True
