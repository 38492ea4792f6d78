"""deploy/secrets in folders of a test: what it makes, hands out, keeps, and makes anew; needs no Docker.

Who may read what is handed out is for tests/compose: `chown` does nothing here.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local.stack.paths import REPOSITORY
from services import SERVICES

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


class Secrets:
    def __init__(self, folder: Path) -> None:
        self.all, self.handed = folder / "secrets", folder / "handout"
        tools = folder / "tools"
        for one in (
            self.all,
            tools,
            *(self.handed / name for name in (*SERVICES, "operator", "setup", "kafka", "mongo")),
        ):
            one.mkdir(parents=True)
        (tools / "chown").write_text("#!/bin/sh\n")
        (tools / "chown").chmod(0o700)
        self.environment = {
            **os.environ,
            "PATH": f"{tools}:{os.environ['PATH']}",
            "SECRETS": str(self.all),
            "HANDOUT": str(self.handed),
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        script = str(REPOSITORY / "deploy" / "secrets")
        return subprocess.run([script, *words], env=self.environment, capture_output=True, text=True, check=False)

    def held(self) -> dict[str, bytes]:
        """Every secret, by its path."""
        return {str(one.relative_to(self.all)): one.read_bytes() for one in self.all.rglob("*") if one.is_file()}

    def changed(self, *rotated: str) -> set[str]:
        before = self.held()
        done = self.run("rotate", *rotated)
        assert done.returncode == 0, done.stderr
        after = self.held()
        assert before.keys() == after.keys()
        return {name for name in after if after[name] != before[name]}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    """Made once: hundreds of processes are started for it."""
    found = Secrets(tmp_path_factory.mktemp("made"))
    done = found.run("make")
    assert done.returncode == 0, done.stderr
    return found


@pytest.fixture
def secrets(made: Secrets, tmp_path: Path) -> Secrets:
    copied = Secrets(tmp_path / "copy")
    for here, there in ((made.all, copied.all), (made.handed, copied.handed)):
        shutil.copytree(here, there, dirs_exist_ok=True)
    return copied


def test_made_again_nothing_changes(secrets: Secrets) -> None:
    before = secrets.held()
    assert secrets.run("make").returncode == 0
    assert secrets.held() == before


def test_the_passwords_of_one_are_made_anew_and_handed_to_it_and_to_set_up(secrets: Secrets) -> None:
    assert secrets.changed("tiering") == {f"users/tiering/guanxi_{of}_password" for of in ("kafka", "mongo")}
    new = (secrets.all / "users/tiering/guanxi_kafka_password").read_bytes()
    assert (secrets.handed / "tiering/guanxi_kafka_password").read_bytes() == new
    assert (secrets.handed / "setup/users/tiering/guanxi_kafka_password").read_bytes() == new


def test_of_the_keys_of_cursors_the_one_before_stays_behind_the_new_one(secrets: Secrets) -> None:
    file = secrets.handed / "query/guanxi_cursor_keys"
    (first,) = file.read_text().split()
    assert secrets.changed("cursor_keys") == {"keys/guanxi_cursor_keys"}
    second, behind = file.read_text().split()
    assert (behind, second != first) == (first, True)
    secrets.changed("cursor_keys")
    assert file.read_text().split()[1:] == [second], "the oldest is dropped"


def test_the_key_of_the_console_reaches_both_who_share_it(secrets: Secrets) -> None:
    assert secrets.changed("console_key") == {"keys/guanxi_console_key"}
    both = {(secrets.handed / name / "guanxi_console_key").read_bytes() for name in ("ingest", "query")}
    assert both == {(secrets.all / "keys/guanxi_console_key").read_bytes()}
    assert secrets.changed("backfill_token") == {"keys/guanxi_backfill_token"}


def test_who_looks_for_erased_names_has_the_key_of_their_hashes(secrets: Secrets) -> None:
    has = {file.parent.name for file in secrets.handed.glob("*/guanxi_person_key")}
    assert has == {"ingest", "operator", "setup"}


def test_certificates_are_made_anew_by_the_same_authority(secrets: Secrets) -> None:
    changed = secrets.changed("certificates")
    hosts = ("kafka", "mongo", "ingest", "query")
    assert {f"tls/{host}.pem" for host in hosts} <= changed
    assert not changed & {"tls/ca.pem", "tls/ca.key", *(f"tls/{host}.key" for host in hosts)}
    for host in hosts:
        words = ["openssl", "verify", "-CAfile", str(secrets.all / "tls/ca.pem"), str(secrets.all / f"tls/{host}.pem")]
        subprocess.run(words, check=True, capture_output=True)


def test_the_key_of_imports_reaches_both_who_share_it(secrets: Secrets) -> None:
    assert secrets.changed("import_key") == {"keys/guanxi_import_key"}
    both = {(secrets.handed / name / "guanxi_import_key").read_bytes() for name in ("ingest", "worker")}
    assert both == {(secrets.all / "keys/guanxi_import_key").read_bytes()}


def test_of_root_the_passwords_before_are_kept_until_mongodb_knows_the_new_one(secrets: Secrets) -> None:
    first = (secrets.all / "mongo/root_password").read_text()
    assert secrets.run("rotate", "root").returncode == 0
    second = (secrets.handed / "mongo/root_password").read_text()
    assert (secrets.handed / "mongo/root_password.before").read_text().split() == [first]
    secrets.run("rotate", "root")
    assert (secrets.handed / "mongo/root_password.before").read_text().split() == [second, first]
    for _ in range(4):
        secrets.run("rotate", "root")
    assert len((secrets.handed / "mongo/root_password.before").read_text().split()) == 4


def test_set_up_and_the_broker_get_new_passwords(secrets: Secrets) -> None:
    assert secrets.changed("setup") == {f"users/setup/guanxi_{of}_password" for of in ("kafka", "mongo")}
    new = (secrets.all / "users/setup/guanxi_kafka_password").read_bytes()
    assert (secrets.handed / "kafka/setup_password").read_bytes() == new
    assert (secrets.handed / "setup/guanxi_kafka_password").read_bytes() == new
    assert secrets.changed("broker") == {"kafka/broker_password"}


def test_of_the_key_file_the_old_key_stays_first_for_a_round(secrets: Secrets) -> None:
    file = secrets.handed / "mongo/keyfile"
    old = file.read_text().replace("\n", "")
    secrets.changed("keyfile")
    first, second = [line.removeprefix("- ") for line in file.read_text().splitlines()]
    assert (first, second != old, len(second)) == (old, True, len(old))
    secrets.changed("keyfile")
    assert file.read_text().strip() == second


def _trusts(trusted: Path, certificate: Path) -> bool:
    words = ["openssl", "verify", "-CAfile", str(trusted), str(certificate)]
    return subprocess.run(words, check=False, capture_output=True).returncode == 0


def test_nobody_meets_a_certificate_that_it_does_not_trust_in_any_round_of_the_authority(secrets: Secrets) -> None:
    """Between two rounds each process has what was handed out before or after, in any order."""
    trusted, shown = secrets.handed / "tiering/ca.pem", secrets.handed / "ingest/server.pem"
    rounds = []
    for number in (0, 1, 2, 3):
        if number:
            done = secrets.run("rotate", "authority")
            assert f"authority, {number} of 3" in done.stdout, done.stderr
        copies = (secrets.all.parent / f"trusted{number}", secrets.all.parent / f"shown{number}")
        for copy, file in zip(copies, (trusted, shown), strict=True):
            shutil.copy(file, copy)
        rounds.append(copies)
        for one, other in ((rounds[-1], rounds[-1]), (rounds[-2:][0], rounds[-1]), (rounds[-1], rounds[-2:][0])):
            assert _trusts(one[0], other[1]), number
    assert not _trusts(rounds[0][0], rounds[3][1])
    assert not _trusts(rounds[3][0], rounds[0][1])
    kafka = (secrets.handed / "kafka/ca.pem").read_bytes()
    assert kafka == trusted.read_bytes()
    assert secrets.run("make").returncode == 0
    assert trusted.read_bytes() == kafka, "the fourth start changes nothing"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("person_key", "is part of what was made with it"),
        ("webhook_key", "is part of what was made with it"),
        ("nobody", "no principal 'nobody'"),
    ],
)
def test_what_can_not_be_made_anew_is_refused_and_stays(secrets: Secrets, name: str, said: str) -> None:
    before = secrets.held()
    done = secrets.run("rotate", name)
    assert (done.returncode, said in done.stderr) == (1, True)
    assert secrets.held() == before


def test_what_was_saved_is_loaded_into_an_empty_one(secrets: Secrets, tmp_path: Path) -> None:
    script = [str(REPOSITORY / "deploy" / "secrets")]
    saved = subprocess.run([*script, "save"], env=secrets.environment, capture_output=True, check=True).stdout
    other = Secrets(tmp_path / "other")
    subprocess.run([*script, "load"], env=other.environment, input=saved, capture_output=True, check=True)
    same = {name for name in secrets.held() if not name.startswith("tls/")}
    assert {name: other.held()[name] for name in same} == {name: secrets.held()[name] for name in same}
    (other.all / "keys/guanxi_person_key").write_text("another")
    refused = subprocess.run([*script, "load"], env=other.environment, input=saved, capture_output=True, check=False)
    assert (refused.returncode, b"secrets of its own" in refused.stderr) == (1, True)
