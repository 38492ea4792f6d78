"""Visits are stored in columns: everything of every revision comes back, whatever it holds."""

from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from services.engagement.rules.visits import (
    CHANNELS,
    KINDS,
    ROLES,
    VOID,
    Ref,
    Revision,
    in_order,
)
from services.engagement.stored_visits import dump_piece, load_piece

NAMES = st.sampled_from(("R-1", "R-2", "李", '"', ""))
MAYBE = st.one_of(st.none(), NAMES)
PARTICIPANTS = st.lists(st.tuples(NAMES, st.integers(0, len(ROLES) - 1)), max_size=3)
ATTENDEES = st.lists(st.tuples(MAYBE, MAYBE), max_size=3)
NOTES = st.one_of(st.just(()), st.lists(MAYBE, min_size=1, max_size=3))


@st.composite
def revisions(draw: st.DrawFn) -> list[Revision]:
    """Revisions of one visit, lowest first."""
    found = []
    for number in sorted(draw(st.sets(st.integers(1, 9), min_size=1, max_size=3))):
        time = draw(st.integers(-(10**16), 10**16))
        known, day = time + draw(st.integers(0, 10**13)), draw(st.integers(700_000, 740_000))
        if draw(st.integers(0, 4)) == 0:
            found.append(Revision(number, known, time, day, VOID))
            continue
        found.append(
            Revision(
                number,
                known,
                time,
                day,
                draw(st.integers(0, len(KINDS) - 1)),
                draw(st.integers(0, len(CHANNELS) - 1)),
                draw(st.booleans()),
                draw(st.booleans()),
                tuple(part for one in draw(PARTICIPANTS) for part in one),
                tuple(part for one in draw(ATTENDEES) for part in one),
                draw(NOTES),
                draw(st.booleans()),
            )
        )
    return found


REFS = st.tuples(st.sampled_from(("crm", "app")), st.sampled_from(("v1", "v2", "v3", "$.", "访")))


@given(st.dictionaries(REFS, revisions(), min_size=1, max_size=6))
def test_every_field_of_every_revision_comes_back(piece: dict[Ref, list[Revision]]) -> None:
    loaded = load_piece(from_json(to_json(dump_piece(piece))))
    assert loaded == piece
    assert in_order(loaded) == in_order(piece)
    for (_, first), (_, again) in zip(in_order(piece), in_order(loaded), strict=True):
        flags = [[(one.outcome, one.backfill, one.follows) for one in each] for each in (first, again)]
        assert flags[0] == flags[1]
    assert dump_piece(loaded) == dump_piece(piece)
