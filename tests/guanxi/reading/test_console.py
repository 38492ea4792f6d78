"""How the demo speaks: calm in a file, one moving line on a terminal."""

import io
import math

import pytest

from guanxi.reading.console import Narrator
from local.demo.latency import percentile


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_file_gets_a_count_every_five_seconds_and_the_last_one() -> None:
    out, clock = io.StringIO(), _Clock()
    narrator = Narrator(out, clock)
    for second in range(12):
        clock.now = 100.0 + second
        narrator.moving(f"{second} rows")
    narrator.moving("12 rows", last=True)
    assert out.getvalue().splitlines() == [
        "[  0.0 s] 0 rows",
        "[  5.0 s] 5 rows",
        "[ 10.0 s] 10 rows",
        "[ 11.0 s] 12 rows",
    ]


def test_a_file_gets_no_control_characters() -> None:
    out = io.StringIO()
    narrator = Narrator(out, _Clock())
    narrator.heading("客户 by tier")
    narrator.moving("1 row")
    narrator.step("done")
    narrator.console.print("[bold]as it is[/bold]")
    assert out.getvalue().replace("\n", "").isprintable()
    assert "[bold]as it is[/bold]" in out.getvalue()


def test_on_a_terminal_the_next_count_replaces_the_last_and_a_step_begins_a_new_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out, clock = _Terminal(), _Clock()
    narrator = Narrator(out, clock)
    narrator.moving("1 row")
    clock.now += 1
    narrator.moving("2 rows")
    narrator.step("done")
    assert out.getvalue() == "\r\x1b[2K[  0.0 s] 1 row\r\x1b[2K[  1.0 s] 2 rows\n[  1.0 s] done\n"


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2), (0.75, 3), (0.99, 4), (1.0, 4), (0.01, 1)])
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert percentile([4, 1, 3, 2], share) == expected


def test_a_percentile_of_nothing_is_not_a_number() -> None:
    assert math.isnan(percentile([], 0.5))
