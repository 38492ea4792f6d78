"""The year of the scale run is the same for the same seed, in order, and folds."""

from datetime import date
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from services.engagement.domain import Engagement
from shared.events.codec import decode
from shared.events.event import LogPosition
from shared.fold.entity import Entity, new_entity
from shared.policies.entitlements import make_entitlements
from tests.bench.engagement_year import Year

PARTITIONS = 3


def test_a_year_is_in_order_the_same_again_and_as_large_as_asked_for() -> None:
    year = Year(600, 40, 6, seed=1)
    told = [list(year.told(partition, PARTITIONS)) for partition in range(PARTITIONS)]
    assert told == [list(Year(600, 40, 6, seed=1).told(partition, PARTITIONS)) for partition in range(PARTITIONS)]
    assert all([at for at, *_ in log] == sorted(at for at, *_ in log) for log in told)
    visits = sum(b"guanxi.visit.logged.v1" in value for _, _, value, _ in chain(*told))
    assert 400 < visits < 800
    assert Year(600, 40, 6, seed=2).customer_of("general") != ""


def test_it_folds() -> None:
    domain = Engagement(make_entitlements([(date(2020, 1, 1), None)]), ZoneInfo("Asia/Shanghai"))
    entities: dict[bytes, Entity[Any, Any]] = {}
    for at, key, value, _ in Year(200, 10, 3, seed=1).told(0, 1):
        entity = entities.setdefault(key, new_entity(domain, key.decode()))
        list(entity.fold(decode(value, recorded_at=at, log=LogPosition(1, 0, 0)), deciding=False))
    assert len(entities) == 13
    assert sum(
        entity.document().get("contact", {}).get("visits_365d", {}).get("total", 0) for entity in entities.values()
    )
