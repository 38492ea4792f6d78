"""Documents of fold version 2 are read as they are, and are the same customer as one folded now."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from services.tiering.stored import FOLD_VERSION
from shared.fold.entity import as_now
from tests.services.tiering.given import given, purchase, voided
from tests.services.tiering.stories import STORIES

FORMER = json.loads(Path(__file__).with_name("former.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", STORIES)
def test_a_former_document_is_the_customer_folded_now(name: str) -> None:
    now = given(*STORIES[name])
    stored = FORMER[name]
    if "as_of" in stored:
        stored = {**stored, "as_of": datetime.fromisoformat(stored["as_of"])}
    state, standing = now.domain.load("customer:c", stored)
    assert now.domain.document(state, standing) == now.row
    assert now.domain.next_due(state, standing) == now.domain.next_due(now.entity.state, now.entity.standing)


def test_it_goes_on_from_there() -> None:
    """A purchase of a day before the windows is undone, whose currency the former version did not keep."""
    name = "every day for three years"
    news = voided(purchase("100.50", "2023-01-16"), "2026-01-26")
    now = given(*STORIES[name])
    stored = {**FORMER[name], "as_of": datetime.fromisoformat(FORMER[name]["as_of"])}
    read = given(*STORIES[name])
    read.entity.state, _ = now.domain.load("customer:c", stored)
    assert read.when(news).row == now.when(news).row
    assert now.row["first_purchase_on"] == "2023-01-17"


def test_the_version_is_higher_than_that_of_the_former_form() -> None:
    """So that a process of the former program refuses what it cannot read."""
    assert FOLD_VERSION == 3


@pytest.mark.parametrize("name", STORIES)
def test_those_who_compare_documents_read_a_former_one_as_one_of_now(name: str) -> None:
    now = given(*STORIES[name])
    place = {"_id": "c", "partition": 3, "log": {"generation": 1, "offset": 7}, "generation": 1}
    wanted = now.entity.document() | place
    former = {field: value for field, value in wanted.items() if not field.startswith("fold")}
    former |= {"fold": FORMER[name]["fold"], "fold_version": 2}
    assert as_now(now.domain, "customer:c", former) == wanted
    assert as_now(now.domain, "customer:c", wanted) is wanted
    frozen = {**place, "incomplete_since": "1/3/7"}
    assert as_now(now.domain, "customer:c", frozen) is frozen
