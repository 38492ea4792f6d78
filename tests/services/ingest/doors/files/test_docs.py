"""docs/import.md: its commands run, and its mappings are mappings."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from guanxi.cli import app
from local.stack.paths import REPOSITORY
from services.ingest.doors.files.mapping import Mapping, parse_mapping

DOC = (REPOSITORY / "docs" / "import.md").read_text(encoding="utf-8")
EXPORT = REPOSITORY / "tests/services/ingest/doors/files/exports" / "erpnext-sales-invoices.csv"
BLOCKS = re.findall(r"```yaml\n(.*?)```", DOC, re.DOTALL)


def commands() -> list[list[str]]:
    """The commands of the page, without what the shell does."""
    blocks = re.findall(r"```sh\n(.*?)```", DOC, re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def test_the_first_commands_run_and_say_what_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(EXPORT, tmp_path)
    guess, dry, *_ = commands()
    assert guess[-2:] == [">", "invoices.yaml"]
    proposal = CliRunner().invoke(app, guess[1:-2])
    Path("invoices.yaml").write_text(proposal.output, encoding="utf-8")
    result = CliRunner().invoke(app, dry[1:])
    assert result.exit_code == 0
    shown = re.search(r"\n\n((?: {4}.*\n)+)", DOC)
    assert shown is not None
    said = " ".join(result.output.split())
    for line in shown[1].splitlines():
        assert " ".join(line.split()) in said


def test_its_mappings_are_mappings() -> None:
    merged = 0
    for block in BLOCKS:
        held = yaml.safe_load(block)
        if "import" in held:
            continue
        if "rules" in held:
            parse_mapping(block, "docs/import.md")
        else:
            Mapping.model_validate({**held, "rules": [{"skip": "all"}]})
        merged += 1
    assert merged == 4


def test_help_teaches_how_to_begin() -> None:
    text = " ".join(CliRunner().invoke(app, ["import", "--help"]).output.split())
    for part in ("--guess orders.xlsx > orders.yaml", "--dry-run", "--map A FILES --map B FILES", "docs/import.md"):
        assert part in text, text
