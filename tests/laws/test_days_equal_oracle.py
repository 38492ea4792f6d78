"""`on` and `known_at` over real customers: what held on a day, by what had been decided by an instant, is what the
oracle makes of the log's prefix up to then. Both ways of asking: by a customer's decisions (explanation, explain), and
by movements.

GUANXI_REAL_CUSTOMERS says how many customers are taken.
"""

import os
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from services.feed.questions import movement_in_full
from services.feed.rules.lines import OPEN
from services.query.api.resources import RESOURCES
from services.tiering.domain import Tiering
from services.tiering.questions import as_of_day
from shared.events.decisions import TierChanged
from tests.laws.drive import begin, events
from tests.laws.policies import service_policies
from tests.laws.test_real_customers import DATES, FIRST, PATH, watched
from tests.oracle.facts import REVIEWED
from tests.oracle.policies import wholesale_gbp
from tests.oracle.retail import LONDON, File, load
from tests.oracle.test_retail import LAST_ON
from tests.oracle.tiering import Outcome, tier_on, tierings

CUSTOMERS = int(os.environ.get("GUANXI_REAL_CUSTOMERS", "300"))
Json = dict[str, Any]
pytestmark = [pytest.mark.release, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def file() -> File:
    return load(PATH, LAST_ON)


def history_row(decision: TierChanged, recorded_at: datetime) -> Json:
    """As tier_history has it, of what is asked here."""
    return {
        "kind": "changed",
        "version": decision.version,
        "from": decision.from_tier,
        "to": decision.to_tier,
        "cause": decision.cause,
        "effective_on": decision.effective_on.isoformat(),
        "computed_tier": decision.computed_tier,
        "graces": [grace.model_dump(mode="json") for grace in decision.graces],
        "policy": decision.policy,
        "policy_version": decision.policy_version,
        "recorded_at": recorded_at,
    }


def movement_rows(history: list[Json]) -> list[Json]:
    """As the feed makes them of the same decisions (services/feed/rules/evolve.py, told apart by test_movements)."""
    moved: list[Json] = []
    for one in history:
        if one["from"] == one["to"]:
            continue
        if moved:
            end = (date.fromisoformat(one["effective_on"]) - timedelta(1)).isoformat()
            moved[-1] |= {"to_on": end, "ended_at": one["recorded_at"]}
        begun = {"from_on": one["effective_on"], "to_on": OPEN, "ended_at": None}
        moved.append({"to": one["to"], "recorded_at": one["recorded_at"], **begun})
    return moved


HELD = next(order for one in RESOURCES if one.name == "movements" for order in one.orders if "on" in order.filters)


def meets(row: Json, condition: Json) -> bool:
    """What MongoDB's comparisons say, as far as the filter uses them: nothing is above or below null."""
    said = {"$lte": lambda a, b: a <= b, "$gte": lambda a, b: a >= b, "$gt": lambda a, b: a > b}
    for name, wanted in condition.items():
        if name == "$or":
            if not any(meets(row, one) for one in wanted):
                return False
        elif not all(row[name] is not None and said[op](row[name], value) for op, value in wanted.items()):
            return False
    return True


def by_movements(moved: list[Json], on: date, known_at: datetime | None) -> str:
    values: Json = {"on": on.isoformat()} | ({} if known_at is None else {"known_at": known_at})
    condition = HELD.filters["on"].meets
    assert condition is not None
    held = [movement_in_full(one) for one in moved if meets(one, condition(values))]
    assert len(held) <= 1
    return held[0]["to"] if held else "potential"


def test_what_held_on_a_day_and_was_known_by_an_instant_is_what_the_oracle_says(file: File) -> None:
    policy = wholesale_gbp(FIRST)
    domain = Tiering(service_policies((policy,)), LONDON)
    names = sorted(file.customers, key=lambda name: (len(file.customers[name]), name))
    taken = names[:: max(1, len(names) // CUSTOMERS)][:CUSTOMERS]
    asked = moves = 0
    for name in taken:
        # Each record comes to the log as it happens: what was known by an instant is what happened by then.
        log = watched(file.customers[name])
        outcomes: dict[datetime, Outcome] = {}
        driven, history = begin(domain), list[Json]()
        looks = iter(tierings(log, (policy,), LONDON, []))
        for one, event in zip(log, events(log), strict=True):
            if one.event["type"] == REVIEWED:
                outcomes[one.clock] = next(looks)
                if driven.state.clock is None:
                    continue
            driven.fold(event)
            new = driven.decisions[len(history) :]
            history += [history_row(told, one.clock) for told in new if isinstance(told, TierChanged)]
            assert len(history) == len(driven.decisions), "a policy without strategic proposes nothing"
        moved, last = movement_rows(history), outcomes[DATES[-1]]
        moves += len(moved)
        for at in DATES:
            day = at.astimezone(LONDON).date()
            for on in (day, day - timedelta(1), day - timedelta(200), day + timedelta(100)):
                known = [one for one in history if one["recorded_at"] <= at]
                expected = tier_on(outcomes[at].decisions, on)
                held = as_of_day(known, on.isoformat())
                assert (held["tier"], by_movements(moved, on, at)) == (expected, expected), (name, on, at)
                expected = tier_on(last.decisions, on)
                held = as_of_day(history, on.isoformat())
                assert (held["tier"], by_movements(moved, on, None)) == (expected, expected), (name, on)
                asked += 2
    assert asked == len(taken) * len(DATES) * 4 * 2
    assert moves >= len(taken) // 2
