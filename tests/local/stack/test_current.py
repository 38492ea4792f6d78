"""Commands find the stack that `guanxi up` runs on this machine, and say which one answers."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from guanxi import current
from guanxi.cli import app, common_first
from shared.keys import read_keys

ENVIRONMENT = {
    "GUANXI_KAFKA_BOOTSTRAP": "127.0.0.1:9",
    "GUANXI_MONGO_URI": "mongodb://127.0.0.1:1/?replicaSet=guanxi",
    "GUANXI_TIME_ZONE": "Europe/London",
    "HOME": "/home/x",
}
FOLDER = Path("/tmp/guanxi-x")


@pytest.fixture(autouse=True)
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith("GUANXI_")}
    monkeypatch.setattr(os, "environ", {**own, "XDG_CACHE_HOME": str(tmp_path)})


def stack(port: int = 8080, **environment: str) -> AbstractContextManager[None]:
    return current.announced(FOLDER, {**ENVIRONMENT, **environment}, {"ingest": f"http://127.0.0.1:{port}"})


def test_a_running_stack_is_found_with_its_settings_and_is_gone_when_it_ends() -> None:
    with stack(8081):
        found = current.current()
        assert found is not None
        assert (found.name, found.services) == ("8081", {"ingest": "http://127.0.0.1:8081"})
        assert "HOME" not in found.environment
    assert current.current() is None


def test_its_settings_become_this_process_s_own_and_it_says_which_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(os.environ, "GUANXI_TIME_ZONE", "Asia/Shanghai")
    with stack():
        current.use_current()
    assert os.environ["GUANXI_MONGO_URI"] == ENVIRONMENT["GUANXI_MONGO_URI"]
    assert os.environ["GUANXI_TIME_ZONE"] == "Europe/London"
    said = capsys.readouterr()
    assert said.err == "guanxi: stack 8080 (Kafka 127.0.0.1:9, mongodb://127.0.0.1:1, in /tmp/guanxi-x)\n"
    assert said.out == ""


def test_servers_that_the_environment_names_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "GUANXI_MONGO_URI", "mongodb://elsewhere")
    with stack():
        assert current.current() is None
        monkeypatch.setitem(os.environ, current.STACK, "8080")
        with pytest.raises(typer.Exit):
            current.current()


def test_what_a_killed_stack_left_behind_does_not_count_and_goes(tmp_path: Path) -> None:
    with stack():
        left = (tmp_path / "guanxi" / "stacks" / "8080.json").read_text()
    (tmp_path / "guanxi" / "stacks" / "8080.json").write_text(left)
    assert current.current() is None
    assert not list((tmp_path / "guanxi" / "stacks").iterdir())


def test_a_broken_file_is_no_stack(tmp_path: Path) -> None:
    with stack():
        (tmp_path / "guanxi" / "stacks" / "8080.json").write_text("{")
        assert current.current() is None


def test_with_two_stacks_one_must_be_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """two `guanxi up` on one machine"""
    with stack(8080), stack(23456, GUANXI_MONGO_URI="mongodb://127.0.0.1:2"):
        with pytest.raises(typer.Exit) as ended:
            current.use_current()
        assert ended.value.exit_code == 2
        said = capsys.readouterr().err
        assert "several stacks run on this machine" in said
        assert "8080 (" in said
        assert "23456 (" in said
        assert "GUANXI_MONGO_URI" not in os.environ
        monkeypatch.setitem(os.environ, current.STACK, "23456")
        current.use_current()
        assert os.environ["GUANXI_MONGO_URI"] == "mongodb://127.0.0.1:2"
        assert "stack 23456" in capsys.readouterr().err


def test_with_two_stacks_somebody_at_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: " 8081 ")
    with stack(8080), stack(8081):
        found = current.current()
    assert found is not None
    assert found.name == "8081"


@pytest.mark.parametrize("running", [True, False])
def test_a_stack_that_does_not_run_can_not_be_named(
    *, running: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(os.environ, current.STACK, "9")
    with stack() if running else nullcontext(), pytest.raises(typer.Exit):
        current.current()
    said = capsys.readouterr().err
    assert "no stack '9' runs on this machine" in said
    assert ("8080 (" in said) == running


@pytest.mark.parametrize(
    ("words", "sorted_"),
    [
        (["status", "--stack", "8080", "--json"], ["--stack", "8080", "status", "--json"]),
        (["status", "--stack=8080"], ["--stack=8080", "status"]),
        (["--stack", "8080", "status"], ["--stack", "8080", "status"]),
        (["status"], ["status"]),
        (["send", "--", "--stack"], ["send", "--", "--stack"]),
        (["status", "--stack"], ["--stack", "status"]),
    ],
)
def test_the_stack_may_be_named_anywhere(words: list[str], sorted_: list[str]) -> None:
    assert common_first(words) == sorted_


def test_a_key_is_made_for_the_stack_that_runs(tmp_path: Path) -> None:
    file = tmp_path / "stack" / "keys.yaml"
    file.parent.mkdir()
    with stack(GUANXI_API_KEYS_FILE=str(file)):
        made = CliRunner().invoke(app, ["keys", "create", "--source", "erp"])
    assert (made.exit_code, [key.sources for key in read_keys(file)]) == (0, [("erp",)])
