"""Trees to be measured: the working tree, and other commits beside it, each with an environment of its own."""

import asyncio
import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.stack.errors import StackError, failed
from local.stack.paths import REPOSITORY
from local.stack.process import Process

BUILD = REPOSITORY / "build"
SHORT = 12
DONE_SECONDS = 900.0
"""How long an environment may take to be made."""
GRACE_SECONDS = 60.0
"""How long a measure may take to end its servers when it is asked to."""
WATCH_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Tree:
    """name: as the table calls it; python: that of its environment, which finds its guanxi, services and shared."""

    name: str
    python: Path


def working_tree() -> Tree:
    """This one, with all that is not committed."""
    return Tree("this tree", Path(sys.executable))


async def tree_of(commit: str, say: Callable[[str], None]) -> Tree:
    """A commit's files under build/trees, with the environment that its Makefile makes. Kept for the next time, until
    `make clean`. Raises StackError when there is no such commit, or no environment can be made.
    """
    asked = _git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    if asked.returncode != 0:
        raise StackError(f"there is no commit {commit!r} here")
    full = asked.stdout.decode().strip()
    folder = BUILD / "trees" / full[:SHORT]
    if not folder.exists():
        partial = folder.with_suffix(f".{os.getpid()}")
        shutil.rmtree(partial, ignore_errors=True)
        with tarfile.open(fileobj=io.BytesIO(_git("archive", "--format=tar", full).stdout)) as files:
            files.extractall(partial, filter="data")
        partial.rename(folder)
    say(f"environment of {commit} in {folder}")
    log = BUILD / "compare" / f"environment-{full[:SHORT]}.log"
    await done("make", ["make", "-C", str(folder), ".venv/.ready"], log)
    return Tree(commit, folder / ".venv" / "bin" / "python")


async def done(name: str, command: Sequence[str], log: Path) -> None:
    """Runs a command to its end; raises StackError with the last of its lines when it fails."""
    log.unlink(missing_ok=True)
    process = await Process.start(name, command, log=log)
    try:
        code = await asyncio.wait_for(process.exit_code(), DONE_SECONDS)
    except TimeoutError:
        raise failed(f"{name}: not done within {DONE_SECONDS:.0f} s", log) from None
    finally:
        await process.stop()
    if code != 0:
        raise failed(f"{name} ended with exit code {code}", log)


def driver(folder: Path) -> Path:
    """A folder from which any tree's Python runs *this* tree's tests.bench on its own services."""
    (folder / "tests").mkdir(parents=True)
    (folder / "tests" / "bench").symlink_to(REPOSITORY / "tests" / "bench")
    return folder


async def run_in(tree: Tree, words: list[str], driving: Path, log: Path, say: Callable[[str], None]) -> None:
    """Runs `python -m <words>` from a driver's folder and passes on the lines that it indents. Raises StackError with
    the last of its lines when it fails; whatever ends the waiting ends it too.
    """
    log.unlink(missing_ok=True)
    process = await Process.start(
        f"{words[0]} on {tree.name}", [tree.python, "-m", *words], log=log, cwd=driving, grace_s=GRACE_SECONDS
    )
    shown = 0
    try:
        while process.running:
            await asyncio.wait([asyncio.ensure_future(process.exit_code())], timeout=WATCH_SECONDS)
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            for line in lines[shown:]:
                if line.startswith("  "):
                    say(f"  {line}")
            shown = len(lines)
    finally:
        code = await process.stop()
    if code != 0:
        raise failed(f"{' '.join(words)} on {tree.name} ended with exit code {code}", log)


def _git(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", str(REPOSITORY), *words], capture_output=True, check=False)
