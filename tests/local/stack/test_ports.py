"""No port is given twice, though nobody listens yet."""

import subprocess
import sys

import pytest

from local.stack import ports
from local.stack.paths import REPOSITORY
from local.stack.ports import free_port

ASK = "from local.stack import ports; ports._FIRST, ports._LAST = {first}, {last}; print(ports.free_port())"


def test_no_port_is_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_port()
    monkeypatch.setattr(ports, "_FIRST", first)
    monkeypatch.setattr(ports, "_LAST", first + 2)
    monkeypatch.setattr(ports, "is_free", lambda _: True)
    monkeypatch.setattr(ports, "_claimed", lambda _: True)
    assert free_port() == first + 1
    with pytest.raises(OSError, match="no free port"):
        free_port()


def test_another_process_gets_another_port() -> None:
    first = free_port()
    ask = ASK.format(first=first, last=first + 1)
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60
    )
    assert "no free port" in done.stderr
