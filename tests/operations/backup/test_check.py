"""`guanxi backup --check` reads a backup whole, and says which file of it is no good."""

import errno
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from operations.backup.check import check_backup
from operations.backup.files import MANIFEST, Folder, Manifest, Source, read_manifest
from services import SERVICES
from shared.errors import Stop

LOG_0 = "kafka/guanxi.log/0.000000000000"


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
    with pytest.raises(Stop, match=r"lacks the record at 0|has \d records, not 3"):
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


def test_the_files_of_a_partition_follow_each_other(tmp_path: Path) -> None:
    def split(path: Path, *parts: range) -> Path:
        folder = Folder(path)
        for number, offsets in enumerate(parts):
            with folder.part(f"kafka/guanxi.log/0.{number}") as part:
                part.add({"o": offset} for offset in offsets)
        for service in SERVICES.folding:
            with folder.part(f"waiting/{service}"):
                pass
        folder.finish(Manifest("2026-11-23T08:00:00+00:00", 1, "UTC", 1, 1, {}, {}, {}, {"0": 3}))
        return path

    check(split(tmp_path / "whole", range(2), range(2, 3)))
    with pytest.raises(Stop, match="lacks the record at 2"):
        check(split(tmp_path / "gap", range(2), range(3, 4)))
    with pytest.raises(Stop, match="lacks the record at 1"):
        check(split(tmp_path / "twice", range(1), range(2)))


def test_a_backup_that_shares_files_is_whole_without_the_earlier_one(tmp_path: Path) -> None:
    first = a_backup(tmp_path / "first")
    earlier = Source(first, read_manifest(first))
    folder = Folder(tmp_path / "second")
    for part in earlier.manifest.parts:
        folder.share(earlier, part)
    folder.finish(read_manifest(first))
    file = f"{LOG_0}.bson.gz"
    assert (tmp_path / "second" / file).samefile(first / file)
    shutil.rmtree(first)
    check(tmp_path / "second")


def test_on_another_disk_it_is_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def another_disk(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", another_disk)
    first = a_backup(tmp_path / "first")
    earlier = Source(first, read_manifest(first))
    folder = Folder(tmp_path / "second")
    folder.share(earlier, earlier.manifest.parts[0])
    made = tmp_path / "second" / f"{LOG_0}.bson.gz"
    assert made.read_bytes() == (first / f"{LOG_0}.bson.gz").read_bytes()
    assert oct(made.stat().st_mode)[-3:] == "600"
