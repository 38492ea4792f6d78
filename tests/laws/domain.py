"""Reads docs/domain.md: its headings, and its worked examples."""

import re
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[2]
_TEXT = (REPOSITORY / "docs" / "domain.md").read_text(encoding="utf-8")

HEADINGS = {match.lower() for match in re.findall(r"^#{2,4} (.+)$", _TEXT, re.MULTILINE)}


def worked_examples() -> list[dict[str, Any]]:
    """The examples, in order; days as ISO texts."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", _TEXT, re.MULTILINE | re.DOTALL)
    return list(yaml.load(block, yaml.BaseLoader))  # noqa: S506 - texts only, as they are written


def name_of(example: dict[str, Any]) -> str:
    """For reports of tests."""
    return str(example["example"])
