"""`guanxi backups` lists a folder of backups and removes what need not stay, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
from pyrage.x25519 import Identity
from typer.testing import CliRunner

from guanxi.cli import app
from operations.backup.check import CHECKED
from operations.backup.files import MANIFEST
from operations.backup.shelf import shelf
from tests.operations.backup.test_check import LOG_0, a_backup


def guanxi(*words: str | Path, **options: Any) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], **options)


@pytest.fixture(autouse=True)
def _no_servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GUANXI_MONGO_URI", "GUANXI_KAFKA_BOOTSTRAP", "GUANXI_SECRETS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    """Ten nights, by `guanxi backup` and by deploy/backup in turn; one that was not finished; something else."""
    folder = tmp_path / "backups"
    for night in range(10, 20):
        inside = "data" if night % 2 else ""
        a_backup(folder / f"11-{night}" / inside, made_at=f"2026-11-{night}T02:00:00+00:00")
    (a_backup(folder / "unfinished") / MANIFEST).unlink()
    (folder / "letters").mkdir()
    (folder / "letters" / "to-keep.txt").write_text("mine")
    (folder / "link").symlink_to(folder / "11-10")
    return folder


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


OTHERS = {"unfinished", "letters", "link"}


def test_a_check_marks_it_and_the_list_says_so(backups: Path) -> None:
    assert guanxi("backup", backups / "11-18", "--check").exit_code == 0
    assert guanxi("backup", backups / "11-19" / "data", "--check").exit_code == 0
    listed = guanxi("backups", "list", backups).stdout.splitlines()
    assert [line.split()[0] for line in listed[:2]] == ["11-19", "11-18"]
    assert "good, checked" in listed[0]
    assert "not checked" in listed[2]
    found = json.loads(guanxi("backups", "list", backups, "--json").stdout)
    assert [one["folder"] for one in found if one["checked_at"]] == ["11-19", "11-18"]
    assert {one["folder"] for one in found if one["why"]} == {"unfinished", "letters"}


def test_one_that_is_damaged_since_is_good_no_more(backups: Path) -> None:
    path = backups / "11-18"
    assert guanxi("backup", path, "--check").exit_code == 0
    (path / f"{LOG_0}.bson.gz").write_bytes(b"")
    assert guanxi("backup", path, "--check").exit_code == 1
    assert all(one.checked_at is None for one in shelf(backups))


def test_a_mark_of_another_backup_counts_for_nothing(backups: Path) -> None:
    assert guanxi("backup", backups / "11-18", "--check").exit_code == 0
    (backups / "11-16" / CHECKED).write_text((backups / "11-18" / CHECKED).read_text())
    assert [one.folder.name for one in shelf(backups) if one.checked_at] == ["11-18"]


def test_what_need_not_stay_goes_and_nothing_else(backups: Path) -> None:
    guanxi("backup", backups / "11-10", "--check")
    words = ("backups", "prune", backups, "--keep-daily", "2", "--keep-weekly", "2")
    tried = guanxi(*words, "--dry-run")
    assert "would go  11-17" in tried.stdout
    assert len(names(backups)) == 13, "nothing went"
    done = guanxi(*words)
    assert done.exit_code == 0, done.output
    assert names(backups) == {"11-19", "11-18", "11-10"} | OTHERS, "of the week before, the good one"
    assert "left alone  letters" in done.stdout
    assert (backups / "letters" / "to-keep.txt").read_text() == "mine"
    again = guanxi(*words)
    assert "0 are removed" in again.stdout


def test_while_none_is_known_to_be_good_nothing_goes(backups: Path) -> None:
    done = guanxi("backups", "prune", backups, "--keep-daily", "1", "--keep-weekly", "0")
    assert done.exit_code == 1
    assert "none was found good, so none goes" in done.output
    assert len(names(backups)) == 13


def test_an_empty_folder_and_none_are_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no backups in" in guanxi("backups", "list", tmp_path / "empty").stdout
    gone = guanxi("backups", "prune", tmp_path / "none")
    assert (gone.exit_code, "No such file" in gone.output) == (1, True)


def test_a_sealed_one_is_good_only_for_who_can_open_it(tmp_path: Path) -> None:
    identity = Identity.generate()
    (tmp_path / "key.txt").write_text(f"{identity}\n")
    path = a_backup(tmp_path / "b" / "one", recipients=[str(identity.to_public())])
    half = guanxi("backup", path, "--check")
    assert (half.exit_code, "was not looked at" in half.stdout) == (0, True)
    assert [one.checked_at for one in shelf(path.parent)] == [None]
    whole = guanxi("backup", path, "--check", "--identity", tmp_path / "key.txt")
    assert (whole.exit_code, "the backup is good" in whole.stdout) == (0, True)
    assert "sealed  good" in guanxi("backups", "list", path.parent).stdout
    wrong = guanxi("backup", path, "--check", "--identity", path / MANIFEST)
    assert (wrong.exit_code, "not a key of age" in wrong.output) == (2, True)


def test_files_beside_a_backup_are_sealed_and_opened(tmp_path: Path) -> None:
    identity = Identity.generate()
    (tmp_path / "key.txt").write_text(f"{identity}\n")
    secret = b"secrets\x00of all" * 200_000
    sealed = guanxi("backups", "seal", input=secret, env={"GUANXI_BACKUP_RECIPIENTS": str(identity.to_public())})
    assert sealed.exit_code == 0
    assert sealed.stdout_bytes.startswith(b"age-encryption.org/v1")
    opened = guanxi("backups", "open", "--identity", tmp_path / "key.txt", input=sealed.stdout_bytes)
    assert opened.stdout_bytes == secret
    cut = guanxi("backups", "open", "--identity", tmp_path / "key.txt", input=sealed.stdout_bytes[:-5])
    assert cut.exit_code == 1
    assert guanxi("backups", "seal", input=b"").exit_code == 2
    assert guanxi("backups", "open", input=b"").exit_code == 2
