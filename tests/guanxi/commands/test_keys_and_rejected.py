"""`guanxi keys`, and what `guanxi rejected` makes of records; the round trip on servers is in test_real_door.py."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from guanxi.cli import app
from services.ingest.refusals.publish import MAX_VALUE_BYTES, rejected
from services.ingest.refusals.read import parse, parse_position, safe_text
from shared.errors import Malformed
from shared.events.event import Position
from shared.events.refusal import Reason, Refused
from shared.keys import ApiKey, ApiKeys, Denied
from tests.services.ingest.fakes import InboxRecord
from tests.services.ingest.judging import NOW


def keys(file: Path, *words: str) -> Any:
    return CliRunner().invoke(app, ["keys", words[0], "--file", str(file), *words[1:]])


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    assert "no keys" in keys(file, "list").stdout
    made = keys(file, "create", "--source", "erp/*", "--source", "crm", "--expires", "2099-01-01")
    assert made.exit_code == 0
    token = made.stdout.strip()
    key = ApiKeys(file).find(f"Bearer {token}", datetime.now(UTC))
    assert isinstance(key, ApiKey)
    assert key.sources == ("erp/*", "crm")
    listed = keys(file, "list").stdout
    assert key.id in listed
    assert "valid until 2099-01-01" in listed
    assert token not in listed + file.read_text(encoding="utf-8")
    assert keys(file, "revoke", key.id).exit_code == 0
    assert "revoked" in keys(file, "list").stdout
    assert ApiKeys(file).find(f"Bearer {token}", datetime.now(UTC)) == Denied("revoked", key.id)


@pytest.mark.parametrize(
    ("words", "message"),
    [(("revoke", "nobody"), "no key 'nobody'"), (("create", "--source", "a*b"), "a * is allowed only at the end")],
)
def test_mistakes_with_keys_are_said_in_words(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    result = keys(tmp_path / "keys.yaml", *words)
    assert (result.exit_code, "Traceback" in result.output) == (1, False)
    assert message in result.output


def record(value: bytes | None, key: bytes | None = b"k", headers: Any = ()) -> InboxRecord:
    """What admission puts on `guanxi.rejected` for an original, as a reader sees it."""
    out = rejected(Refused(Reason.NOT_JSON, "data.x", "not JSON: 坏"), Position(1, 2, 3), NOW, key, value, headers)
    return InboxRecord(out.partition, 0, out.value, out.key, out.headers)


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\x00\xff"])
@pytest.mark.parametrize("key", [None, b"", b"\xff"])
def test_the_original_comes_back_as_it_was(value: bytes | None, key: bytes | None) -> None:
    headers = [("h", b"\x00"), ("h", None), ("ce_id", b"1")]
    one = parse(record(value, key, headers))
    assert (one.value, one.key, one.headers, one.complete) == (value, key, headers, True)
    assert (one.reason, one.field, one.hint, one.place) == ("not_json", "data.x", "not JSON: 坏", "1/2/3")
    assert one.original() == (2, key, value, headers)


@pytest.mark.parametrize(
    ("value", "key", "headers"),
    [
        (b"x" * (MAX_VALUE_BYTES + 1), None, ()),
        (b"{}", b"k" * 5000, ()),
        (b"{}", None, [(f"h{n}", b"x" * 10_000) for n in range(10)]),
    ],
)
def test_an_original_that_was_cut_is_known_as_such(value: bytes, key: bytes | None, headers: Any) -> None:
    assert not parse(record(value, key, headers)).complete


def test_a_record_of_somebody_elses_making_is_malformed() -> None:
    with pytest.raises(Malformed):
        parse(InboxRecord(0, 0, b"{}"))


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\x1b[2J\x07\x00", r"\x1b[2J\x07\x00"),
        (b"\xff\xfe", r"\xff\xfe"),
        ("华芯\n科技".encode(), "华芯\n科技"),
        ("a\u202eb\u2028c\u200b".encode(), r"a\u202eb\u2028c\u200b"),
        (None, "(none)"),
    ],
)
def test_bytes_are_shown_without_a_chance_to_command_the_terminal(raw: bytes | None, text: str) -> None:
    assert safe_text(raw) == text


@pytest.mark.parametrize("text", ["", "1", "1/2", "1/2/3/4", "a/b/c"])
def test_positions_have_three_parts(text: str) -> None:
    assert parse_position("1/2/3") == Position(1, 2, 3)
    with pytest.raises(Malformed):
        parse_position(text)
