"""Commands find the stack that `guanxi up` runs on this machine."""

import os
from pathlib import Path

import pytest

from guanxi.stack import current

ENVIRONMENT = {"GUANXI_MONGO_URI": "mongodb://127.0.0.1:1", "GUANXI_TIME_ZONE": "Europe/London", "HOME": "/home/x"}


@pytest.fixture(autouse=True)
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith("GUANXI_")}
    monkeypatch.setattr(os, "environ", {**own, "XDG_CACHE_HOME": str(tmp_path)})


def test_a_running_stack_is_found_with_its_settings_and_is_gone_when_it_ends() -> None:
    with current.announced(ENVIRONMENT, {"ingest": "http://127.0.0.1:2"}):
        found = current.current()
        assert found is not None
        assert found.services == {"ingest": "http://127.0.0.1:2"}
        assert "HOME" not in found.environment
    assert current.current() is None


def test_its_settings_become_this_process_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "GUANXI_TIME_ZONE", "Asia/Shanghai")
    with current.announced(ENVIRONMENT, {}):
        current.use_current()
    assert os.environ["GUANXI_MONGO_URI"] == "mongodb://127.0.0.1:1"
    assert os.environ["GUANXI_TIME_ZONE"] == "Europe/London"


def test_servers_that_the_environment_names_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "GUANXI_MONGO_URI", "mongodb://elsewhere")
    with current.announced(ENVIRONMENT, {}):
        assert current.current() is None


def test_what_a_killed_stack_left_behind_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    with current.announced(ENVIRONMENT, {}):
        monkeypatch.setattr(current, "_alive", lambda _: False)
        assert current.current() is None


def test_a_broken_file_is_no_stack(tmp_path: Path) -> None:
    with current.announced(ENVIRONMENT, {}):
        (tmp_path / "guanxi" / "current-stack.json").write_text("{")
        assert current.current() is None
