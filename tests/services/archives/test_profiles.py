"""When a profile lapses and is restored, and what of it is shown (domain.md, Completeness and freshness)."""

import json

import pytest

from services.archives.rules.items import MAX_ENTRIES
from services.archives.rules.profiles import MAX_ITEMS
from services.archives.template_file import make_templates, read_template
from shared.events.facts import ProfileItem, ProfileReviewed, ProfileRevised
from shared.events.texts import chars_of
from tests.services.archives.given import CP, Story, texts

SMALL = """
name: {name}
version: {version}
profile: {profile}
effective_on: {on}
sections: {{macro: [{{item: a, required_of: [strategic, partner{more}]}}]}}
"""


def small(*more: tuple[int, str, str]) -> Story:
    """One item, required of priority as well; further versions with their day and who else requires it."""
    versions = [(1, "2020-01-01", ", priority"), *more]
    texts_of = [SMALL.format(name="t", version=number, profile="cp", on=on, more=who) for number, on, who in versions]
    cp = tuple(read_template(text, "cp") for text in texts_of)
    vp = read_template(SMALL.format(name="v", version=1, profile="vp", on="2020-01-01", more=""), "vp")
    return Story({"cp": cp, "vp": (vp,)})


def test_an_unfilled_item_is_due_a_grace_after_it_became_required_and_filling_it_restores() -> None:
    story = small()
    story.tier("priority", "2026-01-01")
    story.until("2026-03-10")
    story.cp(texts("a"), "2026-03-11")
    assert story.decided() == [("2026-03-02", "lapsed", "2026-03-02"), ("2026-03-11", "restored", "2026-03-02")]


def test_what_is_cleared_is_due_a_grace_later_but_no_later_than_the_lost_text() -> None:
    for cleared_on, due_on in (("2026-01-10", "2026-02-09"), ("2026-03-20", "2026-04-01")):
        story = small()
        story.tier("strategic", "2026-01-01")
        story.cp(texts("a"), "2026-01-01")
        story.cp(texts("a", text=None), cleared_on)
        assert story.profile()["due_on"] == due_on
        assert story.profile()["items"][0]["state"] == "missing"


def test_a_later_lapse_is_told_again_and_an_earlier_one_is_not() -> None:
    story = small()
    story.tier("strategic", "2026-01-01")
    story.cp(texts("a"), "2026-01-01")
    story.until("2026-04-05")
    story.cp(texts("a", observed_on="2026-01-03"), "2026-04-06")
    story.cp(texts("a", observed_on="2026-01-02"), "2026-04-07")
    assert [one for _, _, one in story.decided()] == ["2026-04-01", "2026-04-03"]


def test_what_is_late_stays_late_when_less_is_asked() -> None:
    story = small()
    story.tier("strategic", "2026-01-01")
    story.cp(texts("a"), "2026-01-01")
    story.until("2026-04-05")
    story.tier("partner", "2026-04-06")
    story.until("2026-08-01")
    assert story.profile()["due_on"] == "2026-04-01"
    story.read_again("2026-08-02", "macro")
    assert story.profile()["due_on"] == "2027-01-29"
    assert [what for _, what, _ in story.decided()] == ["lapsed", "restored"]


def test_what_would_be_late_on_the_very_day_of_a_change_is_not_late_yet() -> None:
    for changed_on, due_on in (("2026-04-01", "2026-06-30"), ("2026-04-02", "2026-04-01")):
        story = small()
        story.tier("strategic", "2026-01-01")
        story.cp(texts("a"), "2026-01-01")
        story.tier("partner", changed_on)
        assert story.profile()["due_on"] == due_on


def test_nothing_becomes_late_before_a_change_and_its_grace() -> None:
    story = small()
    story.tier("partner", "2026-01-01")
    story.cp(texts("a"), "2026-01-01")
    story.tier("strategic", "2026-03-31")
    assert story.profile()["due_on"] == "2026-04-30"


def test_below_priority_nothing_is_required() -> None:
    story = small()
    story.tier("strategic", "2026-01-01")
    story.until("2026-02-01")
    story.tier("general", "2026-02-02")
    shown = story.profile()
    assert (shown["completeness"], shown["status"], shown["due_on"]) == (None, None, None)
    assert [what for _, what, _ in story.decided()] == ["lapsed", "restored"]


def test_another_template_gives_a_grace_and_requires_what_it_says() -> None:
    story = small((2, "2026-06-01", ""))
    story.tier("priority", "2026-01-01")
    story.until("2026-05-31")
    assert story.profile()["status"] == "lapsed"
    story.until("2026-06-01")
    assert (story.profile()["status"], story.profile()["template"]) == (None, "t/2")
    assert story.decided()[-1] == ("2026-06-01", "restored", "2026-03-02")


def test_a_vendors_items_are_due_a_grace_after_its_profile_began() -> None:
    story = Story()
    story.tier("partner", "2026-01-01")
    assert story.row["vendors"] == {"owed": 1, "there": 0, "missing": 1}
    story.cp(texts(*CP), "2026-01-01")
    story.vp("V", texts("growth"), "2026-02-01")
    story.until("2026-03-10")
    assert story.row["vendors"] == {"owed": 1, "there": 1, "missing": 0}
    assert story.profile("V")["completeness"] == "10.00"
    assert story.decided() == [("2026-03-03", "lapsed", "2026-03-03")]
    assert story.decisions[0].vendor_id == "V"  # type: ignore[attr-defined]


def test_unknown_templates_and_items_are_flagged_and_not_counted() -> None:
    story = Story()
    story.tier("priority", "2026-01-01")
    fact = ProfileRevised(profile="cp", template="cp/7", items=texts("politics_law", "moon"), revised_by="r")
    story.told(fact, "2026-01-02")
    shown = story.profile()
    assert shown["flags"] == {"unknown_template": "cp/7", "unknown_items": ["moon"]}
    assert (shown["filled"], shown["required"]) == (1, 5)


@pytest.mark.parametrize(
    ("text", "chars"), [("  ten chars.  ", 10), ("①②③", 3), ("ﬁve", 4), ("　全角　", 2), ("", 0), ("\n\t", 0)]
)
def test_characters_are_folded_and_trimmed(text: str, chars: int) -> None:
    assert chars_of(text) == chars


def test_a_source_that_sends_its_profiles_every_night_costs_a_bounded_state() -> None:
    story = small()
    story.tier("strategic", "2026-01-01")
    for number in range(MAX_ENTRIES + 20):
        story.cp(texts("a"), f"2026-{number // 28 + 1:02}-{number % 28 + 1:02}")
    assert len(story.entity.state.profiles["cp", ""].items["a"]) == MAX_ENTRIES
    assert story.profile()["completeness"] == "100.00"
    for number in range(10):
        items = tuple(ProfileItem(item=f"x{number * 20 + one:03}", none_known=True) for one in range(20))
        story.cp(items, "2026-06-01")
    assert len(story.entity.state.profiles["cp", ""].items) == MAX_ITEMS


def test_no_text_is_kept_or_told() -> None:
    story = Story()
    story.tier("partner", "2026-01-01")
    story.cp(texts(*CP[:5], text="a secret of ours"), "2026-01-02")
    story.until("2026-02-10")
    assert story.decisions
    kept = json.dumps([story.row, [one.model_dump(mode="json") for one in story.decisions]], default=str)
    assert "secret of ours" not in kept


def test_a_review_of_one_vendor_does_not_freshen_another() -> None:
    story = Story()
    story.tier("strategic", "2026-01-01")
    for vendor in ("V", "W"):
        story.vp(vendor, texts("growth"), "2026-01-01")
    review = ProfileReviewed(profile="vp", vendor_id="V", sections=("industry",), reviewed_by="r")
    story.told(review, "2026-02-01")
    fresh = [story.profile(vendor)["items"] for vendor in ("V", "W")]
    assert [next(one["fresh_from"] for one in items if one["item"] == "growth") for items in fresh] == [
        "2026-02-01",
        "2026-01-01",
    ]


def test_stored_and_loaded_before_every_record_it_is_the_same() -> None:
    rows = []
    for reload in (False, True):
        story = Story(make_templates(), reload=reload)
        story.tier("strategic", "2026-01-01")
        story.cp(texts(*CP[:7], observed_on="2025-12-01"), "2026-01-02", grade="top_secret")
        story.vp("V", texts("growth"), "2026-01-03")
        story.read_again("2026-02-20", "macro")
        story.tier("partner", "2026-03-01")
        story.until("2026-09-01")
        rows.append((story.row, story.decisions))
    assert rows[0] == rows[1]
    assert rows[0][1]
