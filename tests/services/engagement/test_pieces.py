"""The weeks of visits are stored apart: a fold with only those in memory that it asked for is the fold with all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.engagement.domain import Engagement
from services.engagement.rules import day_sets
from services.engagement.rules.history import NotHeldError, Visits
from services.engagement.rules.week_counts import WeekCounts
from services.engagement.stored_visits import VISITS, attach_piece, dump_visits
from shared.events.event import Event
from shared.fold.domain import Row
from shared.fold.entity import Entity, load_entity, new_entity
from tests.services.engagement.test_laws import KEY, Act, acts, told
from tests.services.engagement.world import DEFAULTS, SHANGHAI, World

DAY = st.integers(1, 3_652_059)
NEAR = st.integers(739_000, 739_900)


@dataclass
class Stored:
    """One customer as the log processor keeps it: its document and its rows, of which a batch reads what it needs.

    kept: the entity stays in memory from batch to batch, without the pieces that can be loaded again.
    """

    kept: bool
    domain: Engagement = field(default_factory=lambda: Engagement(DEFAULTS, SHANGHAI))
    document: dict[str, Any] | None = None
    rows: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    entity: Entity[Any, Any] | None = None
    read: list[str] = field(default_factory=list)

    def fold(self, batch: Sequence[Event]) -> None:
        """Fold a batch, as it was decided elsewhere."""
        entity = self._open()
        needed = self.domain.needs(entity.state, batch)
        self.read += [name for _, name in needed]
        self.domain.attach(entity.state, {address: self.rows[address] for address in needed if address in self.rows})
        for event in batch:
            for _ in entity.fold(event, deciding=False):
                raise AssertionError("nothing is decided")
        self.document = entity.document()
        for row in self.domain.rows(entity.state, entity.standing):
            self._write(row)
        self.domain.keep(entity.state)
        self.entity = entity

    def _open(self) -> Entity[Any, Any]:
        if self.document is None:
            return new_entity(self.domain, KEY)
        if self.kept and self.entity is not None:
            return self.entity
        stored: dict[str, Any] = bson.decode(bson.encode(self.document), bson.CodecOptions(tz_aware=True))
        return load_entity(self.domain, KEY, stored)

    def _write(self, row: Row) -> None:
        address = (row.collection, row.id)
        assert not row.new or address not in self.rows, f"{row.id} already exists"
        if row.collection == VISITS and row.document is not None:
            assert row.new == (address not in self.rows), "what does not stand is inserted"
        self.rows.pop(address, None)
        if row.document is not None:
            self.rows[address] = row.document


def in_batches(events: Sequence[Event], sizes: Sequence[int], stored: Stored) -> Stored:
    """Fold everything in batches of these sizes, over and over."""
    at, turn = 0, 0
    while at < len(events):
        size = sizes[turn % len(sizes)]
        stored.fold(events[at : at + size])
        at, turn = at + size, turn + 1
    return stored


def rebuilt(events: Sequence[Event]) -> World:
    """All in memory, nothing stored."""
    world = World(deciding=False)
    for event in events:
        world.fold(KEY, event)
    return world


SIZES = st.lists(st.integers(1, 4), min_size=1, max_size=3)


def _but_review(document: Any) -> dict[str, Any]:
    """`review_at` moves only when it must, so it depends on when the document was asked for."""
    return {name: value for name, value in document.items() if name != "review_at"}


@given(acts(), SIZES, st.booleans())
def test_with_only_the_weeks_that_are_needed_the_fold_is_the_same(
    history: list[tuple[str, Act]], sizes: list[int], kept: Any
) -> None:
    events = [event for _, event in told(history).log]
    whole, stored = rebuilt(events), in_batches(events, sizes, Stored(kept))
    assert _but_review(stored.document) == _but_review(whole.entities[KEY].document())
    assert stored.rows == whole.rows


@given(acts(), SIZES, st.booleans(), st.randoms(use_true_random=False))
def test_so_it_is_when_records_cross(history: list[tuple[str, Act]], sizes: list[int], kept: Any, random: Any) -> None:
    events = [event for _, event in told(history).log if event.source == "crm"]
    random.shuffle(events)
    whole, stored = rebuilt(events), in_batches(events, sizes, Stored(kept))
    assert _but_review(stored.document) == _but_review(whole.entities[KEY].document())
    assert stored.rows == whole.rows


@given(acts(), SIZES)
def test_what_is_worked_out_once_is_what_would_be_worked_out_again(
    history: list[tuple[str, Act]], sizes: list[int]
) -> None:
    """Texts, contact and next stop are kept from record to record."""
    stored = Stored(kept=True)
    events = [event for _, event in told(history).log]
    for at in range(0, len(events), sizes[0]):
        stored.fold(events[at : at + sizes[0]])
        entity, document = stored.entity, stored.document
        assert entity is not None
        assert document is not None
        fresh: Entity[Any, Any] = load_entity(stored.domain, KEY, document)
        fresh.state.facts = None
        assert fresh.document() == document
        assert stored.domain.next_due(fresh.state, fresh.standing) == document["due_at"] or document.get("behind")


@given(acts())
def test_what_is_known_of_all_visits_is_what_the_weeks_say(history: list[tuple[str, Act]]) -> None:
    world = told(history)
    state = world.entities[KEY].state
    again = Visits()
    again.weeks.turn(state.today)
    again.summed_on = state.today
    again.met_before, again.spread, again.noted = state.visits.met_before, state.visits.spread, state.visits.noted
    pieces = [document for (name, _), document in world.rows.items() if name == VISITS]
    for document in pieces:
        attach_piece(again, document)
        again.weeks.put(document["monday"], {})
    for document in pieces:
        again._recount(document["monday"], state.today)
    assert dump_visits(again, state.today) == dump_visits(state.visits, state.today)
    assert (again.weeks.before, again.weeks.recent) == (state.visits.weeks.before, state.visits.weeks.recent)


def forgetful(kept: Callable[[list[int]], list[int]]) -> Callable[..., list[int]]:
    """A `needs` that leaves something out."""
    whole = Visits.needs
    return lambda visits, *args: kept(whole(visits, *args))


@pytest.mark.parametrize("left", [lambda weeks: weeks[1:], lambda weeks: weeks[:-1]], ids=["first", "last"])
def test_a_week_that_was_not_asked_for_is_found(monkeypatch: pytest.MonkeyPatch, left: Any) -> None:
    monkeypatch.setattr(Visits, "needs", forgetful(left))
    with pytest.raises(NotHeldError, match="week"):
        moved().fold(last_events(lambda world: world.void("visit", "v2", "2026-03-20", revision=3)))


# ------------------------------------------------------------------------------------------------- what needs which


def start(world: World) -> None:
    world.tier("general", "2026-01-10")
    for number in range(8):
        world.visit(f"2026-0{1 + number // 4}-{5 + 7 * (number % 4):02}", visit_id=f"v{number}", consensus=None)
    world.visit("2026-02-27", visit_id="v2", revision=2, occurred_on="2026-02-24", consensus=None)


def moved() -> Stored:
    """Eight visits in eight weeks, the third of them amended to another week."""
    world = World()
    start(world)
    return in_batches([event for _, event in world.log], [1], Stored(kept=False))


def last_events(act: Callable[[World], Any]) -> list[Event]:
    world = World()
    start(world)
    before = len(world.log)
    act(world)
    return [event for _, event in world.log[before:] if event.source == "crm" or event.type.startswith("guanxi.tier")]


def weeks_read(act: Callable[[World], Any]) -> list[int]:
    stored = moved()
    stored.read.clear()
    stored.fold(last_events(act))
    return [int(name.partition("/")[2]) for name in stored.read]


WEEK = {number: 739_620 + 7 * number for number in range(-6, 8)}
"""Mondays, from that of 2026-01-05 on."""


@pytest.mark.parametrize(
    ("act", "weeks"),
    [
        (lambda world: world.visit("2026-04-01"), 0),
        (lambda world: world.visit("2026-02-24"), 1),
        (lambda world: world.review("2026-04-01"), 0),
        (lambda world: world.assess("2026-04-01"), 0),
        (lambda world: world.assign("2026-01-01"), 0),
        (lambda world: world.tier("priority", "2026-03-10"), 0),
        (lambda world: world.tier("priority", "2026-02-18"), 2),
        (lambda world: world.void("visit", "v5", "2026-03-20"), 1),
        (lambda world: world.void("visit", "v2", "2026-03-20", revision=3), 2),
        (lambda world: world.visit("2026-03-20", visit_id="v5", revision=2), 1),
        (lambda world: world.visit("2026-02-18", visit_id="v4", revision=2), 2),
    ],
)
def test_few_weeks_are_read(act: Callable[[World], Any], weeks: int) -> None:
    assert len(weeks_read(act)) == weeks


def test_the_week_is_read_whose_visit_is_shown_when_the_last_one_is_voided() -> None:
    world, stored = World(), Stored(kept=False)
    for number in range(1, 5):
        world.visit(f"2026-03-{2 + 7 * (number - 1):02}", visit_id=f"v{number}", consensus=f"agreed {number}")
    stored = in_batches([event for _, event in world.log], [1], stored)
    assert stored.read == []
    before = len(world.log)
    world.void("visit", "v4", "2026-03-27")
    stored.fold([event for _, event in world.log[before:]])
    assert len(stored.read) == 2
    assert stored.document is not None
    assert stored.document["last_visit"]["consensus"] == "agreed 3"


# ------------------------------------------------------------------------------------------------------ sets of days


@given(st.lists(DAY), DAY, DAY)
def test_a_set_of_days_is_a_set(days: list[int], first: int, last: int) -> None:
    made = 0
    for day in days:
        made = day_sets.with_day(made, day)
    known = sorted(set(days))
    assert day_sets.listed(made) == known
    assert day_sets.load(day_sets.dump(made)) == made
    assert day_sets.last_until(made, last) == max((day for day in known if day <= last), default=None)
    assert (day_sets.first_after(made, last) if made else None) == min(
        (day for day in known if day > last), default=None
    )
    assert day_sets.listed(day_sets.since(made, first)) == [day for day in known if day >= first]


@given(st.lists(NEAR), NEAR, st.integers(0, 900), st.integers(0, 127))
def test_a_set_of_days_by_weeks(days: list[int], first: int, more: int, week: int) -> None:
    made = 0
    for day in days:
        made = day_sets.with_day(made, day)
    last = first + more
    within = [day for day in sorted(set(days)) if first <= day <= last]
    assert day_sets.listed_between(made, first, last) == within
    assert day_sets.bits(made, first, last) == sum(1 << (day - first) for day in within)
    expected = {day for day in days if not first <= day <= first + 6}
    expected |= {first + place for place in range(7) if week >> place & 1}
    assert day_sets.listed(day_sets.with_week(made, first, week)) == sorted(expected)


@given(
    st.lists(st.tuples(st.integers(0, 130), st.dictionaries(st.integers(0, 7 << 8), st.integers(1, 99)) | st.none())),
    st.lists(st.integers(739_000, 739_900), min_size=1, max_size=3),
)
def test_counts_of_weeks_are_a_mapping(puts: list[tuple[int, dict[int, int] | None]], todays: list[int]) -> None:
    weeks, known = WeekCounts(today=min(todays)), {}
    for place, (week, counts) in enumerate(puts):
        weeks.turn(sorted(todays)[min(place, len(todays) - 1)])
        monday = 739_005 + 7 * week
        weeks.put(monday, counts)
        known[monday] = counts
    present = {monday: counts for monday, counts in known.items() if counts is not None}
    assert weeks.mondays() == sorted(present)
    assert {monday: weeks.get(monday) for monday in present} == present
    assert all(monday in weeks for monday in present)
    assert not any(monday in weeks for monday in known.keys() - present.keys())
