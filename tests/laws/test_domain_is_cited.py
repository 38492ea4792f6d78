"""Every section of docs/domain.md that code, schemas or tests cite exists."""

import re
import subprocess

import pytest

from tests.laws.domain import HEADINGS, REPOSITORY

CITATION = re.compile(r"\bdomain\.md,\s+((?:[^);\".]|\.(?=\w))+)")
WORDS_AROUND = re.compile(r"^(?:the |\")|\"$")


def citations(text: str) -> list[str]:
    """What follows "domain.md," in a text, across its line breaks."""
    return [" ".join(one.split()) for one in CITATION.findall(re.sub(r"\n\s*(?:#:? )?", " ", text))]


def unknown(citation: str) -> list[str]:
    """The parts of a citation such as "Engagement: contact" that are not headings."""
    parts = [WORDS_AROUND.sub("", part.strip()).lower() for part in re.split(r"[:,;]| and ", citation)]
    whole = citation.lower()
    return [] if whole in HEADINGS else [part for part in parts if part not in HEADINGS and not _inside(part)]


def _inside(part: str) -> bool:
    return any(part in heading.split(" and ") for heading in HEADINGS)


def files() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    return [one for one in listed.splitlines() if one.endswith((".py", ".md", ".json", ".yaml", ".yml"))]


def test_every_cited_section_exists() -> None:
    found = 0
    wrong = []
    for name in files():
        if name.endswith("test_domain_is_cited.py") or not (REPOSITORY / name).is_file():
            continue
        for citation in citations((REPOSITORY / name).read_text(encoding="utf-8")):
            found += 1
            wrong += [f"{name}: {part!r} in {citation!r}" for part in unknown(citation)]
    assert not wrong
    assert found > 50


@pytest.mark.parametrize("citation", ["Exactly", "Tiering: Discounts", "Engagement, fame"])
def test_a_section_that_does_not_exist_is_found(citation: str) -> None:
    assert [unknown(one) for one in citations(f'"""A rule (domain.md, {citation})."""')] != [[]]
