"""What is told on guanxi.changes (docs/changes.md)."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from guanxi.reference.changes import change_schemas
from services.archives.domain import Archives
from services.engagement.domain import Engagement
from services.feed.changes import ANNOUNCES, CHANGED
from services.feed.rules.table import BY_TIME, SECTIONS, TABLE, UNTOLD
from services.feed.stored import FOLD_VERSION
from services.planning.domain import Planning
from services.tiering.domain import Tiering
from shared.events.decisions import (
    ConcernOverdue,
    ProfileLapsed,
    ProfileRestored,
    RelationshipMeasured,
    SatisfactionDropped,
    TierChanged,
)
from shared.events.event import Event, LogPosition
from shared.events.facts import GoalSet, PurchaseRecorded, RecordVoided
from shared.events.registry import DECISIONS, FACTS, MODELS, NAMES, REVIEWED
from shared.fold.entity import load_entity, new_entity
from shared.positions import Mark, Of, decode
from tests.services.feed.given import Story, tier_changed

DOCUMENT = Path(__file__).parents[3] / "docs" / "changes.md"
DAY = date(2026, 9, 1)
PURCHASE = PurchaseRecorded(purchase_id="p1", amount="1.00", currency="CNY")


def test_a_fact_is_told_thin() -> None:
    story = Story()
    event = story.told(PURCHASE, "2026-03-02")
    (change,) = story.changes
    assert change.pop("id")
    assert change == {
        "specversion": "1.0",
        "source": "guanxi/feed",
        "type": CHANGED,
        "subject": "c",
        "time": event.recorded_at.isoformat().replace("+08:00", "Z").replace("T12", "T04"),
        "datacontenttype": "application/json",
        "epoch": 1,
        "sequence": "0000000000000001",
        "position": change["position"],
        "data": {"sections": ["customer", "engagement", "concerns", "goals", "timeline"]},
    }
    assert decode(change["position"]) == Mark(Of.LOG, 1, {3: 1})


def test_its_id_follows_from_where_it_was_on_the_inbox_and_not_on_the_log() -> None:
    one, other = Story(), Story()
    other.told(PURCHASE, "2026-03-02")
    one.told(PURCHASE, "2026-03-02", inbox=(1, 2, 3, 0))
    other.told(PURCHASE, "2026-03-02", inbox=(1, 2, 3, 0))
    assert one.changes[-1]["id"] == other.changes[-1]["id"]
    assert other.changes[0]["id"] != other.changes[1]["id"]


def test_what_is_told_is_what_the_reference_says() -> None:
    story = Story()
    story.told(PURCHASE, "2026-03-02")
    story.moved("general", "2026-03-02", net="46000.00")
    schemas = change_schemas()
    confidential = {name for name in DECISIONS if TABLE[name].touches == ("other",)}
    assert confidential > {NAMES[ProfileLapsed], NAMES[ProfileRestored], NAMES[RelationshipMeasured]}
    assert confidential > {name for name in DECISIONS if TABLE[name].by in {"archives", "planning"}}
    assert schemas.keys() == {CHANGED, *DECISIONS} - confidential
    for change in story.changes:
        schema = schemas[change["type"]]
        assert set(schema["required"]) <= change.keys() <= schema["properties"].keys()
        assert change["data"].keys() == schema["properties"]["data"]["properties"].keys()


def test_a_decision_is_told_by_its_own_id_with_what_is_public() -> None:
    story = Story()
    event = story.moved("general", "2026-03-02", net="46000.00")
    (change,) = story.changes
    assert (change["id"], change["type"], change["source"]) == (event.id, "guanxi.tier.changed.v1", "guanxi/tiering")
    assert change["data"] == {"version": 1, "from": "potential", "to": "general", "effective_on": "2026-03-02"}


def test_a_change_that_is_not_shown_is_told_thin() -> None:
    story = Story()
    decision = tier_changed((1, None), "partner", "2026-03-02", before="partner")
    event = story.told(decision, "2026-03-02")
    (change,) = story.changes
    assert (change["id"], change["type"]) == (event.id, CHANGED)
    assert "history" in change["data"]["sections"]


def test_an_overdue_concern_and_a_drop_say_no_score() -> None:
    story = Story()
    day = date(2026, 3, 2)
    dropped = SatisfactionDropped(
        version=1, effective_on=day, instrument="nps", kind="answer", survey_source="crm", survey_id="s1", score=3
    )
    event = story.told(dropped, "2026-03-02")
    overdue = ConcernOverdue(
        version=2,
        after=event.id,
        effective_on=day,
        concern_id="q1",
        concern_source="crm",
        severity="major",
        tier="general",
        round=0,
        deadline="2026-03-02T04:00:00Z",
    )
    story.told(overdue, "2026-03-02")
    first, second = (change["data"] for change in story.changes)
    assert first == {"version": 1, "instrument": "nps", "kind": "answer", "effective_on": "2026-03-02"}
    assert set(second) == set(TABLE["guanxi.concern.overdue.v1"].public)


def test_a_review_is_told_where_it_moved_the_business_day() -> None:
    story = Story()
    story.told(PURCHASE, "2026-03-02")
    story.review("2026-03-02T15:59:59+00:00")
    assert len(story.changes) == 1
    story.review("2026-03-02T16:00:00+00:00")  # midnight in Shanghai
    story.review("2026-03-02T16:00:01+00:00")
    assert [one["sequence"] for one in story.changes] == [f"{n:016}" for n in (1, 2)]
    assert story.sections[-1] == list(BY_TIME)


def test_a_fact_that_brings_a_new_day_says_what_the_day_touches() -> None:
    story = Story()
    story.told(PURCHASE, "2026-03-02")
    story.told(PURCHASE.model_copy(update={"purchase_id": "p2"}), "2026-03-02")
    story.told(PURCHASE.model_copy(update={"purchase_id": "p3"}), "2026-03-03")
    assert story.sections[1] == ["customer", "goals", "timeline"]
    assert story.sections[2] == ["customer", "engagement", "concerns", "goals", "timeline"]


def test_a_void_touches_what_its_record_touched() -> None:
    story = Story()
    story.told(PURCHASE, "2026-03-02")
    story.told(RecordVoided(kind="survey", record_id="s", reason="x"), "2026-03-02", revision=2)
    assert story.sections[-1] == ["engagement", "goals", "timeline"]


def test_of_a_profile_that_lapses_and_of_a_grant_that_is_revoked_only_that_something_changed_is_said() -> None:
    story = Story()
    lapsed = ProfileLapsed(
        version=1,
        effective_on=DAY,
        profile="vp",
        vendor_id="V-9",
        due_on=DAY,
        tier="partner",
        completeness="66.67",
        freshness="50.00",
        late=1,
    )
    story.told(PURCHASE, "2026-03-02")
    story.told(lapsed, "2026-03-02")
    story.told(RecordVoided(kind="grant", record_id="g", reason="x"), "2026-03-02", revision=2)
    for change in story.changes[1:]:
        assert (change["type"], change["source"]) == (CHANGED, "guanxi/feed")
        assert change["data"] == {"sections": ["other"]}


def test_the_epoch_rises_with_the_fold_and_with_a_log_that_left_something_out() -> None:
    story = Story(epoch_of_log=2)
    story.told(PURCHASE, "2026-03-02")
    assert story.changes[0]["epoch"] == FOLD_VERSION + 2


def test_representatives_are_not_told() -> None:
    story = Story()
    entity = new_entity(story.entity.domain, "representative:r1")
    goal = GoalSet(scope="representative", metric="counted", baseline=Decimal(0), target=Decimal(1), due_on=DAY)
    at = datetime(2026, 3, 2, tzinfo=UTC)
    event = Event(NAMES[GoalSet], "e", "crm", "r1", at, goal, at, LogPosition(1, 0, 0))
    assert not list(entity.fold(event, deciding=True))
    assert ANNOUNCES.tell(entity, event) is None
    assert not entity.domain.rows(entity.state, entity.standing)
    document = entity.document() | {"fold_version": entity.domain.fold_version}
    assert load_entity(entity.domain, entity.key, document).state == entity.state
    assert "guanxi.representative.registered.v1" not in story.entity.domain.folds


def test_the_table_has_every_type() -> None:
    assert TABLE.keys() | UNTOLD | {REVIEWED} == FACTS.keys() | DECISIONS.keys()
    assert not TABLE.keys() & UNTOLD


@pytest.mark.parametrize("name", sorted(TABLE))
def test_the_table_names_sections_and_fields_that_there_are(name: str) -> None:
    entry = TABLE[name]
    assert set(entry.touches) <= set(SECTIONS)
    assert {*entry.shows, *entry.public} <= MODELS[name].model_fields.keys()
    assert bool(entry.public) == (name in DECISIONS and entry.touches != ("other",))


def test_each_decision_is_of_the_service_that_makes_it() -> None:
    made = (Tiering, Engagement, Archives, Planning)
    by: dict[str, Any] = {one.service: one.decides for one in made}
    for service, decides in by.items():
        assert {name for name, entry in TABLE.items() if entry.by == service} == decides
    assert {name for name, entry in TABLE.items() if entry.by} == DECISIONS.keys()


def test_no_factor_and_no_score_is_ever_public() -> None:
    secret = {"score", "factors", "would_change", "known_weight", "value", "value_before", "computed_tier"}
    for name in DECISIONS:
        assert not secret & set(TABLE[name].public)
    assert set(TABLE["guanxi.tier.changed.v1"].public) < TierChanged.model_fields.keys()


def test_the_document_has_the_same_table() -> None:
    rows = [line.strip("| \n").split(" | ") for line in DOCUMENT.read_text(encoding="utf-8").splitlines()]
    said = {row[0].strip("`"): row[1] for row in rows if row[0].startswith("`guanxi.") and len(row) > 1}
    for name, entry in TABLE.items():
        assert said[name] == ", ".join(entry.touches or ("what the record touched",)), name
    assert said.keys() == TABLE.keys() | {REVIEWED}
    assert said[REVIEWED] == ", ".join(BY_TIME)
