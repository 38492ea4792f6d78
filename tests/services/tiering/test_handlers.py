"""What goes to the public topic `guanxi.tiers`: the tier and since when, nothing confidential."""

import json
from typing import Any

from services.tiering.handlers import announce, announce_again
from services.tiering.rows import history
from shared.events.event import Event
from shared.fold.entity import new_entity
from tests.services.tiering.given import Given, Said, best, given, overridden, pounds, rated, wholesale

PUBLIC = {"version", "from", "to", "effective_on"}
ENVELOPE = {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"}


ENTITY = new_entity(wholesale().domain, "customer:c")


def decided(one: Given, *news: Said) -> list[Event]:
    """The decisions that facts set off, as they stand on the log."""
    entity = new_entity(one.domain, "customer:c")
    return [decision for fact in news for decision in entity.fold(one.event(fact), deciding=True)]


def told(events: list[Event]) -> list[dict[str, Any]]:
    records = [announce(ENTITY, event) for event in events]
    return [json.loads(record) for record in records if record is not None]


def test_a_change_of_tier_is_told_with_its_version_and_day() -> None:
    (record,) = told(decided(wholesale(), pounds("500", "2026-01-10")))
    assert record["subject"] == "c"
    assert record["type"] == "guanxi.tier.changed.v1"
    assert record["data"] == {"version": 1, "from": "potential", "to": "general", "effective_on": "2026-01-10"}


def test_what_the_topic_lost_is_told_again_byte_for_byte() -> None:
    events = [event for event in decided(given(), *best("2026-01-10")) if announce(ENTITY, event) is not None]
    assert events
    for event in events:
        assert announce_again(history("c", event)) == announce(ENTITY, event)


def test_nothing_confidential_is_told() -> None:
    """Neither score nor factors, nor what would change it, nor who it is entitled to, nor why."""
    events = decided(given(), *best("2026-01-10"), rated("2026-02-01", fit="5"))
    assert len(events) >= 3
    for record in told(events):
        assert set(record) == ENVELOPE
        assert set(record["data"]) == PUBLIC


def test_a_proposal_is_not_told() -> None:
    events = decided(given(), *best("2026-01-10"))
    assert [event.type for event in events].count("guanxi.tier.proposed.v1") == 1
    assert all(record["type"] == "guanxi.tier.changed.v1" for record in told(events))


def test_a_change_that_is_not_shown_is_not_told() -> None:
    facts = [pounds("500", "2026-01-10"), overridden("partner", "2026-01-12", until="2026-12-01")]
    events = decided(wholesale(), *facts, pounds("4500", "2026-02-03"))
    assert [record["data"]["to"] for record in told(events)] == ["general", "partner"]
    assert len(events) == 3
