"""The root of the command line: every command is listed, and none is imported before it runs."""

import pkgutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import guanxi.commands
from guanxi.cli import app

_MODULES = [module.name for module in pkgutil.iter_modules(guanxi.commands.__path__) if module.name[0] != "_"]


def test_help_lists_every_command() -> None:
    said = CliRunner().invoke(app, ["--help"]).output
    for module in _MODULES:
        assert f" {module.rstrip('_').replace('_', '-')} " in said


@pytest.mark.parametrize("module", _MODULES)
def test_every_command_has_help(module: str) -> None:
    result = CliRunner().invoke(app, [module.rstrip("_").replace("_", "-"), "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage: guanxi" in result.output or "Usage: root" in result.output


def test_help_imports_no_command() -> None:
    look = (
        "import sys\nfrom guanxi.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "slow = {'aiokafka', 'faststream', 'motor', 'pymongo', 'fastapi', 'local.stack'}\n"
        "slow |= {'cryptography', 'httpx', 'pydantic', 'rich', 'yaml'}\n"
        "print('IMPORTED', sorted(slow & set(sys.modules)))\n"
    )
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "IMPORTED []"


def test_a_misspelt_command_is_answered_with_the_nearest() -> None:
    result = CliRunner().invoke(app, ["upp"])
    assert result.exit_code == 2
    assert "No such command 'upp'. Did you mean 'up'?" in " ".join(result.output.split())
