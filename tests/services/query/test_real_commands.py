"""The reading commands by the API: the same answers as by the views, from a machine that has nothing but a key."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from guanxi.cli import app
from tests.services.query.stand import Stand, on

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
CUSTOMER = "C-009"
COMMANDS = (
    ["explain", CUSTOMER],
    ["explain", CUSTOMER, "--on", on(-10)],
    ["customer", CUSTOMER],
    ["profile", CUSTOMER],
    ["today", "--rows", "7"],
    ["today", "R-1"],
    ["today", "R-1", "--lapsed"],
    ["today", "--unowned"],
    ["week"],
    ["week", "--rep", "R-2"],
)
OF_VIEWS = {"_id", "log", "projected_at", "generation", "as_of", "would_change", "changes"}
"""What only the views have, and what moves meanwhile."""


def run(words: list[str], environment: dict[str, str], code: int = 0) -> str:
    done = CliRunner().invoke(app, words, env=environment)
    assert done.exit_code == code, (words, done.output, done.exception)
    return done.output


def by_views(stand: Stand) -> dict[str, str]:
    return {**stand.environment, "GUANXI_MONGO_URI": stand.mongo_uri}


def token(stand: Stand, folder: Path, key: str = "all") -> str:
    file = folder / f"{key}.token"
    file.write_text(f"{stand.tokens[key]}\n", encoding="utf-8")
    return str(file)


def alike(value: Any) -> Any:
    """Without what only the views have."""
    if isinstance(value, dict):
        return {name: alike(part) for name, part in sorted(value.items()) if name not in OF_VIEWS and part is not None}
    return [alike(part) for part in value] if isinstance(value, list) else value


def both(mine: Any, theirs: Any) -> Any:
    """`mine`, with what `theirs` says wherever both say something."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        return {name: both(part, theirs[name]) if name in theirs else part for name, part in mine.items()}
    if isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        return [both(one, other) for one, other in zip(mine, theirs, strict=True)]
    return theirs


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_api_answers_what_the_views_answer(words: list[str], stand: Stand, tmp_path: Path) -> None:
    there = ["--url", stand.url(), "--key-file", token(stand, tmp_path)]
    answers = [
        json.loads(run([*words, "--json"], by_views(stand))),
        json.loads(run([*words, "--json", *there], {"GUANXI_MONGO_URI": "", "GUANXI_KAFKA_BOOTSTRAP": ""})),
    ]
    views, api = (alike(one) for one in answers)
    assert api or "--lapsed" in words, "nobody need be overdue"
    for mine, theirs in zip(*([one] if isinstance(one, dict) else one for one in (api, views)), strict=True):
        assert mine == both(mine, theirs)
    run([*words, *there], {})  # as text for people


def test_what_the_api_refuses_is_told(stand: Stand, tmp_path: Path) -> None:
    there = ["--url", stand.url()]
    assert "similar ids" in run(["explain", "C-00", *there, "--key-file", token(stand, tmp_path)], {}, 1)
    assert "scope" in run(["profile", CUSTOMER, *there, "--key-file", token(stand, tmp_path, "reader")], {}, 1)
    (tmp_path / "bad").write_text("gx_nobody_0123456789012345678901234567890", encoding="utf-8")
    assert "401" in run(["customer", CUSTOMER, *there, "--key-file", str(tmp_path / "bad")], {}, 1)
    assert "unknown representative" in run(["today", "R-77", *there], {"GUANXI_API_KEY": stand.tokens["all"]}, 1)
    assert "--key-file" in run(["customer", CUSTOMER, *there], {"GUANXI_API_KEY": ""}, 2)
    assert "--url" in run(["customer", CUSTOMER, "--key-file", str(tmp_path / "bad")], {}, 2)
    gone = ["--url", "http://127.0.0.1:1", "--key-file", token(stand, tmp_path)]
    assert "127.0.0.1:1" in run(["customer", CUSTOMER, *gone], {}, 1)
