"""The one reader of YAML: whatever is in a file costs little, and what is wrong is said with its line."""

import itertools
import re
from pathlib import Path

import pytest

from local.stack.paths import REPOSITORY
from shared.errors import Malformed
from shared.yaml_lines import MAX_BYTES, load


def _aliases(line: str) -> str:
    """Nine lines, of which each stands for ten of the one before."""
    names = "abcdefghij"
    return "a: &a {x: 1}\n" + "".join(
        line.format(name=name, many=",".join([f"*{before}"] * 10)) for before, name in itertools.pairwise(names)
    )


@pytest.mark.parametrize("as_written", [False, True])
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: &a [*a]\n", "contains itself"),
        ("a: &a\n  b: *a\n", "contains itself"),
        ("[" * 2_000 + "]" * 2_000, "nested too deeply"),
        ("".join(f"{' ' * depth}a:\n" for depth in range(60)), "line 52: nested too deeply"),
        (_aliases("{name}: &{name} [{many}]\n"), "more than 20000 parts"),
        (_aliases("{name}: &{name}\n  <<: [{many}]\n"), "more than 20000 parts"),
        ("a: 1\na: 2\n", "line 2: 'a' is repeated"),
        ("a: " + "x" * MAX_BYTES, "larger than"),
    ],
)
def test_what_would_cost_much_is_refused(text: str, why: str, *, as_written: bool) -> None:
    with pytest.raises(Malformed, match=why):
        load(text, "file.yaml", as_written=as_written)


@pytest.mark.parametrize(
    "text", ["a: " + "9" * 5_000, "a: " + "1:" * 3_000 + "1", "a: 2026-99-99", "? [a]\n: 1", "!!python/object:x a"]
)
def test_what_python_could_not_hold_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match=r"^file\.yaml"):
        load(text, "file.yaml")


def test_what_is_written_stays_as_it_is_where_that_is_asked_for() -> None:
    text = "a: 1.50\nb: [yes, 2026-01-01]\n"
    assert load(text, "file.yaml", as_written=True).value == {"a": "1.50", "b": ["yes", "2026-01-01"]}


def test_nothing_else_reads_yaml() -> None:
    reads = re.compile(r"\byaml\.(?:\w*load\w*|compose\w*|parse|scan|\w*Loader)\b")
    roots = ("shared", "services", "operations", "guanxi", "local")
    files = [path for root in roots for path in sorted((REPOSITORY / root).rglob("*.py"))]
    assert len(files) > 100
    found = [path for path in files if reads.search(path.read_text(encoding="utf-8"))]
    assert found == [REPOSITORY / Path("shared/yaml_lines.py")]
