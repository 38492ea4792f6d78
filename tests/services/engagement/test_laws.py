"""Laws of engagement over histories at random: of order, of time, of storage (architecture.md, invariants 6 to 9)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from shared.events.event import Event
from tests.services.engagement.world import CUSTOMER, World

KEY = f"customer:{CUSTOMER}"
START = datetime.fromisoformat("2024-01-01T12:00")
Act = Callable[[World, str], None]
TIERS = ("general", "priority", "partner", "strategic", "potential")
ATTENDEES = st.fixed_dictionaries(
    {}, optional={"person_id": st.sampled_from(("p1", "p2")), "department": st.sampled_from(("采购部", "board"))}
)
VISITS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(("routine", "exhibition", "executive")),
        "attendees": st.lists(ATTENDEES, max_size=2),
        "consensus": st.sampled_from((None, "agreed", "")),
    }
)


@st.composite
def acts(draw: DrawFn, *, with_tiers: bool = True) -> list[tuple[str, Act]]:
    """What is told, with when; time goes on from one to the next."""
    told: list[tuple[str, Act]] = []
    now = START
    revisions: dict[str, int] = {}
    for index in range(draw(st.integers(1, 25))):
        now += timedelta(draw(st.sampled_from((0, 0, 1, 3, 10, 30, 89, 91, 364, 366))), minutes=7)
        what = draw(st.sampled_from(("visit", "visit", "amend", "void", "tier", "assign", "survey", "concern", "goal")))
        told += _told(draw, what, index, now, revisions) if with_tiers or what != "tier" else []
    return told


def _told(draw: DrawFn, what: str, index: int, now: datetime, revisions: dict[str, int]) -> list[tuple[str, Act]]:
    logged = now.isoformat()
    on = (now - timedelta(draw(st.sampled_from((0, 0, 0, 1, 4, 15, 40))))).isoformat()
    by = draw(st.sampled_from(("R-1", "R-2")))
    if what == "visit":
        revisions[f"v{index}"] = 1
        fields: dict[str, Any] = {"visit_id": f"v{index}", "by": by, "logged": logged, **draw(VISITS)}
        return [(logged, lambda world, _: world.visit(on, **fields) and None)]
    if what in {"amend", "void"} and revisions:
        visit = draw(st.sampled_from(sorted(revisions)))
        revisions[visit] += 1
        revision = revisions[visit]
        if what == "void":
            return [(logged, lambda world, _: world.void("visit", visit, on, revision=revision, logged=logged))]
        fields = {"visit_id": visit, "by": by, "revision": revision, "logged": logged, **draw(VISITS)}
        return [(logged, lambda world, _: world.visit(on, **fields) and None)]
    if what == "tier":
        to = draw(st.sampled_from(TIERS))
        return [(logged, lambda world, at: world.tier(to, at))]
    if what == "assign":
        return [(logged, lambda world, _: world.assign(on[:10], by, on=on, logged=logged))]
    if what == "survey":
        score = draw(st.integers(0, 10))
        return [(logged, lambda world, _: world.survey(on, score, survey_id=f"s{index}", logged=logged) and None)]
    if what == "concern":
        accepted = draw(st.booleans())
        later = (now + timedelta(draw(st.sampled_from((1, 4, 6))))).isoformat()
        return [
            (logged, lambda world, _: world.concern(on, f"k{index}", logged=logged)),
            (logged, lambda world, _: world.confirm(later, f"k{index}", accepted=accepted, logged=later)),
        ]
    if what == "goal":
        due_on = (now + timedelta(40)).date().isoformat()
        return [(logged, lambda world, _: world.goal(on, "nps", "0", "50", due_on, logged=logged))]
    return []


def end(history: list[tuple[str, Act]]) -> str:
    """Some time after all of it."""
    return (
        (max(datetime.fromisoformat(at) for at, _ in history) + timedelta(45)).isoformat() if history else "2024-06-01"
    )


def told(history: list[tuple[str, Act]], world: World | None = None) -> World:
    world = world or World()
    for at, act in history:
        act(world, at)
    world.review(end(history))
    return world


def public(world: World) -> dict[str, Any]:
    return {name: value for name, value in world.row().items() if name not in {"fold", "due_at", "marked_due"}}


def said(world: World) -> list[Any]:
    return [event.data for event in world.decided]


@given(acts(), st.data())
def test_reviews_anywhere_change_nothing(history: list[tuple[str, Act]], data: st.DataObject) -> None:
    reviewed = World()
    last = START
    for at, act in history:
        instant = max(last, datetime.fromisoformat(at))
        if data.draw(st.booleans()):
            seconds = int((instant - last).total_seconds())
            between = last + timedelta(seconds=data.draw(st.integers(0, seconds)))
            reviewed.review(between.isoformat())
        last = instant
        act(reviewed, at)
    reviewed.review(end(history))
    plain = told(history)
    assert said(reviewed) == said(plain)
    assert reviewed.row() == plain.row()
    assert reviewed.rows == plain.rows


@given(acts())
def test_storing_and_loading_before_every_record_changes_nothing(history: list[tuple[str, Act]]) -> None:
    stored, plain = told(history, World(reload=True)), told(history)
    stored_row, plain_row = stored.row(), plain.row()
    assert stored_row.pop("review_at") <= plain_row.pop("review_at"), "it moves only when it must"
    assert stored_row == plain_row
    assert (said(stored), stored.rows) == (said(plain), plain.rows)


@given(acts())
def test_a_rebuild_that_decides_nothing_gives_the_same_documents(history: list[tuple[str, Act]]) -> None:
    live, rebuilt = told(history), World(deciding=False)
    for key, event in live.log:
        rebuilt.fold(key, event)
    assert rebuilt.row() == live.row()
    assert rebuilt.rows == live.rows


@given(acts(), st.randoms(use_true_random=False))
def test_tier_changes_may_be_folded_later_among_the_facts(history: list[tuple[str, Act]], random: Any) -> None:
    """Tiering lags; their own order stays, and facts keep theirs. Decisions reflect what was on the log; the views are
    the same.
    """
    plain = told(history)
    events = [event for _, event in plain.log if event.type not in plain.domain.decides]
    tiers = [event for event in events if event.type == "guanxi.tier.changed.v1"]
    facts_before = [sum(e not in tiers for e in events[: events.index(tier)]) for tier in tiers]
    slots = [random.randrange(least, max(least + 1, len(events) - len(tiers))) for least in facts_before]
    slots = [max(slots[: index + 1]) for index in range(len(slots))]
    shuffled: list[Event] = []
    for index, fact in enumerate([event for event in events if event not in tiers]):
        while slots and slots[0] == index:
            shuffled.append(tiers.pop(0))
            slots.pop(0)
        shuffled.append(fact)
    other = World()
    for event in shuffled:
        other.fold(KEY, event)
    assert public(other) == public(plain)
    assert other.rows == plain.rows


@given(acts(), st.randoms(use_true_random=False))
def test_what_is_logged_at_one_instant_may_come_in_any_order(history: list[tuple[str, Act]], random: Any) -> None:
    """Revisions that cross included: amending and voiding commute."""
    at_once, shuffled = World(), World()
    for world in (at_once, shuffled):
        world.tier("general", "2023-12-01")
    source = told(history)
    closing = end(history)
    oldest = source.at(closing) - timedelta(760)  # what admission lets in
    facts = [event for _, event in source.log if event.source == "crm" and event.time >= oldest]
    for event in facts:
        event.recorded_at = at_once.at(closing)
    mixed = list(facts)
    random.shuffle(mixed)
    for world, events in ((at_once, facts), (shuffled, mixed)):
        for event in events:
            world.fold(KEY, event)
        world.review(closing)
    assert public(shuffled) == public(at_once)
    assert shuffled.rows == at_once.rows


@given(acts(), st.lists(st.integers(0, 1300), max_size=6))
def test_advancing_in_one_step_or_many_is_the_same(history: list[tuple[str, Act]], days: list[int]) -> None:
    documents = []
    for steps in ([], sorted(days)):
        world = told(history)
        entity = world.entities[KEY]
        for day in steps:
            world.domain.advance(entity.state, world.at(end(history)) + timedelta(day, minutes=13))
        world.domain.advance(entity.state, world.at(end(history)) + timedelta(1301))
        documents.append(world.row())
    assert documents[0] == documents[1]


@given(acts())
def test_counts_never_go_negative_and_shares_stay_shares(history: list[tuple[str, Act]]) -> None:
    world = told(history)
    row = world.row()
    for counts in (row["contact"]["visits_90d"], row["contact"]["visits_365d"]):
        assert counts["total"] == sum(counts["by_kind"].values()) == sum(counts["by_channel"].values())
        assert min([0, *counts["by_kind"].values()]) >= 0
    for share in (row["contact"]["adherence"], row["concerns"]["loop_rate"]):
        assert share is None or 0 <= share <= 1


def test_representatives_and_key_persons_survive_storing_too() -> None:
    documents = []
    for world in (World(), World(reload=True)):
        world.register("2026-01-05", fte="0.5", active_until="2026-12-31")
        world.absent("2026-02-02", "2026-02-06")
        world.absent("2026-02-02", "2026-02-05", on="2026-02-03", revision=2)
        world.goal("2026-02-04", "counted", "0", "5", "2026-06-30", subject="R-1", kind="representative")
        world.void("absence", "a1", "2026-02-07", subject="R-1", revision=3)
        world.assess("2026-02-01", attitude=2, department="董事会")
        world.assess("2026-02-02", attitude=None)
        world.register("2026-03-02", role="product_manager")
        documents.append([entity.document() for entity in world.entities.values()])
    assert documents[0] == documents[1]
