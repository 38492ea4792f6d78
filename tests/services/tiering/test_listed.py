"""The few that lists ask for stand in documents of their own, which say what the customers' rows say."""

from typing import Any

import pytest

from services.tiering.domain import LISTED, Tiering
from services.tiering.rows import listed_document, listed_of
from shared.fold.domain import Row
from shared.fold.entity import new_entity
from tests.services.tiering.given import (
    CNY,
    SHANGHAI,
    Given,
    Said,
    approved,
    assigned,
    best,
    declined,
    given,
    invoice,
    lifted,
    overridden,
    paid,
    purchase,
)

OWED: list[Said | str] = [
    assigned("2026-01-01", account_manager="ann"),
    invoice("77", "2026-01-12", due_on="2026-03-01"),
    invoice("5", "2026-01-12", due_on="2026-03-05", name="j"),
    "2026-03-03",
    "2026-03-08",
    assigned("2026-03-09", account_manager="bo"),
    paid("2026-03-10"),
    purchase("5", "2026-03-11"),
    paid("2026-03-12", name="j"),
]
BY_HAND: list[Said | str] = [
    purchase("5", "2026-01-02"),
    overridden("partner", "2026-01-14", until="2026-04-01"),
    overridden("partner", "2026-01-15", until="2026-02-01"),
    "2026-02-03",
    overridden("partner", "2026-02-14", until="2026-04-01"),
    lifted("2026-02-15"),
]
PROPOSED: list[Said | str] = [*best("2026-01-10"), declined(2, "2026-01-13"), "2026-06-01", approved(2, "2026-06-02")]


def rows(one: Given) -> list[Row]:
    return list(one.domain.rows(one.entity.state, one.entity.standing))


@pytest.mark.parametrize("story", [OWED, BY_HAND, PROPOSED], ids=["owed", "by hand", "proposed"])
def test_what_is_listed_is_what_the_row_says_and_is_written_when_that_changes(story: list[Said | str]) -> None:
    one, stands, seen = given(), None, []
    one.domain.attach(one.entity.state, {(LISTED, "c"): None})
    for step in story:
        one.when(step)
        wanted = listed_of(one.row)
        written = rows(one)
        assert len(written) == (wanted != (stands or {}))
        for row in written:
            assert (row.collection, row.id) == (LISTED, "c")
            assert row.document == ({"customer": "c", **wanted} if wanted else None)
        assert not rows(one), "the call forgets them"
        stands = wanted
        seen.append(bool(wanted))
    assert {*seen} == {True, False}, "the story comes into the list and leaves it"


def test_a_stored_row_leaves_the_same_document() -> None:
    one = given(*OWED[:4])
    (row,) = rows(one)
    assert row.document == listed_document({"_id": row.id, **one.row})
    assert set(row.document or ()) == {"customer", "overdue_order", "account_manager"}


@pytest.mark.parametrize("stands", [None, {"customer": "c", "overdue_order": 7}, {"customer": "c", "overdue_order": 1}])
@pytest.mark.parametrize("owes", [False, True])
def test_what_stands_wrongly_is_put_right_by_whatever_comes_next(stands: dict[str, Any] | None, *, owes: bool) -> None:
    """As a version has left it that knew of no such documents."""
    one = given(purchase("5", "2026-01-02"), *(OWED[1:4] if owes else ()))
    state, standing = one.domain.load(one.entity.key, one.row)
    (address,) = one.domain.needs(state, ())
    one.domain.attach(state, {address: stands})
    assert not one.domain.needs(state, ())
    found = {row.id: row.document for row in one.domain.rows(state, standing)}
    wanted = listed_document({"_id": address[1], **one.row})
    assert found == ({} if (stands or {}) == wanted else {address[1]: wanted or None})


def test_what_is_folded_afresh_removes_what_stood() -> None:
    """A repair does not know what stands."""
    (row,) = rows(given(purchase("5", "2026-01-02")))
    assert row.document is None


def test_a_representative_is_in_no_list_of_customers() -> None:
    entity = new_entity(Tiering((CNY,), SHANGHAI), "representative:c")
    assert not entity.domain.needs(entity.state, ())
    assert not entity.domain.rows(entity.state, entity.standing)
