"""What a mutant is."""

import ast

import pytest

from tests.mutants.mutate import mutants


def after(source: str) -> list[str]:
    return [one.after for one in mutants(source)]


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("x = a < b", ["a <= b"]),
        ("x = a and not b", ["a or not b", "b"]),
        ("x = a + 1", ["a - 1", "2"]),
        ("x = True", ["False"]),
        ("def f():\n    return a", ["return None"]),
        ("f(a)", ["pass"]),
        ("x = 'words'", []),
        ("log.info('%s', 1)", []),
        ("def f(a: int = None) -> 'list[1]':\n    '''Says.'''", []),
        ("assert a < 1, 'why'", []),
        ("raise Stop(f'{a < 1}')", []),
    ],
)
def test_small_changes_of_what_matters(source: str, changed: list[str]) -> None:
    assert after(source) == changed


def test_a_mutant_is_the_module_with_one_change() -> None:
    first, *_ = mutants("if a:\n    b()\nelse:\n    c()\n")
    assert ast.unparse(first.tree) == "if not a:\n    b()\nelse:\n    c()"
