"""API keys: who gets in, and how keys change while the door is open."""

import logging
import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from shared import metrics
from shared.errors import Malformed
from shared.keys import ApiKeys, Denied, Scope, read_keys
from shared.keys.edit import create_key, revoke_key
from shared.logs import REPEATING
from shared.repeats import OnceInAWhile
from tests.events.wire import event
from tests.services.ingest.doors.http.door import Door, is_problem, purchases
from tests.services.ingest.judging import NOW

DAY = timedelta(days=1)


def header(token: str) -> str:
    return f"Bearer {token}"


async def test_requests_without_a_valid_key_are_401_and_not_read(door: Door) -> None:
    name, secret = door.token.split("_", 2)[1:]
    other = "A" * len(secret)
    for wrong in ["", "Bearer", header(""), header("gx"), header(f"gx_{name}_{other}"), header(f"gx_nobody22_{secret}"),
                  f"Basic {door.token}", header(door.token + "x"), header(door.token[:-1]), header(door.token.upper()),
                  "Bearer \xff\xfe", header("x" * 10_000)]:  # fmt: skip
        answer = await door.post(b"not even JSON", authorization=wrong)
        assert is_problem(answer, 401, "unauthorized"), wrong
        assert answer.headers["www-authenticate"] == "Bearer"
    assert (await door.post(purchases("a"), authorization=f"bearer  {door.token}")).status_code == 202


async def test_keys_change_without_a_restart(door: Door) -> None:
    assert (await door.post(purchases("a"))).status_code == 202
    old_id, old_token = door.token.split("_")[1], door.token
    _, door.token = create_key(door.keys_file, ["erp"], now=NOW)
    assert (await door.post(purchases("b"))).status_code == 202
    assert (await door.post(purchases("c"), authorization=header(old_token))).status_code == 202
    revoke_key(door.keys_file, old_id, now=NOW)
    assert (await door.post(purchases("d"), authorization=header(old_token))).status_code == 401
    assert (await door.post(purchases("e"))).status_code == 202


@pytest.mark.parametrize("text", ["keys: [", "keys: 7", "keys: [{id: x}]", "\x00", "a: &a [*a]"])
async def test_a_slip_in_the_file_leaves_the_keys_as_they_were(
    door: Door, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    door.keys_file.write_text(text, encoding="utf-8")
    assert (await door.post(purchases("a"))).status_code == 202
    assert (await door.post(purchases("b"))).status_code == 202
    assert caplog.text.count("stay valid") == 1


async def test_a_file_that_is_gone_leaves_the_keys_as_they_were(door: Door) -> None:
    door.keys_file.unlink()
    assert (await door.post(purchases("a"))).status_code == 202


def test_a_file_that_can_not_be_read_at_the_start_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text("keys: [{id: Abc}]", encoding="utf-8")
    with pytest.raises(Malformed, match=r"keys\.0\.id"):
        ApiKeys(file)


def test_without_a_file_nobody_gets_in_until_there_is_one(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    keys = ApiKeys(file)
    assert keys.find(header("gx_abcd_" + "x" * 43), NOW) == Denied("unknown", "abcd")
    key, token = create_key(file, ["erp"], now=NOW)
    assert keys.find(header(token), NOW) == key


def test_a_key_ends_at_its_expiry(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    key, token = create_key(file, ["erp"], now=NOW, expires=NOW + DAY)
    keys = ApiKeys(file)
    assert keys.find(header(token), NOW + DAY - timedelta(seconds=1)) == key
    assert keys.find(header(token), NOW + DAY) == Denied("expired", key.id)


def test_the_file_keeps_no_secret_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    _, token = create_key(file, ["erp"], now=NOW)
    assert token.split("_", 2)[2] not in file.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    create_key(file, ["crm"], now=NOW)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [key.sources for key in read_keys(file)] == [("erp",), ("crm",)]
    assert {path.name for path in tmp_path.iterdir()} == {"keys.yaml", ".keys.yaml.lock"}


def test_a_second_revocation_changes_nothing_and_an_unknown_key_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    key, token = create_key(file, ["erp"], now=NOW)
    revoke_key(file, key.id, now=NOW)
    assert revoke_key(file, key.id, now=NOW + DAY).revoked == NOW
    assert ApiKeys(file).find(header(token), NOW) == Denied("revoked", key.id)
    with pytest.raises(Malformed, match="no key 'nobody'"):
        revoke_key(file, "nobody", now=NOW)


@pytest.mark.parametrize("sources", [[], [""], ["a*b"], ["*a"]])
def test_sources_are_exact_or_a_beginning(tmp_path: Path, sources: list[str]) -> None:
    with pytest.raises(Malformed, match="sources"):
        create_key(tmp_path / "keys.yaml", sources, now=NOW)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="No such file"):
        create_key(tmp_path / "nowhere" / "keys.yaml", ["erp"], now=datetime.fromisoformat("2026-01-01T00:00:00Z"))


SECRET = "s" * 43
DENIED = {
    "missing": "",
    "malformed": "Bearer gx_{id}",
    "malformed: another scheme": "Basic dXNlcjpwYXNz",
    "malformed: the secret alone": "Bearer " + SECRET,
    "unknown": "Bearer gx_nobody_" + SECRET,
    "wrong_secret": "Bearer gx_{id}_" + SECRET,
}


@pytest.mark.parametrize(("why", "authorization"), DENIED.items(), ids=DENIED)
async def test_a_failed_authentication_is_counted_and_logged_without_the_secret(
    door: Door, why: str, authorization: str, caplog: pytest.LogCaptureFixture
) -> None:
    why = why.partition(":")[0]
    key_id = door.token.split("_")[1]
    counted = metrics.DENIED.labels(why)._value
    before = counted.get()
    answer = await door.post(event(), authorization=authorization.format(id=key_id))
    assert is_problem(answer, 401, "unauthorized")
    assert counted.get() == before + 1
    (line,) = [record.getMessage() for record in caplog.records if record.name == "services.ingest.denied"]
    assert SECRET not in line
    assert door.token.split("_", 2)[2] not in line
    assert "dXNlcjpwYXNz" not in line
    assert (key_id in line) == (why == "wrong_secret")


async def test_what_is_wrong_with_a_key_is_not_told_to_who_sent_it(door: Door) -> None:
    key_id = door.token.split("_")[1]
    answers = [await door.post(event(), authorization=text.format(id=key_id)) for text in DENIED.values()]
    assert len({answer.content for answer in answers}) == 1


def test_denials_are_logged_once_in_a_while() -> None:
    heard = OnceInAWhile(REPEATING, clock=lambda: 0.0)
    record = logging.LogRecord("services.ingest.denied", logging.WARNING, "", 0, "denied %s", ("a",), None)
    assert [heard.filter(record) for _ in range(3)] == [True, False, False]


async def test_a_key_without_the_scope_to_send_sends_nothing(door: Door) -> None:
    _, door.token = create_key(door.keys_file, ["erp"], now=NOW, scopes=["customers:read"])
    assert is_problem(await door.post(purchases("a")), 403, "scope_missing")


def test_a_file_of_before_scopes_still_sends(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    key, _ = create_key(file, ["erp"], now=NOW)
    text = "\n".join(
        line for line in file.read_text().splitlines() if not line.startswith(("  scopes", "  - events", "  rows"))
    )
    file.write_text(text, encoding="utf-8")
    assert "scopes" not in text
    (read,) = read_keys(file)
    assert read == key
    assert read.may(Scope.EVENTS_WRITE)
    assert read.rows == "all"


@pytest.mark.parametrize(
    ("sources", "scopes", "rows"),
    [([], ["events:write"], "all"), (["erp"], ["reports:read"], "all"), (["erp"], ["events:write"], "none"),
     (["erp"], ["events:write"], "own:"), (["erp"], [], "all")],
)  # fmt: skip
def test_a_key_that_makes_no_sense_is_not_made(
    sources: list[str], scopes: list[str], rows: str, tmp_path: Path
) -> None:
    with pytest.raises(Malformed):
        create_key(tmp_path / "keys.yaml", sources, now=NOW, scopes=scopes, rows=rows)
    assert not (tmp_path / "keys.yaml").exists()
