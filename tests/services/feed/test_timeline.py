"""The timeline: a line for each record, none ever gone, nothing in it that not every reader may see."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.feed.rules.lines import MAX_NAMED
from shared.events.decisions import ContactLapsed
from shared.events.facts import (
    AccessGranted,
    AccountRated,
    Attendee,
    ConcernRaised,
    ConcernResolved,
    CreditRated,
    CustomerRegistered,
    FollowUp,
    GoalSet,
    KeyPersonAssessed,
    Participant,
    ProfileItem,
    ProfileReviewed,
    ProfileRevised,
    PurchaseRecorded,
    RecordVoided,
    SatisfactionSurveyed,
    VisitLogged,
)
from tests.services.feed.given import Story, tier_changed


def purchase(amount: str, name: str = "p1", **more: Any) -> PurchaseRecorded:
    return PurchaseRecorded(purchase_id=name, amount=amount, currency="CNY", **more)


def text_of(story: Story) -> str:
    return json.dumps([story.lines, story.changes], default=str, ensure_ascii=False)


def test_a_purchase_is_a_line_with_its_amount_and_where_it_stands() -> None:
    story = Story()
    event = story.told(purchase("1234.50", margin_rate="0.2217"), "2026-03-02", actor="li.wei", key_id="k7")
    (line,) = story.lines
    assert line == {
        "customer": "c",
        "offset": 0,
        "kind": "purchase.recorded",
        "occurred_at": event.time,
        "recorded_at": event.recorded_at,
        "source": "erp",
        "event": "e0",
        "record": ["p1"],
        "actor": "li.wei",
        "key_id": "k7",
        "shows": {"amount": "1234.50", "currency": "CNY"},
    }
    assert "2217" not in text_of(story)


def test_a_revision_leaves_the_line_before_it_and_names_it() -> None:
    story = Story()
    first = story.told(purchase("100.00"), "2026-03-02")
    story.told(purchase("5.00", "p2"), "2026-03-02")
    story.revised(purchase("120.00"), "2026-03-04", first)
    old, other, new = story.lines
    assert old["revised"] == {"revision": 2, "offset": 2}
    assert old["shows"]["amount"] == "100.00"
    assert new["replaces"] == {"revision": 1, "offset": 0}
    assert (new["revision"], new["shows"]["amount"]) == (2, "120.00")
    assert "revised" not in other


def test_a_voided_line_stays_and_is_marked() -> None:
    story = Story()
    first = story.told(purchase("100.00"), "2026-03-02")
    void = RecordVoided(kind="purchase", record_id="p1", reason="客户王小明打错了")
    second = story.revised(void, "2026-03-03", first)
    story.revised(purchase("90.00"), "2026-03-04", second)
    old, voided, again = story.lines
    assert old["voided"] == {"revision": 2, "offset": 1}
    assert (voided["kind"], voided["record"], voided["replaces"]["offset"]) == ("record.voided", ["p1"], 0)
    assert voided["revised"] == {"revision": 3, "offset": 2}
    assert again["replaces"] == {"revision": 2, "offset": 1}
    assert "王小明" not in text_of(story)


def test_a_record_that_was_voided_at_another_customer_starts_afresh() -> None:
    story = Story()
    elsewhere = Story().told(purchase("100.00"), "2026-03-02")
    story.revised(purchase("100.00"), "2026-03-04", elsewhere, revision=3)
    (line,) = story.lines
    assert line["replaces"] == {"revision": 1}


def test_records_of_two_sources_do_not_replace_one_another() -> None:
    story = Story()
    story.told(purchase("1.00"), "2026-03-02", source="erp")
    other = story.told(purchase("2.00"), "2026-03-02", source="shop")
    story.revised(purchase("3.00"), "2026-03-02", other, source="shop")
    assert ["revised" in line for line in story.lines] == [False, True, False]


def test_a_visit_shows_who_went_and_how_many_came_and_no_text() -> None:
    story = Story()
    visit = VisitLogged(
        visit_id="v1",
        kind="routine",
        channel="onsite",
        participants=tuple(Participant(rep_id=f"r{n}", role="engineer") for n in range(MAX_NAMED + 2)),
        attendees=(Attendee(person_id="p-王", department="采购部"), Attendee(department="IT")),
        purpose="秘密一",
        needs="秘密二",
        consensus="秘密三",
        follow_ups=(FollowUp(what="秘密四"),),
        occurred_on=date(2026, 3, 1),
    )
    story.told(visit, "2026-03-02")
    (line,) = story.lines
    assert line["shows"] == {
        "kind": "routine",
        "channel": "onsite",
        "reps": [f"r{n}" for n in range(MAX_NAMED)],
        "participants": MAX_NAMED + 2,
        "attendees": 2,
        "follow_ups": 1,
        "occurred_on": "2026-03-01",
    }
    assert not {"秘密", "采购部", "p-王"} & {part for part in ("秘密", "采购部", "p-王") if part in text_of(story)}


@pytest.mark.parametrize(
    "fact",
    [
        CreditRated(grade=Decimal("7.77"), limit="88888.88", agency="机密评级"),
        AccountRated(rated_by="机密", strategic_fit=Decimal("7.77"), share_of_wallet=Decimal("8.88")),
        KeyPersonAssessed(person_id="机密", decision_role="approve", attitude=-1, assessed_by="机密"),
        ProfileRevised(
            profile="vp",
            vendor_id="机密",
            template="机密/1",
            items=(ProfileItem(item="机密", text="机密"),),
            revised_by="机密",
        ),
        ProfileReviewed(profile="vp", vendor_id="机密", sections=("macro",), reviewed_by="机密"),
        AccessGranted(
            grant_id="g",
            grantee="机密",
            max_grade="secret",
            purpose="机密",
            approved_by="机密",
            expires_on=date(2026, 4, 1),
        ),
    ],
    ids=lambda fact: type(fact).__name__,
)
def test_of_what_is_confidential_only_that_it_changed_is_said(fact: Any) -> None:
    story = Story()
    story.told(purchase("1.00"), "2026-03-02")
    story.told(fact, "2026-03-02")
    line = story.lines[-1]
    assert set(line) - {"record"} == {"customer", "offset", "kind", "occurred_at", "recorded_at", "source", "event"}
    assert story.sections[-1] == ["other"]
    for secret in ("7.77", "8.88", "88888.88", "机密", "approve", "attitude", "-1,"):
        assert secret not in text_of(story)


def test_texts_of_concerns_stand_nowhere() -> None:
    story = Story()
    story.told(ConcernRaised(concern_id="q1", kind="complaint", severity="major", about="秘密"), "2026-03-02")
    story.told(ConcernResolved(concern_id="q1", resolution="秘密"), "2026-03-03")
    assert [line["shows"] for line in story.lines] == [
        {"kind": "complaint", "severity": "major"},
        {"concern_id": "q1"},
    ]
    assert "秘密" not in text_of(story)


def test_numbers_are_text_and_what_was_cleared_is_shown_as_cleared() -> None:
    story = Story()
    story.told(CustomerRegistered(name="华为技术", region=None, country="CN"), "2026-03-02")
    goal = GoalSet(scope="customer", metric="nps", baseline=Decimal("1.5"), target=Decimal(40), due_on=date(2026, 9, 1))
    story.told(goal, "2026-03-02")
    story.told(SatisfactionSurveyed(survey_id="s", instrument="nps", score=9, person_id="p-1"), "2026-03-02")
    registered, set_, answered = (line["shows"] for line in story.lines)
    assert registered == {"name": "华为技术", "country": "CN", "region": None}
    assert set_ == {"metric": "nps", "baseline": "1.5", "target": "40", "due_on": "2026-09-01"}
    assert answered == {"instrument": "nps", "score": 9}


def test_a_decision_that_won_has_a_line_and_one_that_lost_has_none() -> None:
    story = Story()
    story.told(purchase("1.00"), "2026-03-02")
    story.moved("general", "2026-03-02")
    story.told(tier_changed((1, None), "partner", "2026-03-02"), "2026-03-02")
    story.told(tier_changed((2, "not the last one"), "partner", "2026-03-02", before="general"), "2026-03-02")
    day = date(2026, 3, 2)
    lapsed = ContactLapsed(version=1, effective_on=day, due_on=day, cadence_days=30, tier="general")
    story.told(lapsed, "2026-03-02")
    assert [line["kind"] for line in story.lines] == ["purchase.recorded", "tier.changed", "contact.lapsed"]
    assert story.lines[1]["shows"] == {
        "version": 1,
        "from": "potential",
        "to": "general",
        "computed_tier": "general",
        "cause": "score",
        "effective_on": "2026-03-02",
    }
    assert [change["sequence"] for change in story.changes] == [f"{n:016}" for n in (1, 2, 3)]


def test_a_review_leaves_no_line() -> None:
    story = Story()
    story.told(purchase("1.00"), "2026-03-02")
    story.review("2026-03-05T04:00:00+00:00")
    assert len(story.lines) == 1
    assert len(story.changes) == 2
