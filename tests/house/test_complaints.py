"""Each complaint about another system that the reading side was designed against has a test that is named after it."""

import ast
from functools import cache

import pytest

from local.stack.paths import REPOSITORY

COMPLAINTS = {
    "twenty": (10053, 15523, 20109, 20520, 25874),
    "posthog": (8748, 10527, 16849, 24787, 25850, 26542, 27699),
    "airbyte": (43317,),
    "frappe": (21062, 38106),
    "rudder_server": (4953,),
    "reapit": (9608,),
    "htmx": (184,),
    "whatwg": (8297,),
}


@cache
def names() -> list[list[str]]:
    """The words of each test's name."""
    return [
        node.name.split("_")
        for path in (REPOSITORY / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]


@pytest.mark.parametrize("project", COMPLAINTS)
def test_each_complaint_has_a_test_of_its_name(project: str) -> None:
    known = names()
    for number in COMPLAINTS[project]:
        assert any({*project.split("_"), str(number)} <= {*words} for words in known), f"{project} {number}"
