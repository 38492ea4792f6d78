"""The ids of texts in archives: those that hold on the day, none of who was erased, and forms of before are read."""

from datetime import date
from typing import Any

from pydantic_core import from_json, to_json

from services.archives.rules.items import ERASED
from services.archives.stored import dump, load
from shared.events.facts import PersonErased, ProfileItem, ProfileRevised
from shared.events.types import TextRef
from shared.facts.days import Days
from tests.services.archives.given import ZONE, Story


def item(name: str, text_id: str | None, *mentions: str) -> ProfileItem:
    text = None if text_id is None else TextRef(text_id=text_id, chars=12)
    return ProfileItem(item=name, text=text, mentions=mentions)


def revised(*items: ProfileItem) -> ProfileRevised:
    return ProfileRevised(profile="cp", template="cp/1", items=items, revised_by="r")


def texts(story: Story) -> dict[str, Any]:
    found: dict[str, Any] = story.row["profiles"][0]["texts"]
    return found


def told() -> Story:
    story = Story(reload=True)
    story.told(revised(item("pains", "text:1", "p-1"), item("of_no_template", "text:2")), "2026-03-01")
    return story


def test_the_row_has_the_ids_of_texts_that_hold() -> None:
    story = told()
    assert texts(story) == {"of_no_template": "text:2", "pains": "text:1"}
    story.told(revised(item("pains", "text:3"), item("of_no_template", None)), "2026-03-02")
    assert texts(story) == {"pains": "text:3"}


def test_a_text_that_mentions_who_was_erased_has_no_id_any_more() -> None:
    story = told()
    gone: dict[str, Any] = {"person_id": "p-1", "requested_on": date(2026, 3, 2), "basis": "gdpr_17", "decided_by": "r"}
    story.told(PersonErased(**gone, mode="restrict", until=date(2026, 9, 1)), "2026-03-02")
    assert texts(story) == {"of_no_template": "text:2", "pains": ERASED}


def test_what_was_stored_before_has_no_ids_and_is_read() -> None:
    story = told()
    document = story.entity.document()
    fold = from_json(document["fold"])
    items = fold["profiles"][0][2]["items"]
    assert [len(entries[0]) for entries in items.values()] == [6, 6]
    items["pains"] = [items["pains"][0][:5]]
    items["of_no_template"] = [items["of_no_template"][0][:4]]
    customer, decided = load("c", Days(ZONE), {"fold": to_json(fold).decode()})
    (pains,) = next(iter(customer.profiles.values())).items["pains"]
    assert (pains.mentions, pains.text_id) == (("p-1",), "")
    assert from_json(dump(customer, decided)["fold"])["profiles"] == fold["profiles"]
