"""`guanxi demo` as a person runs it, on real servers: it shows the real figures, ends by itself, leaves nothing."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from local.stack.backing import Backing
from local.stack.paths import REPOSITORY

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def shown(stack: Backing, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What it prints into a pipe. (The session's servers only say that real ones can be had here.)"""
    folder = tmp_path_factory.mktemp("demo")
    own = {name: value for name, value in os.environ.items() if not name.startswith("GUANXI_")}
    done = subprocess.run(
        [sys.executable, "-m", "guanxi", "demo"],
        cwd=REPOSITORY,
        env={**own, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=840,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(folder.iterdir()) == [], "it left files"
    assert _processes_of(folder) == [], "it left processes"
    return done.stdout


def _processes_of(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has just ended
            continue
        if str(folder) in command:
            found.append(command)
    return found


@pytest.mark.parametrize(
    "line",
    [
        r"25,900 real invoices and [\d,]+ simulated events",
        r"^ +3,710 refused: no customer ",
        r"^ +4 refused: an amount of zero ",
        r"Net of the last 730 days over all 4,372 customers: 8,300,065\.81 GBP",
        r"^strategic +8 ",
        r"^all +4,372 ",
        r"^2026-\d\d( +[\d,.]+)+$",
        r"^14646 +.* strategic +86\.0 ",
        r"^AM01 .* account ",
        r"Overdue in all: ",
        r"events/s from the files to the views",
        r"\(p99\)",
        r"guanxi explain 14646",
    ],
)
def test_it_shows(shown: str, line: str) -> None:
    assert re.search(line, shown, re.MULTILINE)


def test_its_output_is_plain_text_of_at_most_a_hundred_columns(shown: str) -> None:
    assert "\x1b" not in shown
    assert "\r" not in shown
    assert max(cell_len(line.rstrip()) for line in shown.splitlines()) <= 100


def test_it_says_what_is_simulated_and_with_which_seed(shown: str) -> None:
    assert "Simulated:" in shown
    assert "--seed" in shown
