"""A form's event is one that admission takes; whatever is typed, each field is judged and nothing raises."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.admit import Candidate, admit
from services.query.console.forms import FORMS, ONCE, Context, Wrong, filled, new_once
from shared.console import SOURCE
from tests.services.query.console.world import HEAD, NOW, ZONE

CONTEXT = Context("C-1", HEAD, NOW, ZONE)
TOKEN = new_once(NOW - timedelta(minutes=3), "0123456789abcdef")
GOOD = {
    "visit": {"consensus": "yes", "day": "2026-03-01", "kind": "routine", "channel": "onsite", "name": "王芳"}
    | {"rep_id": "R-1", "role": "account_manager", "follow_up": "call", "due_on": "2026-03-09", "department2": "IT"},
    "goal": {"metric": "nps", "baseline": "10", "target": "30.5", "due_on": "2026-12-31"},
    "rating": {"strategic_fit": "7.5", "share_of_wallet": "", "valid_until": "2026-09-01"},
    "override": {"tier": "partner", "reason": "contract", "requested_by": "R-2", "expires_on": "2026-06-01"},
    "lift": {"reason": "it ended"},
    "approve": {"proposal_version": "4"},
    "decline": {"proposal_version": "4", "reason": "not yet"},
    "void": {"kind": "visit", "record_id": "0123456789abcdef", "revision": "2", "reason": "wrong customer"},
}


@pytest.mark.parametrize("name", sorted(FORMS))
def test_admission_takes_what_a_form_makes(name: str) -> None:
    event = filled(FORMS[name], {**GOOD[name], ONCE: TOKEN}, CONTEXT)
    assert not isinstance(event, Wrong), event
    judged = admit(event, now=NOW, zone=ZONE)
    assert isinstance(judged, Candidate), judged
    assert judged.ignored == ()
    assert (judged.source, judged.actor) == (SOURCE, "head")


@pytest.mark.parametrize("name", sorted(FORMS))
def test_an_empty_form_names_each_field_that_is_needed(name: str) -> None:
    form = FORMS[name]
    found = filled(form, {ONCE: TOKEN}, CONTEXT)
    needed = {one.name for one in form.fields if one.needed}
    if needed:
        assert isinstance(found, Wrong)
        assert needed <= {*found.fields}
        assert "" not in found.fields


def test_who_approves_is_who_is_signed_in() -> None:
    for name, giver in (
        ("approve", "approved_by"),
        ("decline", "declined_by"),
        ("override", "approved_by"),
        ("rating", "rated_by"),
    ):
        event = filled(FORMS[name], {**GOOD[name], giver: "somebody-else", ONCE: TOKEN}, CONTEXT)
        assert not isinstance(event, Wrong)
        assert event["data"][giver] == ("somebody-else" if (name, giver) == ("rating", "approved_by") else "head")


def test_a_visit_of_today_is_at_the_moment_and_one_of_the_past_at_noon() -> None:
    today = filled(FORMS["visit"], {**GOOD["visit"], "day": "2026-03-02", ONCE: TOKEN}, CONTEXT)
    past = filled(FORMS["visit"], {**GOOD["visit"], ONCE: TOKEN}, CONTEXT)
    assert not isinstance(today, Wrong)
    assert not isinstance(past, Wrong)
    assert today["time"] == "2026-03-02T03:57:00.000+00:00"
    assert past["time"] == "2026-03-01T12:00:00.000+08:00"


TYPED = st.text(max_size=30) | st.sampled_from(
    ["", "2026-03-01", "-1", "10", "strategic", "routine", "²", "9" * 400, "2"]
)


@given(name=st.sampled_from(sorted(FORMS)), data=st.data())
def test_whatever_is_typed_is_an_event_or_named(name: str, data: st.DataObject) -> None:
    form = FORMS[name]
    values = {one.name: data.draw(TYPED, label=one.name) for one in form.fields}
    found = filled(form, {**values, ONCE: TOKEN}, CONTEXT)
    if isinstance(found, Wrong):
        assert found.fields
        assert {*found.fields} <= {"", *(one.name for one in form.fields)}
    else:
        assert found == filled(form, {**values, ONCE: TOKEN}, CONTEXT)
