"""Concerns: deadlines by tier, answered and confirmed, reopened, ConcernOverdue, loop rate (domain.md, Engagement)."""

from functools import partial

from tests.services.engagement import given as sentences
from tests.services.engagement.given import Given, answer, concern, confirm, overdue, tier, voided

# Stored and loaded before every record; answers are promised within 120 hours.
given = partial(sentences.given, tier("general", "2026-01-10"), reload=True)


def counts(one: Given, **expected: int) -> None:
    """These counts of concerns; those not named are 0."""
    shown = one.row["concerns"]
    names = ("open", "open_overdue", "answered_in_time", "overdue", "reopened")
    assert {name: shown[name] for name in names} == {**dict.fromkeys(names, 0), **expected}


def promised(one: Given, deadline: str | None) -> Given:
    """The first concern listed has this deadline."""
    assert one.row["concerns"]["list"][0]["deadline"] == (deadline and one.world.at(deadline))
    return one


def test_the_deadline_is_that_of_the_tier_at_the_start_of_the_day() -> None:
    one = given(tier("priority", "2026-03-02T08:00")).when(concern("2026-03-02T10:00"))
    promised(one, "2026-03-07T10:00")
    promised(one.when(concern("2026-03-03T09:00", "k0", "critical")), "2026-03-04T21:00")  # half of 72 hours


def test_below_general_nothing_is_promised() -> None:
    one = sentences.given(concern("2026-03-02")).when("2027-03-02").then()
    promised(one, None)
    counts(one, open=1)


def test_answered_within_the_hours_is_in_time() -> None:
    one = given(concern("2026-03-02T10:00")).when(answer("2026-03-07T10:00"), "2026-03-20").then()
    counts(one, open=1, answered_in_time=1)


def test_unanswered_past_the_deadline_is_overdue_once_and_stays_so() -> None:
    one = given(concern("2026-03-02T10:00"))
    assert one.world.entities["customer:C-1"].due_at() == one.world.at("2026-03-07T10:00:00.001")
    one.when("2026-03-07T10:00:01").then(overdue("k1", round=0, effective_on="2026-03-07"))
    one.when("2026-03-09", answer("2026-03-10"), confirm("2026-03-11")).then()
    counts(one, overdue=1)


def test_a_refused_answer_starts_the_same_hours_again() -> None:
    one = given(concern("2026-03-02T10:00"), answer("2026-03-03")).when(confirm("2026-03-04T12:00", accepted=False))
    promised(one.then(), "2026-03-09T12:00").when("2026-03-10").then(overdue("k1", round=1))
    assert one.row["concerns"]["reopened"] == 1


def test_refused_without_an_answer_there_was_one_all_the_same() -> None:
    """The refused promise was kept, if in time; the next one counts from the refusal."""
    one = given(concern("2026-03-02T10:00")).when(
        confirm("2026-03-03T10:00", accepted=False), confirm("2026-03-04T10:00"), "2026-04-09"
    )
    counts(one.then(), answered_in_time=1, reopened=1)


def test_accepted_without_an_answer_is_answered_and_closed() -> None:
    counts(given(concern("2026-03-02T10:00")).when(confirm("2026-03-03")), answered_in_time=1)


def test_the_halves_may_come_either_way_round() -> None:
    one = given(confirm("2026-03-04", logged="2026-03-05T10:00"), answer("2026-03-03", logged="2026-03-05T11:00"))
    counts(one)
    counts(one.when(concern("2026-03-02", logged="2026-03-05T12:00")), answered_in_time=1)


def test_halves_pair_by_source() -> None:
    one = given(concern("2026-03-02", source="crm")).when(answer("2026-03-03", source="helpdesk"))
    assert one.row["concerns"]["list"][0]["answered_at"] is None


def test_voiding_a_concern_voids_its_answers() -> None:
    one = given(concern("2026-03-02"), answer("2026-03-03")).when(voided("k1", "2026-03-04", kind="concern"))
    counts(one)
    one.when("2026-04-01").then()


def test_an_amendment_changes_the_severity() -> None:
    one = given(concern("2026-03-02")).when(concern("2026-03-02T11:00", severity="critical", revision=2))
    assert one.row["concerns"]["open_by_severity"] == {"critical": 1, "major": 0, "minor": 0}
    promised(one, "2026-03-04T23:00")


def test_the_loop_rate_is_of_concerns_old_enough_to_judge() -> None:
    one = given()
    assert one.row["concerns"]["loop_rate"] is None
    for name, raised, accepted in (
        ("a", "2026-03-01", "2026-03-15"),  # 14 days
        ("b", "2026-03-01", "2026-03-16"),
        ("c", "2026-03-01", None),
        ("d", "2026-03-17", None),  # 14 days old: not judged yet
        ("e", "2025-03-31", "2025-04-01"),  # 365 days old
    ):
        one.when(concern(raised, name), *([confirm(accepted, name)] if accepted else []))
    assert one.when("2026-03-31").row["concerns"]["loop_rate"] == 0.33


def test_open_concerns_are_listed_by_severity_then_age() -> None:
    one = given(concern("2026-03-01", "old", "minor"), concern("2026-03-02", "new", "critical"))
    one.when(concern("2026-03-03", "closed", "critical"), confirm("2026-03-03T12:00", "closed"))
    assert [concern["concern_id"] for concern in one.row["concerns"]["list"]] == ["new", "old"]
