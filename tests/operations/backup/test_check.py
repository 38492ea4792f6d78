"""`guanxi backup --check` reads a backup whole, and says which file of it is no good."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from operations.backup.check import check_backup
from operations.backup.files import MANIFEST, Folder, Manifest
from services import SERVICES
from shared.errors import Stop

LOG_0 = "kafka/guanxi.log/0"


def a_backup(
    path: Path, offsets: range = range(3), recipients: Sequence[str] = (), made_at: str = "2026-11-23T08:00:00+00:00"
) -> Path:
    folder = Folder(path, recipients)
    with folder.part(LOG_0) as part:
        part.add({"o": offset, "v": b"{}"} for offset in offsets)
    for service in SERVICES.folding:
        with folder.part(f"waiting/{service}"):
            pass
    manifest = Manifest(made_at, 1, "Asia/Shanghai", 1, 1, {}, {}, {}, {"0": 3})
    folder.finish(manifest)
    return path


def check(path: Path) -> Manifest:
    return check_backup(path, note=lambda _: None).manifest


def test_a_whole_one_is_good(tmp_path: Path) -> None:
    assert check(a_backup(tmp_path / "b")).made_at.startswith("2026-11-23")


@pytest.mark.parametrize("offsets", [range(2), range(1, 4), range(0)], ids=["end", "beginning", "all"])
def test_a_log_that_lacks_a_record_is_found(tmp_path: Path, offsets: range) -> None:
    with pytest.raises(Stop, match=r"lacks the record at 0|has \d documents, not 3"):
        check(a_backup(tmp_path / "b", offsets))


def test_a_damaged_file_is_found(tmp_path: Path) -> None:
    file = a_backup(tmp_path / "b") / f"{LOG_0}.bson.gz"
    held = bytearray(file.read_bytes())
    held[len(held) // 2] ^= 1
    file.write_bytes(held)
    with pytest.raises(Stop, match="is damaged"):
        check(tmp_path / "b")


def test_a_file_that_is_gone_or_that_the_manifest_does_not_name_is_found(tmp_path: Path) -> None:
    path = a_backup(tmp_path / "b")
    (path / f"{LOG_0}.bson.gz").unlink()
    with pytest.raises(Stop, match="can't be read"):
        check(path)
    manifest = json.loads((path / MANIFEST).read_text())
    manifest["parts"] = [part for part in manifest["parts"] if "guanxi.log" not in part["path"]]
    (path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(Stop, match=r"has no kafka/guanxi\.log/0"):
        check(path)


def test_one_that_was_not_finished_is_none(tmp_path: Path) -> None:
    (a_backup(tmp_path / "b") / MANIFEST).unlink()
    with pytest.raises(Stop, match="an incomplete one"):
        check(tmp_path / "b")
