"""CONTRIBUTING.md names files and folders that exist, and `make` targets that there are."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TEXT = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
LINKS = sorted(set(re.findall(r"\]\(([^)]+)\)", TEXT)))
TARGETS = sorted(set(re.findall(r"`make ([a-z-]+)`", TEXT)))


@pytest.mark.parametrize("path", LINKS)
def test_a_named_path_exists(path: str) -> None:
    assert (REPOSITORY / path).exists()


@pytest.mark.parametrize("target", TARGETS)
def test_a_named_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("section", ["a fact", "a view", "a service", "a command"])
def test_how_to_add_something_is_a_list_of_steps(section: str) -> None:
    steps = TEXT.split(f"## Add {section}\n")[1].split("\n## ")[0]
    assert len(re.findall(r"^\d\. ", steps, re.MULTILINE)) >= 4
    assert "](" in steps
