"""Each record once: what is said of repeats, conflicts, revisions and voids, in whatever order they come."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from services.ingest.admit import MAX_REVISIONS, Accepted, Candidate, Claim, Duplicate, judge
from services.ingest.admit.aside import split
from shared.events.codec import content_hash, format_instant
from shared.events.event import Position
from shared.events.refusal import Reason, Refused
from shared.events.registry import FACTS
from tests.events.wire import SENT, event
from tests.services.ingest.judging import candidate

Verdict = Accepted | Duplicate | Refused
Expected = tuple[Any, ...]


def purchase(revision: int = 1, amount: str = "10.00", **attributes: Any) -> Candidate:
    return candidate(event("purchase.recorded", {"amount": amount}, revision=revision, **attributes))


def void(revision: int = 2, reason: str = "typed twice", **attributes: Any) -> Candidate:
    return candidate(event("record.voided", {"reason": reason}, revision=revision, **attributes))


def at(offset: int) -> Position:
    return Position(1, 0, offset)


@dataclass
class Door:
    """A claim and the verdicts on what came so far, each record from the next offset."""

    claim: Claim | None = None
    offset: int = 0
    log: list[tuple[int, int | None]] = field(default_factory=list)
    said: list[Verdict] = field(default_factory=list)

    def takes(self, one: Candidate, offset: int | None = None) -> Verdict:
        if offset is None:
            self.offset += 1
            offset = self.offset
        verdict = judge(self.claim, one, at(offset))
        if isinstance(verdict, Accepted):
            self.claim = verdict.claim or self.claim
            self.log.append((one.revision, None if verdict.replaces is None else verdict.replaces["revision"]))
        return verdict

    def when(self, *records: Candidate) -> "Door":
        """These come next."""
        self.said = [self.takes(one) for one in records]
        return self

    def when_again(self, *records: Candidate) -> "Door":
        """The same positions are read once more, from the first on."""
        self.said = [self.takes(one, offset) for offset, one in enumerate(records, start=1)]
        return self

    def then(self, *expected: Expected) -> "Door":
        """These verdicts, in this order."""
        assert [told(one) for one in self.said] == [*expected]
        return self


def given(*records: Candidate) -> Door:
    return Door().when(*records)


def told(verdict: Verdict) -> Expected:
    """What a verdict says: the amount that it replaces, the revision that it repeats, or why it is refused."""
    if isinstance(verdict, Refused):
        return refused(verdict.reason, verdict.field)
    if isinstance(verdict, Duplicate):
        return duplicate(verdict.revision)
    if verdict.replaces is None:
        return accepted()
    content = verdict.replaces["data"]
    return accepted(replaces=verdict.replaces["revision"], of=None if content is None else content["amount"])


def accepted(*, replaces: int | None = None, of: str | None = None) -> Expected:
    """`of`: the amount of the revision replaced; None where it was a void."""
    return ("accepted", replaces, of)


def duplicate(revision: int) -> Expected:
    return ("duplicate", revision)


def refused(reason: Reason, field: str) -> Expected:
    return ("refused", reason, field)


CONFLICT = refused(Reason.CONFLICTING_REPEAT, "revision")
SUPERSEDED = refused(Reason.SUPERSEDED, "revision")
MOVED = refused(Reason.SUBJECT_CHANGED, "subject")
FULL = refused(Reason.TOO_MANY_REVISIONS, "revision")


def test_the_first_of_a_record_is_accepted_and_claimed() -> None:
    assert given().when(purchase()).then(accepted()).claim is not None


def test_the_same_content_again_is_a_duplicate_under_whatever_event_id() -> None:
    given(purchase()).when(purchase(), purchase(id="another")).then(duplicate(1), duplicate(1))


def test_the_same_position_again_gets_the_same_output() -> None:
    records = (purchase(), purchase(2, "20.00"), void(3))
    output = (accepted(), accepted(replaces=1, of="10.00"), accepted(replaces=2, of="20.00"))
    door = given().when(*records).then(*output)
    claim = door.claim
    assert door.when_again(*records).then(*output).claim is claim


def test_other_content_under_the_same_revision_is_a_conflict() -> None:
    given(purchase()).when(purchase(amount="11.00")).then(CONFLICT)


def test_other_content_under_the_same_event_id_is_a_conflict_of_ids() -> None:
    first, again = (candidate(event("customer.registered", {"name": name})) for name in "甲乙")
    given(first).when(again).then(refused(Reason.CONFLICTING_REPEAT, "id"))


def test_a_higher_revision_replaces_and_a_lower_one_is_superseded() -> None:
    door = given(purchase(2, "20.00")).when(purchase(1)).then(SUPERSEDED)
    door.when(purchase(5, "50.00")).then(accepted(replaces=2, of="20.00"))
    door.when(purchase(3, "30.00"), purchase(2, "20.00")).then(SUPERSEDED, duplicate(2))


def test_a_void_after_its_record_replaces_it() -> None:
    given(purchase()).when(void()).then(accepted(replaces=1, of="10.00"))


def test_a_void_before_its_record_lets_only_later_revisions_in() -> None:
    given().when(void(), purchase(1), purchase(3)).then(accepted(), SUPERSEDED, accepted(replaces=2, of=None))


@pytest.mark.parametrize("revision", [1, 2, 7])
def test_another_subject_is_refused_in_a_higher_revision(revision: int) -> None:
    given(purchase()).when(purchase(revision, subject="other")).then(MOVED)


def test_a_void_for_another_subject_is_refused() -> None:
    given(purchase()).when(void(3, subject="other")).then(MOVED)


def test_the_first_subject_keeps_a_record_whatever_the_revision_it_came_with() -> None:
    given(purchase(2, subject="other")).when(purchase(1)).then(MOVED)  # and not: superseded


def test_a_record_of_the_wrong_customer_is_voided_and_sent_again() -> None:
    """Afterwards it is the right customer's, and what the wrong one sent are repeats."""
    wrong = (purchase(1, subject="wrong"), void(2, subject="wrong"))
    door = given(*wrong).when(purchase(2)).then(MOVED)  # a higher revision is needed
    door.when(purchase(3)).then(accepted(replaces=2, of=None))
    assert door.claim is not None
    assert door.claim.key == "customer:00042"
    door.when(wrong[0], purchase(4, subject="wrong"), purchase(5, "20.00")).then(
        duplicate(1), MOVED, accepted(replaces=3, of="10.00")
    )
    door.when_again(*wrong).then(accepted(), accepted(replaces=1, of="10.00"))


def test_revisions_kept_are_bounded_and_a_void_still_gets_in() -> None:
    full = given(*(purchase(revision) for revision in range(1, MAX_REVISIONS + 1)))
    assert len(full.log) == MAX_REVISIONS
    full.when(purchase(MAX_REVISIONS + 1)).then(FULL)
    full.when(void(MAX_REVISIONS + 2)).then(accepted(replaces=MAX_REVISIONS, of="10.00"))
    full.when(void(MAX_REVISIONS + 3)).then(FULL)


def test_reviews_need_no_claim() -> None:
    review = candidate(event("customer.reviewed"))
    assert given().when(review, review).then(accepted(), accepted()).claim is None


ONES = [purchase(revision, amount) for revision in (1, 2, 3) for amount in ("1.00", "2.00")] + [void(2), void(3)]
STREAM = st.lists(st.sampled_from(ONES), min_size=1, max_size=12)


@for_all(STREAM)
def test_the_highest_revision_wins_whatever_the_order(stream: list[Candidate]) -> None:
    door = Door()
    for one in stream:
        door.takes(one)
    assert door.claim is not None
    assert door.claim.entries[-1].revision == max(one.revision for one in stream)
    revisions = [entry.revision for entry in door.claim.entries]
    assert revisions == sorted(set(revisions))


@for_all(STREAM)
def test_each_revision_is_accepted_once_and_replaces_the_one_accepted_before(stream: list[Candidate]) -> None:
    door = Door()
    for one in stream:
        door.takes(one)
    accepted = [revision for revision, _ in door.log]
    assert len(set(accepted)) == len(accepted)
    assert [replaced for _, replaced in door.log] == [None, *accepted[:-1]]


@for_all(STREAM, st.data())
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


def concern(about: str = "late", **attributes: Any) -> Candidate:
    return candidate(event("concern.raised", {"about": about}, **attributes))


def test_another_text_under_the_same_revision_is_a_conflict() -> None:
    door = given(concern()).when(concern(id="e-2"), concern("late again", id="e-3"))
    door.then(duplicate(1), refused(Reason.CONFLICTING_REPEAT, "revision"))


def test_another_name_under_the_same_revision_is_a_conflict() -> None:
    names = [candidate(event("key_person.assessed", {"name": name})) for name in ("张敏", "张敏", "张明")]
    given(names[0]).when(*names[1:]).then(duplicate(1), refused(Reason.CONFLICTING_REPEAT, "id"))


def test_once_a_text_or_name_is_erased_a_repeat_is_one_whatever_it_says() -> None:
    door = given(concern())
    assert door.claim is not None
    door.claim = replace(door.claim, entries=(door.claim.entries[0]._replace(said=None),))
    door.when(concern("another"), concern("third"))
    door.then(duplicate(1), duplicate(1))


def test_a_text_more_or_less_is_other_content() -> None:
    with_one, without = (
        candidate(event("visit.logged", {"consensus": consensus}, id="e-2")) for consensus in ("agreed", None)
    )
    given(with_one).when(without).then(refused(Reason.CONFLICTING_REPEAT, "revision"))
    given(without).when(with_one).then(refused(Reason.CONFLICTING_REPEAT, "revision"))


def test_an_id_that_looks_as_made_of_a_name_is_compared_too() -> None:
    """The content leaves such ids aside, as the log does not tell who made them."""
    one, other = (
        candidate(event("visit.logged", {"attendees": [{"person_id": f"name:{end}"}]}, id=end)) for end in ("a", "b")
    )
    assert one.content == other.content
    given(one).when(other).then(refused(Reason.CONFLICTING_REPEAT, "revision"))


@pytest.mark.parametrize("noun", SENT)
def test_the_content_of_what_is_sent_is_that_of_what_stands_on_the_log(noun: str) -> None:
    one = candidate(event(noun))
    entry = FACTS[one.type]
    bare, _ = split(entry, one.data)
    assert content_hash((one.type, one.subject, format_instant(one.time), bare)) == one.content
    for told in one.texts:
        assert told.text not in json.dumps([one.data, one.undo], ensure_ascii=False)


def test_the_same_text_elsewhere_has_another_id_and_the_key_makes_them() -> None:
    keys = (b"", b"key of a deployment", b"key of another one.")
    ids = [
        text.text_id
        for key in keys
        for document in (event("visit.logged"), event("visit.logged", revision=2), event("visit.logged", source="crm"))
        for text in candidate(document, person_key=key).texts
    ]
    assert len(ids) == len(set(ids)) == len(keys) * 3 * 2
    assert candidate(event("concern.raised")).said != candidate(event("concern.raised"), person_key=keys[1]).said
