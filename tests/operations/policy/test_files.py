"""`guanxi policy check` and `diff`: what a file is told, and what two say differently."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from guanxi.cli import app
from local.stack.paths import REPOSITORY
from operations.policy.difference import Difference, differences
from operations.policy.files import MAX_BYTES, read_text
from shared.errors import Malformed

FOLDER = REPOSITORY / "deploy" / "policies"
TEXT = (FOLDER / "default-cny.yaml").read_text(encoding="utf-8")


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["policy", *words])
    return result.exit_code, result.stdout, result.stderr


def changed(tmp_path: Path, old: str, new: str) -> str:
    assert TEXT.count(old) == 1
    file = tmp_path / "mine.yaml"
    file.write_text(TEXT.replace(old, new), encoding="utf-8")
    return str(file)


def test_a_file_that_is_right_says_which_policy_it_is() -> None:
    code, out, err = run("check", str(FOLDER / "default-cny.yaml"))
    assert (code, err) == (0, "")
    assert "default-cny version 1, from 2000-01-01" in out


def test_every_error_has_its_line_and_its_reason(tmp_path: Path) -> None:
    code, out, err = run("check", changed(tmp_path, "    hold: 62", "    hold: 66\n    holt: 1"))
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "guanxi: mine.yaml, line 67: tiers.partner.holt: unknown; known are approval, enter, gates, hold",
        (
            "guanxi: mine.yaml, line 66: tiers.partner.hold: hold is above enter: "
            "a customer would leave the tier as soon as it enters"
        ),
    ]


def test_a_gate_that_no_one_can_pass_is_a_warning(tmp_path: Path) -> None:
    file = changed(tmp_path, "      - [0.40, 10]\n  payment", "      - [0.40, 6]\n  payment")
    Path(file).write_text(Path(file).read_text().replace("gates: {payment: 2}", "gates: {payment: 2, margin: 7}"))
    code, out, err = run("check", file)
    assert code == 0
    assert "warning: priority: gate on margin at 7.0: no one can pass, it scores 6.0 at most" in err
    assert "is a policy" in out


def test_a_score_beyond_the_reach_of_all_factors_is_a_warning(tmp_path: Path) -> None:
    file = changed(tmp_path, "    enter: 80 ", "    enter: 99 ")
    Path(file).write_text(Path(file).read_text().replace("      - [100000000, 10]", "      - [100000000, 9]"))
    assert "warning: strategic: no one can reach 99.0; the best score is 98.0" in run("check", file)[2]


def test_a_calendar_that_no_service_could_read_is_an_error() -> None:
    with pytest.raises(Malformed, match=r"mine\.yaml, line \d+: the policy's calendar"):
        read_text(TEXT.replace("country: CN ", "country: XX "), "mine.yaml")


def test_a_file_that_is_not_there_or_no_text_or_too_large(tmp_path: Path) -> None:
    assert "No such file" in run("check", str(tmp_path / "none.yaml"))[2]
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8 text" in run("check", str(tmp_path / "bytes.yaml"))[2]
    (tmp_path / "large.yaml").write_text("#" * (MAX_BYTES + 1))
    assert "at most 256 KB" in run("check", str(tmp_path / "large.yaml"))[2]


def test_a_policy_does_not_differ_from_itself_however_it_is_written() -> None:
    assert differences(TEXT, TEXT.replace("7.10", "7.1").replace("{payment: 2}", "\n      payment: 2.0")) == []


def test_each_difference_has_its_place(tmp_path: Path) -> None:
    other = TEXT.replace("    enter: 65", "    enter: 66").replace("  JPY: 0.047\n", "")
    other = other.replace("      - [0.40, 10]", "      - [0.50, 10]")
    assert differences(TEXT, other) == [
        Difference("rates.JPY", "0.047", "-"),
        Difference("factors.margin.points", "[[0, 0], [0.20, 5], [0.40, 10]]", "[[0, 0], [0.20, 5], [0.50, 10]]"),
        Difference("tiers.partner.enter", "65", "66"),
    ]
    (tmp_path / "other.yaml").write_text(other)
    code, out, _ = run("diff", str(FOLDER / "default-cny.yaml"), str(tmp_path / "other.yaml"))
    assert code == 0
    assert "tiers.partner.enter    65  ->  66" in out
