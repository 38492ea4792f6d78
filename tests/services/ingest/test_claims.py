"""Each record once: what is said of repeats, conflicts, revisions and voids, in whatever order they come."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain import MAX_REVISIONS, Accepted, Candidate, Claim, Duplicate, judge
from shared.events.event import Position
from shared.events.refusal import Reason, Refused
from tests.services.ingest.events import candidate, event


def purchase(revision: int = 1, amount: str = "10.00", **attributes: Any) -> Candidate:
    return candidate(event("purchase.recorded", {"amount": amount}, revision=revision, **attributes))


def void(revision: int = 2, reason: str = "typed twice", **attributes: Any) -> Candidate:
    return candidate(event("record.voided", {"reason": reason}, revision=revision, **attributes))


def at(offset: int) -> Position:
    return Position(1, 0, offset)


@dataclass
class Door:
    """A claim and the verdicts given so far, each record from the next offset."""

    claim: Claim | None = None
    offset: int = 0
    log: list[tuple[int, int | None]] = field(default_factory=list)

    def takes(self, one: Candidate, offset: int | None = None) -> Accepted | Duplicate | Refused:
        if offset is None:
            self.offset += 1
            offset = self.offset
        verdict = judge(self.claim, one, at(offset))
        if isinstance(verdict, Accepted):
            self.claim = verdict.claim or self.claim
            self.log.append((one.revision, None if verdict.replaces is None else verdict.replaces["revision"]))
        return verdict


def test_the_first_of_a_record_is_accepted_and_claimed() -> None:
    verdict = Door().takes(purchase())
    assert isinstance(verdict, Accepted)
    assert verdict.claim is not None
    assert verdict.replaces is None


def test_the_same_content_again_is_a_duplicate_under_whatever_event_id() -> None:
    door = Door()
    door.takes(purchase())
    assert door.takes(purchase()) == Duplicate(1)
    assert door.takes(purchase(id="another")) == Duplicate(1)


def test_the_same_position_again_gets_the_same_output() -> None:
    door = Door()
    for one in (purchase(), purchase(2, "20.00"), void(3)):
        door.takes(one)
    first_time = list(door.log)
    for offset, one in enumerate((purchase(), purchase(2, "20.00"), void(3)), start=1):
        verdict = door.takes(one, offset)
        assert isinstance(verdict, Accepted)
        assert verdict.claim is None
    assert door.log == first_time * 2


def test_other_content_under_the_same_revision_is_a_conflict() -> None:
    door = Door()
    door.takes(purchase())
    assert refused(door.takes(purchase(amount="11.00"))) == (Reason.CONFLICTING_REPEAT, "revision")


def test_other_content_under_the_same_event_id_is_a_conflict_of_ids() -> None:
    door = Door()
    door.takes(candidate(event("customer.registered", {"name": "甲"})))
    again = candidate(event("customer.registered", {"name": "乙"}))
    assert refused(door.takes(again)) == (Reason.CONFLICTING_REPEAT, "id")


def test_a_higher_revision_replaces_and_a_lower_one_is_superseded() -> None:
    door = Door()
    door.takes(purchase(2, "20.00"))
    assert refused(door.takes(purchase(1))) == (Reason.SUPERSEDED, "revision")
    verdict = door.takes(purchase(5, "50.00"))
    assert isinstance(verdict, Accepted)
    assert verdict.replaces is not None
    assert (verdict.replaces["revision"], verdict.replaces["data"]["amount"]) == (2, "20.00")
    assert refused(door.takes(purchase(3, "30.00"))) == (Reason.SUPERSEDED, "revision")
    assert door.takes(purchase(2, "20.00")) == Duplicate(2)


def test_a_void_after_its_record_replaces_it() -> None:
    door = Door()
    door.takes(purchase())
    verdict = door.takes(void())
    assert isinstance(verdict, Accepted)
    assert verdict.replaces is not None
    assert verdict.replaces["data"]["amount"] == "10.00"


def test_a_void_before_its_record_lets_only_later_revisions_in() -> None:
    door = Door()
    first = door.takes(void())
    assert isinstance(first, Accepted)
    assert first.replaces is None
    assert refused(door.takes(purchase(1))) == (Reason.SUPERSEDED, "revision")
    again = door.takes(purchase(3))
    assert isinstance(again, Accepted)
    assert again.replaces is not None
    assert again.replaces["data"] is None


def test_another_subject_is_refused_in_a_higher_revision() -> None:
    door = Door()
    door.takes(purchase())
    for revision in (1, 2, 7):
        assert refused(door.takes(purchase(revision, subject="other"))) == (Reason.SUBJECT_CHANGED, "subject")
    assert refused(door.takes(void(3, subject="other"))) == (Reason.SUBJECT_CHANGED, "subject")


def test_the_first_subject_keeps_a_record_whatever_the_revision_it_came_with() -> None:
    door = Door()
    door.takes(purchase(2, subject="other"))
    assert refused(door.takes(purchase(1))) == (Reason.SUBJECT_CHANGED, "subject"), "not superseded"


def test_a_record_of_the_wrong_customer_is_voided_and_sent_again() -> None:
    """INV-1 of the issue: afterwards it is the right customer's, and what the wrong one sent are repeats."""
    door = Door()
    door.takes(purchase(1, subject="wrong"))
    door.takes(void(2, subject="wrong"))
    assert refused(door.takes(purchase(2))) == (Reason.SUBJECT_CHANGED, "subject"), "a higher revision is needed"
    moved = door.takes(purchase(3))
    assert isinstance(moved, Accepted)
    assert moved.replaces is not None
    assert moved.replaces["data"] is None, "it starts afresh"
    assert door.claim is not None
    assert door.claim.key == "customer:00042"
    assert door.takes(purchase(1, subject="wrong")) == Duplicate(1)
    assert refused(door.takes(purchase(4, subject="wrong"))) == (Reason.SUBJECT_CHANGED, "subject")
    assert isinstance(door.takes(purchase(5, "20.00")), Accepted)
    for offset, one in enumerate((purchase(1, subject="wrong"), void(2, subject="wrong")), start=1):
        assert isinstance(door.takes(one, offset), Accepted), "the same position gets the same verdict"


def test_revisions_kept_are_bounded_and_a_void_still_gets_in() -> None:
    door = Door()
    for revision in range(1, MAX_REVISIONS + 1):
        assert isinstance(door.takes(purchase(revision)), Accepted)
    assert refused(door.takes(purchase(MAX_REVISIONS + 1))) == (Reason.TOO_MANY_REVISIONS, "revision")
    assert isinstance(door.takes(void(MAX_REVISIONS + 2)), Accepted)
    assert refused(door.takes(void(MAX_REVISIONS + 3))) == (Reason.TOO_MANY_REVISIONS, "revision")


def test_reviews_need_no_claim() -> None:
    review = candidate(event("customer.reviewed"))
    assert judge(None, review, at(1)) == Accepted(None, None) == judge(None, review, at(2))


ONES = [purchase(revision, amount) for revision in (1, 2, 3) for amount in ("1.00", "2.00")] + [void(2), void(3)]
STREAM = st.lists(st.sampled_from(ONES), min_size=1, max_size=12)


@given(STREAM)
def test_the_highest_revision_wins_whatever_the_order(stream: list[Candidate]) -> None:
    door = Door()
    for one in stream:
        door.takes(one)
    assert door.claim is not None
    assert door.claim.entries[-1].revision == max(one.revision for one in stream)
    revisions = [entry.revision for entry in door.claim.entries]
    assert revisions == sorted(set(revisions))


@given(STREAM)
def test_each_revision_is_accepted_once_and_replaces_the_one_accepted_before(stream: list[Candidate]) -> None:
    door = Door()
    for one in stream:
        door.takes(one)
    accepted = [revision for revision, _ in door.log]
    assert len(set(accepted)) == len(accepted)
    assert [replaced for _, replaced in door.log] == [None, *accepted[:-1]]


@given(STREAM, st.data())
def test_judging_again_from_any_earlier_position_changes_nothing(stream: list[Candidate], data: st.DataObject) -> None:
    door = Door()
    first = [door.takes(one) for one in stream]
    claim, start = door.claim, data.draw(st.integers(0, len(stream) - 1))
    for offset in range(start, len(stream)):
        verdict = door.takes(stream[offset], offset + 1)
        before = first[offset]
        if isinstance(before, Accepted):
            assert verdict == Accepted(None, before.replaces)
        else:
            assert not isinstance(verdict, Accepted)
    assert door.claim == claim


@pytest.mark.parametrize("revision", [1, 2])
def test_a_claim_keeps_the_subject_and_never_expires_for_records(revision: int) -> None:
    door = Door()
    door.takes(purchase(revision))
    assert door.claim is not None
    assert (door.claim.key, door.claim.expires_at, door.claim.v) == ("customer:00042", None, 0)


def refused(verdict: object) -> tuple[Reason, str]:
    assert isinstance(verdict, Refused), verdict
    return verdict.reason, verdict.field
