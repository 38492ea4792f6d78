"""What is decided about one customer, and whose decision counts (architecture.md, invariant 6)."""

from dataclasses import replace
from typing import Any

import pytest

from shared.errors import Stop
from shared.events.codec import decision_id
from shared.events.event import Event
from shared.fold.entity import WAITING, Entity, load_entity, new_entity
from tests.shared.fakes import TOY, purchase, review

Toys = Entity[Any, Any]


def toy() -> Toys:
    return new_entity(TOY, "customer:c0")


def decided(entity: Toys, event: Event) -> list[Event]:
    return list(entity.fold(event, deciding=True))


def of_another(decision: Event) -> Event:
    """The same version, decided otherwise by somebody else."""
    data = decision.data.model_copy(update={"policy_version": 9})
    return replace(decision, id=decision_id(decision.subject, data), data=data)


def levels(entity: Toys) -> tuple[int, int]:
    """What readers see, and what deciding goes on from."""
    return entity.standing.level, entity.head.level


def test_a_fact_sets_off_decisions_which_count_when_they_are_read_back() -> None:
    entity = toy()
    made = decided(entity, purchase("130.00"))
    assert [decision.data.proposed_tier for decision in made] == ["general", "priority"]
    assert [decision.data.version for decision in made] == [1, 2]
    assert made[1].data.after == made[0].id
    assert levels(entity) == (0, 2)
    for decision in made:
        assert decided(entity, decision) == []
    assert levels(entity) == (2, 2)
    assert entity.pending == []


def test_what_is_pending_is_not_decided_again() -> None:
    entity = toy()
    assert len(decided(entity, purchase("60.00"))) == 1
    assert decided(entity, purchase("1.00", name="p2")) == []


def test_the_first_on_the_log_wins() -> None:
    entity = toy()
    (mine,) = decided(entity, purchase("60.00"))
    theirs = of_another(mine)
    decided(entity, theirs)
    assert (entity.standing.last, entity.pending) == (theirs.id, [])
    decided(entity, mine)
    assert entity.standing.last == theirs.id


def test_a_decision_that_follows_another_than_the_accepted_one_is_ignored() -> None:
    entity = toy()
    first, second = decided(entity, purchase("130.00"))
    decided(entity, of_another(first))
    decided(entity, second)
    assert entity.standing.version == 1


def test_a_repeated_decision_changes_nothing() -> None:
    entity = toy()
    (mine,) = decided(entity, purchase("60.00"))
    decided(entity, mine)
    before = entity.standing
    decided(entity, mine)
    assert entity.standing == before
    assert [event.id for event in entity.accepted] == [mine.id]


def test_another_s_decision_marks_the_customer_due_and_the_next_review_decides() -> None:
    entity = toy()
    first, second = decided(entity, purchase("130.00"))
    decided(entity, of_another(first))
    assert entity.marked_due
    assert entity.document()["due_at"].year == 1970
    (again,) = decided(entity, review(days_later=0.1))
    assert (again.data.version, again.data.proposed_tier) == (2, "priority")
    assert again.id != second.id
    assert not entity.marked_due


def test_due_days_are_decided_one_by_one_before_what_comes_after_them() -> None:
    entity = toy()
    decided(entity, purchase("60.00"))
    made = decided(entity, purchase("60.00", name="p2", days_later=20))
    assert [(one.data.proposed_tier, one.data.effective_on.isoformat()) for one in made] == [
        ("potential", "2026-03-12"),
        ("general", "2026-03-22"),
    ]
    assert [one.data.policy for one in made] == ["due", "p2"]


def test_reviews_in_between_change_no_decision() -> None:
    reviewed, left_alone = toy(), toy()
    expected = decided(left_alone, purchase("60.00")) + decided(left_alone, review(days_later=25))
    made = decided(reviewed, purchase("60.00"))
    for day in (1, 5, 9.99, 10.5, 11, 25):
        made += decided(reviewed, review(days_later=day, name=f"r{day}"))
    assert [one.id for one in made] == [one.id for one in expected]


def test_a_rebuild_folds_and_decides_nothing() -> None:
    entity = toy()
    assert list(entity.fold(purchase("130.00"), deciding=False)) == []
    assert levels(entity) == (0, 0)


def test_pending_decisions_survive_storing() -> None:
    entity = toy()
    decided(entity, purchase("130.00"))
    stored = load_entity(TOY, "customer:c0", entity.document())
    assert stored.pending == entity.pending
    assert levels(stored) == (0, 2)
    assert stored.document() == entity.document()


def test_a_document_of_a_newer_program_is_not_touched() -> None:
    entity = toy()
    decided(entity, purchase("60.00"))
    newer = entity.document() | {"fold_version": TOY.fold_version + 1}
    with pytest.raises(Stop, match="fold version 2; this program supports 1"):
        load_entity(TOY, "customer:c0", newer)


def test_more_due_days_than_can_be_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.fold.entity.MAX_CATCH_UP_STEPS", 1)
    entity = toy()
    for day in (0, 1, 2):
        decided(entity, purchase("10.00", name=f"p{day}", days_later=day))
    with pytest.raises(ValueError, match="more than 1 due days"):
        decided(entity, review(days_later=30))


def test_decisions_that_are_never_read_back_stop_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.fold.entity.MAX_PENDING", 1)
    with pytest.raises(Stop, match="1 decisions were published and not read back"):
        decided(toy(), purchase("130.00"))


@pytest.mark.parametrize(
    ("event", "live"),
    [
        (purchase("1.00"), True),
        (replace(purchase("1.00"), backfill=True), False),
        (review(days_later=1), False),
    ],
)
def test_a_customer_is_live_once_a_fact_came_that_is_no_history(event: Event, live: bool) -> None:  # noqa: FBT001
    entity = toy()
    decided(entity, event)
    document = entity.document()
    assert (document["live"], document["fold_version"]) == (live, TOY.fold_version)
    decided(entity, replace(purchase("1.00", name="p2"), backfill=True))
    assert entity.live is live, "history makes nobody live, nor undoes it"


def test_after_history_a_customer_waits_for_a_review_which_brings_its_clock_to_today() -> None:
    entity = toy()
    decided(entity, replace(purchase("1.00"), backfill=True))
    assert entity.due_at() == WAITING
    assert load_entity(TOY, "customer:c0", entity.document()).behind
    decided(entity, review(days_later=3))
    assert entity.due_at() != WAITING
    assert not load_entity(TOY, "customer:c0", entity.document()).behind
