"""`rep_weeks` is what its oracle says, for worlds at random: counted, reasons, target, exemption, coverage, and what
the week said when it closed.
"""

import json
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import settings
from pymongo.database import Database

from services.engagement.calendar import Calendar
from shared.events.codec import encode
from shared.events.decisions import Decision
from shared.events.event import Event
from tests.oracle import rep_weeks as oracle
from tests.oracle.engagement import TierChange
from tests.oracle.facts import Fact, Logged, standing
from tests.services.engagement.random_worlds import CUSTOMERS, REPS, world_of
from tests.services.engagement.reading import put, set_up
from tests.services.engagement.world import World

pytestmark = pytest.mark.real
WORLDS = max(3, (settings.default.max_examples if settings.default else 50) // 10)
MONDAYS = [date(2026, 2, 23), date(2026, 3, 2), date(2026, 3, 9)]
END = date(2026, 4, 1)
HOLIDAYS, WORKED = frozenset({date(2026, 3, 3)}), frozenset({date(2026, 3, 14)})


def known_to_the_oracle(
    world: World, until: datetime | None
) -> tuple[dict[str, oracle.Customer], dict[str, list[Fact]]]:
    """What stands of each customer and representative, by all records or by those appended up to an instant."""
    logs: dict[str, list[Logged]] = {}
    tiers: dict[str, list[TierChange]] = {}
    for key, event in world.log:
        appended = event.time if isinstance(event.data, Decision) else event.clock
        if until is not None and appended > until:
            continue
        if event.type == "guanxi.tier.changed.v1":
            change = TierChange(event.data.version, event.data.effective_on, event.data.to_tier)
            tiers.setdefault(key, []).append(change)
        elif event.type not in world.domain.decides:
            logs.setdefault(key, []).append(_logged(event))
    facts = {key: standing(log, world.zone) for key, log in logs.items()}
    customers = {
        name: oracle.Customer(facts.get(f"customer:{name}", []), tiers.get(f"customer:{name}", []))
        for name in CUSTOMERS
    }
    return customers, {rep: facts.get(f"representative:{rep}", []) for rep in REPS}


def _logged(event: Event) -> Logged:
    value, _ = encode(event)
    return Logged(json.loads(value), event.recorded_at, event.backfill)


def closing(world: World, monday: date) -> datetime:
    return datetime.combine(monday + timedelta(9), time(12), world.zone)


async def read(uri: str, name: str, world: World) -> dict[tuple[str, str], dict[str, Any]]:
    database: Database[Any] = await set_up(uri, name, Calendar(HOLIDAYS, WORKED), world)
    with database.client:
        for collection in ("engagement", "representatives", "visit_rows", "account_rows"):
            database[f"{collection}_g1"].delete_many({})
        put(world, database)
        return {(row["from_on"], row["representative"]): row for row in database.rep_weeks.find()}


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_rep_weeks_equal_the_oracle(seed: int, mongo_uri: str, mongo_database: str) -> None:
    world = world_of(seed)
    rows = await read(mongo_uri, mongo_database, world)
    calendar = oracle.Calendar(HOLIDAYS, WORKED)
    customers, reps = known_to_the_oracle(world, None)
    for monday in MONDAYS:
        closed_customers, closed_reps = known_to_the_oracle(world, closing(world, monday))
        for rep in REPS:
            expected = oracle.rep_week(rep, monday, customers, reps, calendar, END)
            row = rows.get((monday.isoformat(), rep))
            assert (row is None) == (expected is None), (monday, rep)
            if row is None or expected is None:
                continue
            assert set(row["customers"]) == expected.counted
            assert {v["visit_id"]: v["reason"] for v in row["visits"] if v["reason"]} == expected.uncounted
            assert (row["target"], row["exempt"] is not None) == (expected.target, expected.exempt)
            assert row["coverage_90d"] == _shown(expected.coverage_90d)
            assert row["counted"] == len(set(row["customers"])) <= len(CUSTOMERS)
            assert row["target"] is None or row["owned_general"] is None or row["target"] <= row["owned_general"]
            assert 0 <= row["covered_90d"] <= len(CUSTOMERS)
            assert row["coverage_90d"] is None or 0 <= row["coverage_90d"] <= 1
            then = oracle.rep_week(rep, monday, closed_customers, closed_reps, calendar, END)
            assert (row["closed"] is None) == (then is None), (monday, rep)
            if then is not None:
                assert set(row["closed"]["customers"]) == then.counted
                assert (row["closed"]["target"], row["closed"]["exempt"] is not None) == (then.target, then.exempt)
                differs = (then.counted, then.target, then.exempt) != (
                    expected.counted,
                    expected.target,
                    expected.exempt,
                )
                assert row["restated"] == (differs or row["closed"]["exempt"] != row["exempt"])


def _shown(share: Fraction | None) -> float | None:
    return None if share is None else round(share * 100) / 100
