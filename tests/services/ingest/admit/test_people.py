"""Names of persons leave an event before it reaches the log (architecture.md, invariant 11)."""

import json

import pytest

from services.ingest.admit.people import derived_id
from tests.events.wire import SENT, event
from tests.services.ingest.judging import candidate

NAMES = ("王伟", "李娜", "张敏", "采购总监")


@pytest.mark.parametrize("noun", SENT)
def test_no_name_of_a_person_is_in_the_logs_form(noun: str) -> None:
    passed = candidate(event(noun))
    shown = json.dumps([passed.data, passed.undo], ensure_ascii=False)
    assert not any(name in shown for name in NAMES)


def test_an_attendee_known_by_name_gets_an_id_from_customer_and_folded_name() -> None:
    passed = candidate(event("visit.logged"))
    li_na, other, department = passed.data["attendees"]
    assert li_na == {"person_id": derived_id("customer:00042", "李娜"), "department": "采购"}
    assert other == {"person_id": "p-7"}
    assert department == {"department": "质量"}
    assert [(n.key, n.person_id, n.fields) for n in passed.names] == [
        ("customer:00042", li_na["person_id"], {"name": "李娜"})
    ]


def test_folded_names_are_one_person_of_a_customer() -> None:
    ids = {
        derived_id("customer:1", name) for name in ("Anna  Schmidt", "anna schmidt", " ANNA SCHMIDT", "Ａnna schmidt")
    }
    assert len(ids) == 1
    assert derived_id("customer:2", "anna schmidt") not in ids


def test_a_key_changes_ids_of_names_and_nothing_that_tells_repeats() -> None:
    key = b"sixteen bytes or more"
    plain, keyed = candidate(event("visit.logged")), candidate(event("visit.logged"), person_key=key)
    assert keyed.data["attendees"][0]["person_id"] == derived_id("customer:00042", "李娜", key)
    assert keyed.data["attendees"][0] != plain.data["attendees"][0]
    assert keyed.data["attendees"][1:] == plain.data["attendees"][1:]
    assert (keyed.identity, keyed.content) == (plain.identity, plain.content)


def test_a_name_with_an_id_keeps_the_id() -> None:
    passed = candidate(event("visit.logged", {"attendees": [{"person_id": "p-1", "name": "李娜"}]}))
    assert passed.data["attendees"] == [{"person_id": "p-1"}]
    assert passed.names[0].person_id == "p-1"


def test_name_and_title_of_a_key_person_and_of_a_representative() -> None:
    assessed = candidate(event("key_person.assessed")).names
    assert [(n.person_id, n.fields) for n in assessed] == [("p-7", {"name": "张敏", "title": "采购总监"})]
    cleared = candidate(event("key_person.assessed", {"title": None})).names
    assert cleared[0].fields == {"name": "张敏", "title": None}
    registered = candidate(event("representative.registered")).names
    assert [tuple(n) for n in registered] == [("representative:00042", "00042", {"name": "王伟"}, False)]
