"""What deploy/backup, deploy/nightly and deploy/restore ask of Docker, and in which order; needs no Docker.

That it works with Docker is for tests/compose/test_6_restore.py.
"""

import os
import subprocess
from pathlib import Path

import pytest

from local.stack.paths import REPOSITORY

DOCKER = r"""#!/usr/bin/env bash
printf '%s\n' "$*" >>"$ASKED"
case "$*" in
  *"secrets save"*) printf 'all secrets' ;;
  *"cat /var/lib/guanxi/api-keys.yaml 2>"*) printf 'all keys' ;;
  *"backups seal"*) printf 'sealed: '; cat ;;
  *"backups open"*) sed 's/^sealed: //' ;;
  *"secrets load"*) cat >"$LOADED" ;;
  *"cat >/var/lib/guanxi/api-keys.yaml"*) cat >"$LOADED.keys" ;;
  *"trail --check") exit "${TRAIL_ENDS:-0}" ;;
  *"--check") exit "${CHECK_ENDS:-0}" ;;
esac
"""
PUBLIC = "age1public"


class Asked:
    """Runs a script with a docker that only notes what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log, self.loaded = folder / "asked", folder / "loaded"
        tools = folder / "tools"
        tools.mkdir()
        (tools / "docker").write_text(DOCKER)
        (tools / "docker").chmod(0o700)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GUANXI_")},
            "PATH": f"{tools}:{os.environ['PATH']}",
            "ASKED": str(self.log),
            "LOADED": str(self.loaded),
            "COMPOSE_FILE": "none",
        }

    def run(self, script: str, folder: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
        words = [str(REPOSITORY / "deploy" / script), str(folder), *more]
        here = self.environment | environment
        return subprocess.run(words, env=here, cwd=self.folder, capture_output=True, text=True, check=False)

    def order(self, *parts: str) -> None:
        """These were asked, in this order."""
        lines = self.log.read_text().splitlines()
        at = 0
        for part in parts:
            found = [number for number in range(at, len(lines)) if part in lines[number]]
            assert found, f"{part} is not among\n" + "\n".join(lines[at:])
            at = found[0] + 1


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


def test_a_backup_has_the_data_the_secrets_and_the_keys(asked: Asked, tmp_path: Path) -> None:
    done = asked.run("backup", tmp_path / "b")
    assert done.returncode == 0, done.stderr
    asked.order("cli guanxi backup /backups/b/data", "secrets save")
    assert "--since" not in asked.log.read_text()
    assert (tmp_path / "b" / "secrets.tar").read_text() == "all secrets"
    assert (tmp_path / "b" / "api-keys.yaml").read_text() == "all keys"
    assert oct((tmp_path / "b" / "secrets.tar").stat().st_mode)[-3:] == "600"


def test_sealed_no_secret_touches_the_disk_as_it_is(asked: Asked, tmp_path: Path) -> None:
    done = asked.run("backup", tmp_path / "b", GUANXI_BACKUP_RECIPIENTS=PUBLIC)
    assert done.returncode == 0, done.stderr
    assert {one.name for one in (tmp_path / "b").iterdir()} == {"data", "secrets.tar.age", "api-keys.yaml.age"}
    assert (tmp_path / "b" / "secrets.tar.age").read_text() == "sealed: all secrets"
    assert "-e GUANXI_BACKUP_RECIPIENTS" in asked.log.read_text()


def test_a_sealed_one_is_opened_on_its_way_back(asked: Asked, tmp_path: Path) -> None:
    asked.run("backup", tmp_path / "b", GUANXI_BACKUP_RECIPIENTS=PUBLIC)
    without = asked.run("restore", tmp_path / "b")
    assert (without.returncode, "the backup is sealed" in without.stderr) == (1, True)
    (tmp_path / "key.txt").write_text("key")
    done = asked.run("restore", tmp_path / "b", GUANXI_BACKUP_IDENTITY=str(tmp_path / "key.txt"))
    assert done.returncode == 0, done.stderr
    assert asked.loaded.read_text() == "all secrets"
    assert asked.loaded.with_suffix(".keys").read_text() == "all keys"
    asked.order("secrets load", "kafka mongo", "GUANXI_BACKUP_IDENTITY=/run/identity/identity", "up -d --wait")


def test_one_that_is_not_sealed_comes_back_as_before(asked: Asked, tmp_path: Path) -> None:
    asked.run("backup", tmp_path / "b")
    assert asked.run("restore", tmp_path / "b").returncode == 0
    assert asked.loaded.read_text() == "all secrets"
    asked.order("secrets load", "up -d --wait kafka mongo", "setup guanxi restore /backup", "up -d --wait")
    assert "backups open" not in asked.log.read_text()


def test_each_night_a_backup_is_made_checked_and_old_ones_go(asked: Asked, tmp_path: Path) -> None:
    done = asked.run("nightly", tmp_path / "all", KEEP_DAILY="3")
    assert done.returncode == 0, done.stderr
    (night,) = (tmp_path / "all").iterdir()
    asked.order(
        f"cli guanxi backup /backups/{night.name}/data",
        f"cli guanxi backup /backups/{night.name}/data --check",
        "cli guanxi backups prune /backups --keep-daily 3 --keep-weekly 5 --keep-monthly 12",
        "cli guanxi trail --check",
    )


def test_a_trail_that_is_not_whole_is_told_and_holds_up_no_backup(asked: Asked, tmp_path: Path) -> None:
    assert asked.run("nightly", tmp_path / "all", TRAIL_ENDS="1").returncode == 1
    asked.order("--check", "cli guanxi backups prune")


def a_complete_one(folder: Path) -> None:
    (folder / "data").mkdir(parents=True)
    (folder / "data/manifest.json").write_text("{}")


def test_each_night_goes_on_from_the_newest_complete_one(asked: Asked, tmp_path: Path) -> None:
    for complete in ("2026-01-01T0200Z", "2026-01-02T0200Z"):
        a_complete_one(tmp_path / "all" / complete)
    (tmp_path / "all" / "2026-01-03T0200Z").mkdir()
    assert asked.run("nightly", tmp_path / "all").returncode == 0
    assert "--since /backups/2026-01-02T0200Z/data" in asked.log.read_text()


def test_an_earlier_one_that_is_none_is_said_before_anything_is_asked(asked: Asked, tmp_path: Path) -> None:
    done = asked.run("backup", tmp_path / "b", "a")
    assert (done.returncode, "a is no complete backup" in done.stderr) == (1, True)
    assert not asked.log.exists()


def test_none_goes_where_the_new_one_is_not_whole(asked: Asked, tmp_path: Path) -> None:
    assert asked.run("nightly", tmp_path / "all", CHECK_ENDS="1").returncode == 1
    assert "prune" not in asked.log.read_text()
