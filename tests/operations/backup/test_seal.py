"""A sealed backup is readable by who holds the key and by nobody else, and whole or not for everybody."""

import gzip
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from pyrage.x25519 import Identity

from operations.backup.check import check_backup
from operations.backup.files import MANIFEST, Source, documents_of, read_manifest
from operations.backup.seal import Opening, Sealing, identities_of, recipients_of
from shared.errors import Malformed, Stop
from tests.operations.backup.test_check import LOG_0, a_backup

LARGE = bytes(range(256)) * 4_096
"""Over a pipe's capacity, and over one of age's chunks."""


@pytest.fixture(scope="module")
def identity() -> Identity:
    return Identity.generate()


def sealed(path: Path, identity: Identity) -> Path:
    return a_backup(path, recipients=[str(identity.to_public())])


def check(path: Path, *identities: Identity) -> Source:
    return check_backup(path, note=lambda _: None, identities=identities)


def test_who_holds_the_key_reads_it(tmp_path: Path, identity: Identity) -> None:
    done = check(sealed(tmp_path / "b", identity), identity)
    assert done.readable
    (log,) = [part for part in done.manifest.parts if part.path.startswith(LOG_0)]
    assert [one["o"] for one in documents_of(done, log)] == [0, 1, 2]


def test_nothing_of_it_is_readable_on_the_disk_but_the_manifest(tmp_path: Path, identity: Identity) -> None:
    path = sealed(tmp_path / "b", identity)
    files = [file for file in path.rglob("*") if file.is_file() and file.name != MANIFEST]
    assert files
    for file in files:
        assert file.name.endswith(".bson.gz.age")
        assert file.read_bytes().startswith(b"age-encryption.org/v1")
        assert oct(file.stat().st_mode)[-3:] == "600"
    assert read_manifest(path).recipients == [str(identity.to_public())]


def test_without_a_key_its_checksums_are_checked_and_its_documents_are_not(tmp_path: Path, identity: Identity) -> None:
    path = sealed(tmp_path / "b", identity)
    assert not check(path).readable
    file = path / f"{LOG_0}.bson.gz.age"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(Stop, match="is damaged"):
        check(path)


def test_another_key_does_not_open_it(tmp_path: Path, identity: Identity) -> None:
    path = sealed(tmp_path / "b", identity)
    with pytest.raises(Stop, match="age: No matching keys found"):
        check(path, Identity.generate())
    source = Source(path, read_manifest(path))
    with pytest.raises(Stop, match="is sealed"):
        list(documents_of(source, source.manifest.parts[0]))


@pytest.mark.parametrize("content", [b"", b"x", LARGE])
def test_what_was_sealed_comes_out(content: bytes, identity: Identity) -> None:
    file = io.BytesIO()
    sealing = Sealing(file, [identity.to_public()])
    for start in range(0, len(content), 100_000):
        sealing.write(content[start : start + 100_000])
    sealing.close()
    opening = Opening(io.BytesIO(file.getvalue()), [identity])
    assert b"".join(iter(lambda: opening.read(70_000), b"")) == content


def test_who_stops_reading_early_waits_for_nothing(identity: Identity) -> None:
    file = io.BytesIO()
    sealing = Sealing(file, [identity.to_public()])
    sealing.write(LARGE)
    sealing.close()
    opening = Opening(io.BytesIO(file.getvalue()), [identity])
    assert opening.read(10) == LARGE[:10]
    opening.close()


def test_a_change_is_found_while_it_is_read(identity: Identity) -> None:
    file = io.BytesIO()
    sealing = Sealing(file, [identity.to_public()])
    sealing.write(gzip.compress(LARGE))
    sealing.close()
    changed = bytearray(file.getvalue())
    changed[-1] ^= 1
    opening = Opening(io.BytesIO(bytes(changed)), [identity])
    with pytest.raises(Stop, match="age: "):
        list(iter(lambda: opening.read(1_000), b""))


def test_a_file_that_takes_nothing_is_told() -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError("no space left on the device")

    sealing = Sealing(Full(), [Identity.generate().to_public()])
    with pytest.raises(Stop, match="no space left on the device"):  # noqa: PT012 - whichever of them finds out first
        for _ in range(100):
            sealing.write(LARGE)
        sealing.close()


@pytest.mark.parametrize("texts", [["age1nobody"], [""], ["AGE-SECRET-KEY-1"]])
def test_what_is_no_public_key_is_refused_before_a_folder_is_made(texts: Sequence[str], tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="is not a public key of age"):
        recipients_of(texts)
    with pytest.raises(Malformed):
        a_backup(tmp_path / "b", recipients=texts)
    assert not (tmp_path / "b").exists()


def test_an_identity_is_read_as_age_keygen_writes_it(tmp_path: Path, identity: Identity) -> None:
    file = tmp_path / "key.txt"
    file.write_text(f"# created: 2026-11-23\n# public key: {identity.to_public()}\n{identity}\n")
    (found,) = identities_of(file)
    assert str(found) == str(identity)
    assert identities_of(None) == []


@pytest.mark.parametrize(
    ("text", "said"), [("# nothing\n", "has no key of age"), ("AGE-SECRET-KEY-1HIDDEN\n", "a line is not a key of age")]
)
def test_what_is_no_identity_is_refused_and_not_shown(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "key.txt"
    file.write_text(text)
    with pytest.raises(Malformed, match=said) as raised:
        identities_of(file)
    assert "HIDDEN" not in str(raised.value)
    with pytest.raises(Malformed, match="No such file"):
        identities_of(tmp_path / "none")
