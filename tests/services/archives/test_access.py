"""Grants, and who may read (domain.md, Access)."""

from datetime import timedelta
from typing import Any

import pytest

from services.archives.rules.access import MAX_LEVELS, BreakGlass, Customer, Reader, may_read
from services.archives.rules.grants import MAX_GRANTS, Grant
from shared.events.facts import AccessGranted, AccountAssigned, RecordVoided
from tests.services.archives.given import Story, at

NOW = at("2026-06-01")
DAY = NOW.date().toordinal()
MANAGERS = {"o": "m1", "m1": "m2", "m2": "o"}


def grant(rank: int, *, until: int = DAY, grantee: str = "g", revoked: bool = False) -> Grant:
    return Grant(1, grantee, rank, "s", DAY - 5, until, revoked)


def customer(*grants: Grant) -> Customer:
    return Customer(frozenset({"o"}), MANAGERS, grants)


def ask(reader: Reader, grade: Any, *grants: Grant, lag: timedelta = timedelta()) -> str:
    verdict = may_read(reader, customer(*grants), grade, NOW, DAY, lag)
    return f"{'yes' if verdict.allowed else 'no'} {verdict.by}"


BROKEN = BreakGlass(NOW - timedelta(hours=3, minutes=59), "the plant burns")


@pytest.mark.parametrize(
    ("reader", "grade", "grants", "verdict"),
    [
        (Reader("o"), "top_secret", [], "yes owner"),
        (Reader("m1"), "top_secret", [], "yes chain"),
        (Reader("m2"), "top_secret", [], "yes chain"),
        (Reader("x", "steward"), "top_secret", [], "yes steward"),
        (Reader("x", "executive"), "secret", [], "yes executive"),
        (Reader("x", "executive"), "top_secret", [], "no grade"),
        (Reader("o", "no_content"), "confidential", [grant(2, grantee="o")], "no no_content_role"),
        (Reader("g"), "secret", [grant(1)], "yes grant"),
        (Reader("g"), "top_secret", [grant(1)], "no grade"),
        (Reader("g"), "secret", [grant(1, until=DAY - 1)], "no grant_ended"),
        (Reader("g"), "secret", [grant(1, revoked=True)], "no grant_ended"),
        (Reader("g"), "secret", [grant(0), grant(1, revoked=True)], "no grade"),
        (Reader("x"), "confidential", [grant(2)], "no no_right"),
        (Reader("x", break_glass=BROKEN), "top_secret", [], "yes break_glass"),
        (Reader("o", break_glass=BROKEN), "secret", [], "yes owner"),
        (Reader("x", break_glass=BROKEN._replace(reason=" ")), "secret", [], "no no_right"),
        (Reader("x", break_glass=BROKEN._replace(since=NOW - timedelta(hours=4))), "secret", [], "no no_right"),
        (Reader("x", break_glass=BROKEN._replace(since=NOW + timedelta(seconds=1))), "secret", [], "no no_right"),
    ],
)
def test_the_first_right_that_holds(reader: Reader, grade: str, grants: list[Grant], verdict: str) -> None:
    assert ask(reader, grade, *grants) == verdict


def test_top_secrets_are_not_read_by_rights_that_may_be_gone() -> None:
    late = timedelta(minutes=5, seconds=1)
    assert ask(Reader("o"), "top_secret", lag=late) == "no stale_rights"
    assert ask(Reader("o"), "secret", lag=late) == "yes owner"
    assert ask(Reader("o"), "top_secret", lag=timedelta(minutes=5)) == "yes owner"


def test_a_chain_has_ten_levels() -> None:
    managers = {f"r{n}": f"r{n + 1}" for n in range(20)}
    known = Customer(frozenset({"r0"}), managers, ())
    by = [may_read(Reader(f"r{n}"), known, "secret", NOW, DAY, timedelta()).by for n in (MAX_LEVELS, MAX_LEVELS + 1)]
    assert by == ["chain", "no_right"]


def granted(name: str = "g", ends: str = "2026-07-31") -> AccessGranted:
    end = at(ends).date()
    return AccessGranted(grant_id=name, grantee="g", max_grade="secret", purpose="bid", approved_by="s", expires_on=end)


def test_a_grant_ends_by_itself_by_its_void_and_by_an_amendment() -> None:
    story = Story()
    first = story.told(granted(), "2026-06-01")
    assert story.row["grants"][0]["status"] == "holds"
    second = story.revised(first, granted(ends="2026-06-10"), "2026-06-02")
    story.until("2026-06-11")
    assert story.row["grants"][0]["status"] == "ended"
    story.revised(second, RecordVoided(kind="grant", record_id="g", reason="left"), "2026-06-12")
    (shown,) = story.row["grants"]
    assert (shown["status"], shown["expires_on"]) == ("revoked", "2026-06-10")
    story.told(granted("other"), "2026-06-13")
    assert [one["grant_id"] for one in story.row["grants"]] == ["g", "other"]
    story.told(granted("third", "2026-10-10"), "2026-09-09")
    assert [one["grant_id"] for one in story.row["grants"]] == ["other", "third"], "ended more than 90 days ago"


def test_a_grant_says_no_purpose_to_readers_and_their_number_is_bounded() -> None:
    story = Story()
    for number in range(MAX_GRANTS + 5):
        story.told(granted(f"g{number:04}"), "2026-06-01")
    assert len(story.row["grants"]) == MAX_GRANTS
    assert all("purpose" not in one for one in story.row["grants"])


def test_a_void_of_another_record_changes_nothing() -> None:
    story = Story()
    story.told(granted(), "2026-06-01")
    story.told(RecordVoided(kind="visit", record_id="g", reason="x"), "2026-06-02", revision=2)
    assert story.row["grants"][0]["status"] == "holds"


def test_owners_are_those_of_the_day() -> None:
    story = Story()
    story.told(AccountAssigned(account_manager="a", product_manager="p", from_on=at("2026-06-01").date()), "2026-06-01")
    story.told(AccountAssigned(account_manager="b", from_on=at("2026-06-10").date()), "2026-06-02")
    assert story.row["owned_by"] == ["a", "p"]
    story.until("2026-06-10")
    assert story.row["owned_by"] == ["b", "p"]
