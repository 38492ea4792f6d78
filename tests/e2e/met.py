"""Contacts and rep weeks by the oracle, from what stands on the log, against what the views say."""

import json
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

import holidays
import yaml

from services.engagement.domain import Engagement
from shared.events.registry import DECISIONS
from tests.e2e.expected import not_repeated
from tests.e2e.world import POLICY, LogRecord, World
from tests.laws.shown import expected_contact, shown_contact
from tests.oracle.engagement import TIER_CHANGED, Lapsed, Resumed, engagement, tier_change
from tests.oracle.facts import Json, Logged, business_day, day, standing
from tests.oracle.rep_weeks import Calendar, Customer, Week, rep_week
from tests.oracle.retail import LONDON

DECISIONS_OF_CUSTOMERS = 200
"""Customers, drawn at random, of whom every decision is checked; the figures are checked of all."""
WEEKS = 8
"""Weeks, the present one and others drawn at random, that are checked of every representative."""
LAPSED, RESUMED = "guanxi.contact.lapsed.v1", "guanxi.contact.resumed.v1"


def assert_contacts_equal_oracle(world: World, log: Sequence[LogRecord]) -> None:
    rows = {row["_id"]: row for row in world.documents("engagement")}
    logs = by_key(log)
    drawn = set(Random(3).sample(sorted(rows), min(DECISIONS_OF_CUSTOMERS, len(rows))))
    for name, row in rows.items():
        known = logs[f"customer:{name}"]
        if name not in drawn:  # time need not pass day by day for what holds at its end
            known = [Logged(one.event, row["as_of"]) for one in known]
        outcome = engagement(known, LONDON, row["as_of"])
        assert row["tier"] == outcome.tier, name
        assert shown_contact(row["contact"]) == expected_contact(outcome), name
        if name in drawn:
            assert _decisions(log, name) == outcome.decisions, name


def calendar_of(years: range) -> Calendar:
    """Monday to Friday but for the public holidays of the retailer's policy."""
    given = yaml.safe_load(POLICY.read_text(encoding="utf-8"))["calendar"]
    public = holidays.country_holidays(given["country"], subdiv=given.get("subdivision"), years=years)
    return Calendar(frozenset(public))


def assert_weeks_equal_oracle(world: World, log: Sequence[LogRecord]) -> None:
    shown = {(row["from_on"], row["representative"]): row for row in world.documents("rep_weeks")}
    mondays = sorted({monday for monday, _ in shown})
    chosen = {mondays[-1], *Random(5).sample(mondays, min(WEEKS - 1, len(mondays)))}
    logs = by_key(log)
    customers = {
        key.removeprefix("customer:"): Customer(
            standing([one for one in known if one.event["type"] not in DECISIONS], LONDON),
            [change for one in known if one.event["type"] == TIER_CHANGED for change in tier_change(one)],
        )
        for key, known in logs.items()
        if key.startswith("customer:")
    }
    reps = {
        key.removeprefix("representative:"): standing(known, LONDON)
        for key, known in logs.items()
        if key.startswith("representative:")
    }
    calendar = calendar_of(range(day(mondays[0]).year, day(mondays[-1]).year + 1))
    for monday in chosen:
        for rep in reps:
            row = shown.get((monday, rep))
            today = business_day(row["as_of"], LONDON) if row else date.max - timedelta(6)
            week = rep_week(rep, day(monday), customers, reps, calendar, today)
            assert _told(row) == _wanted(week), (monday, rep)


def by_key(log: Iterable[LogRecord]) -> dict[str, list[Logged]]:
    """What engagement folds, by key, for nothing else moves its clock. A decision is accepted when it follows the one
    before."""
    logs: dict[str, list[Logged]] = {}
    last: dict[tuple[str, str], tuple[int, str | None]] = {}
    for record in not_repeated(log):
        event = json.loads(record.value)
        if record.type in DECISIONS:
            chain = record.key, event["source"]
            version, after = last.get(chain, (0, None))
            if (event["data"]["version"], event["data"]["after"]) != (version + 1, after):
                continue
            last[chain] = version + 1, event["id"]
        logs.setdefault(record.key, []).append(Logged(event, record.recorded_at, backfill=event.get("backfill", False)))
    return {key: [one for one in known if one.event["type"] in Engagement.folds] for key, known in logs.items()}


def _decisions(log: Iterable[LogRecord], customer: str) -> list[Lapsed | Resumed]:
    found: dict[int, Lapsed | Resumed] = {}
    for record in log:
        if record.key != f"customer:{customer}" or record.type not in {LAPSED, RESUMED}:
            continue
        data: Json = json.loads(record.value)["data"]
        on = day(data["effective_on"])
        made = (
            Lapsed(on, day(data["due_on"]))
            if record.type == LAPSED
            else Resumed(on, data["cause"], day(data["lapsed_due_on"]))
        )
        found.setdefault(data["version"], made)
    return [found[version] for version in sorted(found)]


def _told(row: Json | None) -> Any:
    if row is None:
        return None
    reasons = {visit["visit_id"]: visit["reason"] for visit in row["visits"] if visit["reason"]}
    return set(row["customers"]), reasons, row["target"], row["exempt"] is not None, row["coverage_90d"]


def _wanted(week: Week | None) -> Any:
    if week is None:
        return None
    coverage = None if week.coverage_90d is None else float(round(week.coverage_90d, 2))
    return week.counted, week.uncounted, week.target, week.exempt, coverage
