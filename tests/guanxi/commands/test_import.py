"""`guanxi import` as a person meets it: what it prints and how it ends."""

import gzip
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from guanxi.cli import app
from services.ingest.doors.files.refused_file import default_name
from tests.services.ingest.doors.files.memory import HEADER, MAPPING


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.yaml").write_text(MAPPING, encoding="utf-8")
    (tmp_path / "orders.csv.gz").write_bytes(
        gzip.compress(f"{HEADER}1,2020-02-20 10:00,C1,5\n2,2020-02-20 10:00,,5\n".encode())
    )


def guanxi(*words: str) -> Result:
    return CliRunner().invoke(app, ["import", *words])


def test_a_dry_run_sums_up_and_ends_with_0_though_rows_are_refused() -> None:
    result = guanxi("orders.csv.gz", "--map", "shop.yaml", "--dry-run", "--backfill")
    assert result.exit_code == 0, result.output
    assert "2  read" in result.output
    assert "1  ready to send" in result.output
    assert "missing_field" in result.output
    assert "Refused rows, unchanged: orders.refused.csv" in result.output
    assert "2020-02-20 10:00,,5" in Path("orders.refused.csv").read_text(encoding="utf-8")


def test_strict_ends_with_1_when_a_row_was_refused() -> None:
    assert guanxi("orders.csv.gz", "--map", "shop.yaml", "--dry-run", "--backfill", "--strict").exit_code == 1


def test_a_damaged_file_ends_with_1_after_the_summary() -> None:
    Path("cut.csv.gz").write_bytes(Path("orders.csv.gz").read_bytes()[:-4])
    result = guanxi("cut.csv.gz", "--map", "shop.yaml", "--dry-run", "--backfill")
    assert result.exit_code == 1
    assert "read" in result.output
    assert "Not read to the end: cut.csv.gz" in result.output


MISTAKES = {
    "no mapping": (["orders.csv.gz"], 1, "--map"),
    "no file": (["nowhere.csv", "--map", "shop.yaml"], 1, "nowhere.csv: no such file"),
    "a mapping that is none": (["orders.csv.gz", "--map", "orders.csv.gz"], 1, "not UTF-8"),
    "columns missing": (["shop.yaml", "--map", "shop.yaml"], 1, "no column"),
    "--as-late alone": (["orders.csv.gz", "--map", "shop.yaml", "--as-late"], 2, "--backfill"),
    "no day": (["orders.csv.gz", "--map", "shop.yaml", "--shift-to", "soon"], 2, "soon"),
    "a folder for the refused": (
        ["orders.csv.gz", "--map", "shop.yaml", "--dry-run", "--refused", "."],
        1,
        "directory",
    ),
}


@pytest.mark.parametrize(("words", "code", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_said_in_words(words: list[str], code: int, message: str) -> None:
    result = guanxi(*words)
    assert (result.exit_code, "Traceback" in result.output) == (code, False), result.output
    assert message in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(
    ("first", "name"),
    [
        ("a/orders.csv", "orders.refused.csv"),
        ("orders.csv.gz", "orders.refused.csv"),
        ("e.ndjson.gz", "e.refused.ndjson"),
        ("orders", "orders.refused"),
    ],
)
def test_the_refused_rows_go_beside_by_default(first: str, name: str) -> None:
    assert default_name(Path(first)) == name
