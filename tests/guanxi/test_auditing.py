"""Each command is known as one that reads or one that is audited; what is audited comes into the audit log."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import shared.mongo.audit
from guanxi.auditing import AUDITED, HERE, HIDDEN, READS, told
from guanxi.cli import app
from local.stack.paths import REPOSITORY
from shared.audit import BEGUN, ENDED, Entry
from shared.errors import Transient
from shared.mongo import Database
from tests.guanxi.commands_there_are import commands

SECRET = re.compile(r"key|token|secret|password|data|uri|identity")
NO_SECRETS = {"key", "key_id", "key_file", "identity"}
"""Parameters of audited commands that only sound so: of a subject, ids, and names of files."""


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    """The entries of a MongoDB that is named and takes them."""
    found: list[Entry] = []

    async def add(_: Database, entry: Entry) -> None:
        found.append(entry)

    monkeypatch.setenv("GUANXI_MONGO_URI", "mongodb://127.0.0.1:1/")
    monkeypatch.setattr(shared.mongo.audit, "add", add)
    return found


def run(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def test_each_command_reads_or_is_audited_or_is_of_this_machine_alone() -> None:
    named = [*READS, *AUDITED, *HERE]
    assert len(named) == len(set(named)), "one command, one set"
    assert {*named} == {*commands()}, "say in guanxi/auditing.py what a command does"


def test_what_makes_a_command_only_read_is_a_parameter_of_it() -> None:
    there = commands()
    for name, how in AUDITED.items():
        assert {*how.only_reads} <= {one.name for one in there[name].params}, name


def test_no_parameter_that_may_hold_a_secret_is_told() -> None:
    there = commands()
    for name in AUDITED:
        for parameter in there[name].params:
            assert not SECRET.search(parameter.name) or parameter.name in HIDDEN | NO_SECRETS, (name, parameter.name)


def test_a_command_is_told_of_when_it_begins_and_when_it_ends(added: list[Entry], tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    done = run("--operator", "li.wei", "keys", "create", "--source", "erp", "--source", "crm", "--file", str(file))
    assert done.exit_code == 0
    begun, ended = added
    assert (begun.what, begun.exit_code, ended.what, ended.exit_code) == (BEGUN, None, ENDED, 0)
    assert begun.run == ended.run
    assert begun.begun_at == ended.begun_at <= ended.at
    assert (ended.name, ended.command) == ("li.wei", "keys create")
    assert ended.user
    assert ended.arguments == ("--source erp", "--source crm", f"--file {file}")
    assert done.stdout.strip() not in str(added), "the token is printed, and nowhere else"


def test_one_that_fails_is_told_of_with_its_exit_code(added: list[Entry], tmp_path: Path) -> None:
    assert run("keys", "revoke", "nobody", "--file", str(tmp_path / "keys.yaml")).exit_code == 1
    assert [one.exit_code for one in added] == [None, 1]


def test_one_that_crashes_is_told_of_too(added: list[Entry], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("guanxi.commands.keys.revoke_key", lambda *_, **__: 1 / 0)
    assert isinstance(run("keys", "revoke", "one", "--file", str(tmp_path / "k.yaml")).exception, ZeroDivisionError)
    assert [one.exit_code for one in added] == [None, 1]


def test_what_only_reads_is_not_told_of(added: list[Entry], tmp_path: Path) -> None:
    assert run("keys", "list", "--file", str(tmp_path / "keys.yaml")).exit_code == 0
    run("import", "--guess", str(tmp_path / "nothing.csv"))
    run("import", "--dry-run", str(tmp_path / "nothing.csv"))
    assert added == []


def test_secrets_and_what_is_said_about_customers_are_left_out(added: list[Entry]) -> None:
    words = ("--type", "guanxi.customer.registered.v1", "--data", '{"name": "Li Wei"}', "--api-key", "gx_secret")
    run("send", *words, "--url", "http://user:hidden@127.0.0.1:1/?token=hidden")
    assert added[1].arguments == (
        *("--type guanxi.customer.registered.v1", "--data ...", "--url http://127.0.0.1:1/", "--api-key ..."),
    )
    assert added[1].exit_code == 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://u:p@crm.example.com/in?key=s#f", "https://crm.example.com/in"),
        ("https://[", "..."),
        ("\0--map\0orders.yaml", "--map orders.yaml"),
        ("x" * 201, "x" * 200 + "..."),
    ],
)
def test_a_value_is_told_without_secrets_and_not_at_length(value: str, shown: str) -> None:
    assert told(value) == shown


@pytest.mark.parametrize("named", ["mongodb://127.0.0.1:1/", ""])
def test_a_command_goes_on_and_says_so_where_mongodb_does_not_take_its_entry(
    named: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def add(*_: Any) -> None:
        raise Transient("MongoDB: no primary")

    monkeypatch.setattr(shared.mongo.audit, "add", add)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("GUANXI_MONGO_URI", named)
    done = run("keys", "create", "--source", "erp", "--file", str(tmp_path / "keys.yaml"))
    assert done.exit_code == 0
    why = "MongoDB: no primary" if named else "no MongoDB is named here (GUANXI_MONGO_URI)"
    assert f"this command is not in the audit log: {why}" in done.stderr


def test_entries_are_only_added_and_only_there() -> None:
    text = (REPOSITORY / "shared" / "mongo" / "audit.py").read_text(encoding="utf-8")
    called = {node.attr for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)}
    assert "insert_one" in called
    assert not [name for name in called if re.match(r"update|replace|delete|drop|bulk|find_one_and|rename", name)]
    for folder in ("guanxi", "operations", "services", "shared", "local"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            if path.name not in {"audit.py", "restore.py"}:  # a restore puts the backup's log in place
                assert not re.search(r'\[["\']audit["\']\]|audit import .*COLLECTION', path.read_text("utf-8")), path
