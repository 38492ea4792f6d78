"""The worked examples of the design, one a test (domain.md, Worked examples of archives)."""

from datetime import date, timedelta

from services.archives.rules.access import Customer, Reader, Verdict, may_read
from shared.events.facts import AccessGranted, PersonErased, ProfileItem
from tests.services.archives.given import CP, Story, at, section, texts


def test_1_a_strategic_customer_seen_once() -> None:
    story = Story()
    story.tier("strategic", "2026-01-10")
    written = [*section("macro"), *section("pain")[:3], *section("industry"), *section("competition")[:2]]
    short = texts("weaknesses", text="nine char")
    none_known = (ProfileItem(item="vision", none_known=True),)
    story.cp((*texts(*written), *short, *none_known), "2026-01-10")
    assert len(written) == 13
    assert story.shares("2026-02-08") == ("70.00", "70.00")
    assert story.shares("2026-04-09") == ("70.00", "70.00")
    assert story.shares("2026-04-10") == ("70.00", "0.00")
    assert story.profile()["due_on"] == "2026-02-09"


def test_1_two_sections_reviewed() -> None:
    story = Story()
    story.tier("strategic", "2026-01-10")
    written = [*section("macro"), *section("pain")[:3], *section("industry"), *section("competition")[:3]]
    story.cp(texts(*written), "2026-01-10")
    story.read_again("2026-04-01", "macro", "pain")
    assert story.shares("2026-04-09") == ("70.00", "70.00")
    assert story.shares("2026-04-10") == ("70.00", "35.00")
    assert story.shares("2026-06-29") == ("70.00", "35.00")
    assert story.shares("2026-06-30") == ("70.00", "0.00")


def erased(on: str, person: str = "p-7") -> PersonErased:
    day = date.fromisoformat(on)
    return PersonErased(person_id=person, requested_on=day, basis="gdpr_17", mode="erase", decided_by="u-1")


def test_an_item_that_mentions_an_erased_person_is_unfilled_whichever_comes_first() -> None:
    named = (ProfileItem(item="pains", text="the CFO wants one supplier", mentions=("p-7",)),)
    for first in (True, False):
        for reload in (True, False):
            story = Story(reload=reload)
            story.tier("strategic", "2026-01-10")
            if first:
                story.told(erased("2026-02-01"), "2026-02-01")
            story.cp((*texts(*section("macro")), *named), "2026-01-10", "2026-02-02" if first else None)
            if not first:
                assert story.shares("2026-01-31") == ("25.00", "25.00")
                story.told(erased("2026-02-01"), "2026-02-01")
            assert story.shares("2026-02-03")[0] == "20.00"
            story.cp(named, "2026-02-04")
            assert story.shares("2026-02-04")[0] == "20.00", "an erased id never counts again"


def test_2_a_partner_that_becomes_strategic() -> None:
    story = Story()
    story.tier("partner", "2026-03-15")
    story.cp(texts(*(name for name in CP if name not in {s[3] for s in map(section, SECTIONS)})), "2026-03-15")
    assert story.shares("2026-04-30") == ("100.00", "100.00")
    story.tier("strategic", "2026-05-01")
    assert story.shares("2026-05-01") == ("75.00", "75.00")
    story.until("2026-06-02")
    assert story.decided() == [("2026-05-31", "lapsed", "2026-05-31")]


SECTIONS = ("macro", "industry", "competition", "strategy", "pain")


def test_3_the_grade_follows_the_tier_up_at_once_and_down_after_a_year() -> None:
    story = Story()
    story.tier("priority", "2026-01-10")
    story.cp((), "2026-01-10", grade="confidential")
    assert story.profile()["grade"] == "secret"
    story.tier("partner", "2026-06-01")
    assert story.profile()["grade"] == "top_secret"
    story.tier("priority", "2026-09-01")
    story.until("2027-08-31")
    assert story.profile()["grade"] == "top_secret"
    story.until("2027-09-01")
    assert story.profile()["grade"] == "secret"


def test_4_a_grant_through_its_last_day() -> None:
    story = Story()
    grant = AccessGranted(
        grant_id="g",
        grantee="r-9",
        max_grade="secret",
        purpose="bid",
        approved_by="r-1",
        expires_on=at("2026-07-31").date(),
    )
    story.told(grant, "2026-06-01")
    customer = Customer(frozenset({"r-1"}), {}, story.entity.state.grants.values())

    def asks(grade: str, on: str) -> Verdict:
        return may_read(Reader("r-9"), customer, grade, at(on), at(on).date().toordinal(), timedelta())  # type: ignore[arg-type]

    assert asks("secret", "2026-07-31") == (True, "grant")
    assert asks("secret", "2026-08-01") == (False, "grant_ended")
    assert asks("top_secret", "2026-07-31") == (False, "grade")
