"""No idiom of tests/lint/idioms.py is in the product's strings and docstrings, its docs, or its alerts."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lint.idioms import IDIOMS, found_in

REPOSITORY = Path(__file__).parents[2]
PRODUCT = ("guanxi/", "local/", "operations/", "services/", "shared/")
WRITTEN = ("docs/", "deploy/prometheus/", "README.md", "CONTRIBUTING.md")
PLANTED = (
    "Only those whom nobody owns.",
    "How many there shall be: a multiple of those there are.",
    "64 requests are in work",
    "Say what would come of it and do nothing.",
    "'id' stands twice",
    "what they were told is stored is stored",
    "Share of the time in which it works; the rest is live's.",
    "The first day (UTC) on which it is valid no more.",
    "'five' is no number",
    "is 'R-90' meant?",
    "a JSON object is expected",
    "No Kafka can be had here",
    "kept for ever",
    "rights are somebody else's business",
    "an interrupted restore begins anew",
    "nobody of a slip of the pen",
    "2 look spoilt",
    "a web page, whatever its name says",
    "the IANA data base",
)


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Each string and docstring of a module, with its line; what is formatted in is left out."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def violations() -> Iterator[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        file = REPOSITORY / name
        if name.startswith(PRODUCT) and name.endswith(".py") and file.is_file():
            found = texts(file.read_text(encoding="utf-8"))
        elif name.startswith(WRITTEN) and name.endswith((".md", ".yml", ".json")) and file.is_file():
            found = enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        else:
            continue
        for line, text in found:
            yield from (f"{name}:{line}: {idiom.pattern.pattern} -> {idiom.instead}" for idiom in found_in(text))


def test_texts_are_plain_english() -> None:
    assert not [*violations()]


@pytest.mark.parametrize("text", PLANTED)
def test_a_planted_idiom_is_found(text: str) -> None:
    assert found_in(text)


def test_every_idiom_is_planted() -> None:
    assert {idiom.pattern for text in PLANTED for idiom in found_in(text)} == {idiom.pattern for idiom in IDIOMS}
