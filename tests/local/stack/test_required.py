"""What becomes of a test that needs a real Kafka where there is none: CI fails, a person is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.stack.paths import REPOSITORY

_NEEDS_KAFKA = "import pytest\n\n@pytest.mark.real\ndef test_it(kafka_bootstrap):\n    assert kafka_bootstrap\n"


def _run(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    test = folder / "test_needs_kafka.py"
    test.write_text(_NEEDS_KAFKA, encoding="utf-8")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GUANXI_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "tests.conftest", *arguments, str(test)],
        cwd=REPOSITORY,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_person_is_told_what_was_not_tested_and_why(tmp_path: Path) -> None:
    code, said = _run(tmp_path, GUANXI_STACK="embedded")
    assert code == 0
    assert "NOT TESTED, what needs a real Kafka and MongoDB: can't start Kafka here" in said
    assert "1 skipped" in said


def test_ci_fails(tmp_path: Path) -> None:
    code, said = _run(tmp_path, GUANXI_STACK="embedded", GUANXI_REQUIRE_REAL_KAFKA="1")
    assert code == 1
    assert "a real Kafka and a real MongoDB are required here" in said


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="alone"),
        pytest.param(["-n", "2"], id="workers", marks=pytest.mark.real),  # not for servers: to keep the others fast
    ],
)
def test_endpoints_of_the_environment_are_what_was_tested_with(tmp_path: Path, arguments: list[str]) -> None:
    given = {"GUANXI_KAFKA_BOOTSTRAP": "broker:1", "GUANXI_MONGO_URI": "mongodb://store:1"}
    code, said = _run(tmp_path, *arguments, **given)
    assert code == 0, said
    assert "Tested with Kafka of GUANXI_KAFKA_BOOTSTRAP and MongoDB of" in said
