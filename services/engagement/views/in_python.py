"""The views in Python: what each pipeline must show of the collections that it reads. Pure. Readers ask MongoDB, which
finds the few rows that they want by index; a test on a real server shows that both agree on generated rows
(tests/services/engagement/test_real_views_equal_rules.py).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from services.engagement.rules.concerns import SEVERITIES
from services.engagement.rules.counting import (
    OWING_ROLES,
    VISITS_A_WEEK,
    aim,
    days_worked,
    holds_on,
    is_burst,
    is_covered,
    judge,
    owned_as,
)
from services.engagement.rules.customer import PROFILE_FIELDS
from services.engagement.rules.figures import number
from services.engagement.rules.representative import WHOLE
from services.engagement.rules.satisfaction import INSTRUMENTS
from services.engagement.rules.shown import NO_ANSWERS, NO_CONCERNS, NO_RELATIONSHIP, NO_VISITS
from services.engagement.rules.tiers import PARTNER, STRATEGIC
from services.engagement.stored import PRIVATE_FIELDS
from services.engagement.views.contact_plan import FRESHNESS, STATUSES
from services.engagement.views.filled import HELPERS
from services.engagement.views.freshness import newest
from services.engagement.views.lists import CONCERN_FIELDS, KEY_PERSON_FIELDS, OF_TIERING, OF_WEEKS
from services.engagement.views.overviews import COUNTED, YEARS
from services.engagement.views.rep_weeks import KEPT_MS, VISIT_FIELDS
from shared.events.types import TIERS
from shared.facts.owners import OWNING_ROLES
from shared.fold.private import PRIVATE

Document = dict[str, Any]
_PRIVATE = {*PRIVATE, *PRIVATE_FIELDS}


def whole(row: Document) -> Document:
    """A customer's row with what it leaves out put back, the private and the confidential included."""
    made = {name: value for name, value in row.items() if name not in HELPERS}
    contact: Document = {"last_on": None, "adherence": None, "visits_90d": NO_VISITS, "visits_365d": NO_VISITS}
    contact |= row.get("contact", {})
    contact |= {"status": row["status"], "due_on": row["due_on"], "cadence_days": row.get("cadence_days")}
    contact["ever_met"] = contact["last_on"] is not None
    nothing = dict.fromkeys((*PROFILE_FIELDS, "last_visit")) | {"registered": False, "rated": False, "tier_version": 0}
    made = nothing | made
    made |= {
        "owners": dict.fromkeys(OWNING_ROLES) | row.get("owners", {}),
        "contact": contact,
        "relationship": NO_RELATIONSHIP | row.get("relationship", {}),
        "satisfaction": NO_ANSWERS | row.get("satisfaction", {}),
        "concerns": row.get("concerns", NO_CONCERNS),
        "goals": row.get("goals", []),
    }
    return deepcopy(made)


def engagement_row(row: Document) -> Document:
    """`engagement`: all public fields of a customer."""
    shown = {name: value for name, value in whole(row).items() if name not in _PRIVATE}
    for confidential in ("key_persons", "deciders_never_met", "kcr_cause"):
        del shown["relationship"][confidential]
    return {**shown, "id": row["_id"]}


def contact_plan_rows(rows: Iterable[Document]) -> list[Document]:
    """`contact_plan`: whom to visit and why, by tier, then earliest due, then id."""
    owed = [row for row in rows if row["status"] in STATUSES]
    owed.sort(key=lambda row: (row["tier_order"], row["due_on"], row["_id"]))
    return [_contact_plan_row(row, whole(row)) for row in owed]


def _contact_plan_row(row: Document, full: Document) -> Document:
    contact, concerns, visit = full["contact"], full["concerns"], full["last_visit"] or {}
    unowned = "owned_by" not in row
    reasons = {
        "never_met": contact["last_on"] is None,
        "lapsed": row["status"] == "lapsed",
        "due_soon": row["status"] == "due_soon",
        "concern_overdue": concerns["open_overdue"] > 0,
        "concern_open": concerns["open"] > 0,
        "satisfaction_dropped": any((full["satisfaction"][name] or {}).get("dropped") for name in INSTRUMENTS),
        "decider_never_met": bool(full["relationship"]["deciders_never_met"]),
        "unowned": unowned,
        "cadence": row["status"] == "on_track",
    }
    return {
        **_some(row, "_id", "tier", "tier_order", "status", "due_on", "cadence_days", "owned_by", *FRESHNESS),
        **_some(full, "name", "registered", "owners"),
        "id": row["_id"],
        "last_on": contact["last_on"],
        "adherence": contact["adherence"],
        "reasons": [reason for reason, holds in reasons.items() if holds],
        "unowned": unowned,
        "unrated": not full["rated"],
        "last_visit_on": visit.get("on"),
        "last_consensus": visit.get("consensus"),
        "follow_ups": visit.get("follow_ups", []),
        "open_concerns": concerns["open"],
        "concerns": concerns["list"],
    }


def concern_rows(rows: Iterable[Document]) -> list[Document]:
    """`concerns`: each open concern."""
    return [
        {**_some(one, *CONCERN_FIELDS), **_whose(row)}
        for row in rows
        if row.get("concerns", NO_CONCERNS)["open"]
        for one in row["concerns"]["list"]
    ]


def key_person_rows(rows: Iterable[Document]) -> list[Document]:
    """`key_persons`: each present key person."""
    return [
        {**_some(one, *KEY_PERSON_FIELDS), **_whose(row)}
        for row in rows
        for one in row.get("relationship", {}).get("key_persons", ())
    ]


def relationship_assessment_rows(rows: Iterable[Document]) -> list[Document]:
    """`relationship_assessments`: each strategic and partner customer, by tier, then id."""
    assessed = [name for name in NO_RELATIONSHIP if name != "assessment_due"]
    owed = [row for row in rows if row["tier_order"] <= STRATEGIC - PARTNER]
    return [
        {**_some(whole(row)["relationship"], *assessed), **_whose(row), "_id": row["_id"]}
        for row in sorted(owed, key=lambda row: (row["tier_order"], row["_id"]))
    ]


def tier_care_rows(rows: Sequence[Document], fresh: Sequence[Document]) -> list[Document]:
    """`tier_care`: by tier, answers of all its customers together, and concerns."""
    return [
        _care([whole(row) for row in rows if row["tier_order"] == order], tier) | newest(fresh, "engagement")
        for order, tier in enumerate(reversed(TIERS))
        if any(row["tier_order"] == order for row in rows)
    ]


def _care(rows: list[Document], tier: str) -> Document:
    concerns = [row["concerns"] for row in rows]
    judged, closed = (sum(one["loop"][part] for one in concerns) for part in ("judged", "closed"))
    return {
        "_id": tier,
        "tier": tier,
        "customers": len(rows),
        **{instrument: {year: _pooled(rows, instrument, year) for year in YEARS} for instrument in INSTRUMENTS},
        "concerns": {
            **{counted: sum(one[counted] for one in concerns) for counted in COUNTED},
            "open_by_severity": {name: sum(one["open_by_severity"][name] for one in concerns) for name in SEVERITIES},
            "loop_rate": number(Fraction(closed, judged)) if judged else None,
        },
    }


def _pooled(rows: Iterable[Document], instrument: str, year: str) -> Document:
    figures = [row["satisfaction"][instrument] for row in rows]
    some = [figure[year] for figure in figures if figure is not None]
    n, total = sum(one["n"] for one in some), sum(one["sum"] for one in some)
    return {"n": n, "value": number(Fraction(total * (1 if instrument == "ces" else 100), n)) if n else None}


def tier_quarter_rows(rows: Sequence[Document]) -> list[Document]:
    """`tier_quarters`: by tier, instrument and calendar quarter the answers of customers that have the tier now."""
    tallies: dict[tuple[int, str, str], tuple[int, int]] = {}
    for row in rows:
        for instrument in INSTRUMENTS:
            for one in (row.get("satisfaction", {}).get(instrument) or {}).get("quarters", ()):
                of = row["tier_order"], instrument, one["quarter"]
                n, total = tallies.get(of, (0, 0))
                tallies[of] = n + one["n"], total + one["sum"]
    return [
        {
            "tier": list(reversed(TIERS))[order],
            "instrument": instrument,
            "quarter": quarter,
            "n": n,
            "value": number(Fraction(total * (1 if instrument == "ces" else 100), n)) if n else None,
        }
        for (order, instrument, quarter), (n, total) in sorted(tallies.items())
    ]


def satisfaction_drop_rows(rows: Iterable[Document]) -> list[Document]:
    """`satisfaction_drops`: each customer whose score by some instrument has dropped."""
    return [
        {**_some(whole(row)["satisfaction"], *INSTRUMENTS), **_whose(row), "_id": row["_id"]}
        for row in rows
        if any((row.get("satisfaction", {}).get(name) or {}).get("dropped") for name in INSTRUMENTS)
    ]


def staffing_rows(
    rows: Iterable[Document], representatives: Iterable[Document], weeks: Iterable[Document], fresh: Sequence[Document]
) -> list[Document]:
    """`staffing`: one row, the visits a week that cadences ask for against what the roster can do."""
    asking = [row for row in rows if row["tier_order"] < len(TIERS) - 1 and row.get("cadence_days")]
    if not asking:
        return []
    freshness = newest(fresh, "engagement")
    today = _today(weeks, freshness["as_of"])
    roster = [
        one
        for one in representatives
        if any(span["role"] in OWING_ROLES for span in one["fold"]["spans"])  # has ever owed visits in a week
        if one["role"] in OWING_ROLES and one["active_from"] <= today <= (one["active_until"] or "9999")
    ]
    fte = sum((_exactly(one["fte"]) for one in roster), Fraction())
    asked = {
        order: sum((Fraction(7, row["cadence_days"]) for row in asking if row["tier_order"] == order), Fraction())
        for order in sorted({row["tier_order"] for row in asking})
    }
    in_all = sum(asked.values(), Fraction())
    return [
        {
            "_id": "all",
            "customers": len(asking),
            "tiers": [
                {
                    "tier": TIERS[-1 - order],
                    "customers": sum(row["tier_order"] == order for row in asking),
                    "asked_per_week": number(visits),
                }
                for order, visits in asked.items()
            ],
            "asked_per_week": number(in_all),
            "representatives": len(roster),
            "fte": number(fte),
            "can_per_week": number(VISITS_A_WEEK * fte),
            "short_per_week": number(max(Fraction(), in_all - VISITS_A_WEEK * fte)),
            **freshness,
        }
    ]


def _today(weeks: Iterable[Document], as_of: datetime) -> str:
    week = _last_begun(weeks, as_of)
    begun = sum(start <= as_of for start in week["day_starts"])
    return date.fromordinal(week["monday"] + begun - 1).isoformat()


def _last_begun(weeks: Iterable[Document], as_of: datetime) -> Document:
    return max((week for week in weeks if week["begins_at"] <= as_of), key=lambda week: week["monday"])


def goal_rows(
    rows: Iterable[Document],
    representatives: Iterable[Document],
    tiering: Mapping[str, Document],
    weeks: Sequence[Document],
    rep_weeks: Iterable[Document],
    fresh: Sequence[Document],
) -> list[Document]:
    """`goals`: each goal of customers, by what tiering's `customers` says of them too, and of representatives, by their
    weeks in `rep_weeks`.
    """
    week_rows = {(row["week"], row["representative"]): row for row in rep_weeks}
    goals = list(_goals_of_customers(rows, tiering))
    goals += _goals_of_representatives(representatives, weeks, week_rows, newest(fresh, "engagement")["as_of"])
    for goal in goals:
        for name, value in (("progress", goal["value"]), ("outcome_progress", goal["outcome"])):
            if goal.get(name) is None:
                goal[name] = None if value is None else _progress(goal, value)
    return goals


def _goals_of_customers(rows: Iterable[Document], tiering: Mapping[str, Document]) -> Iterator[Document]:
    for row in rows:
        tiers = tiering.get(row["_id"], {})
        for one in row.get("goals", ()):
            goal = {**one, "subject": row["_id"], "scope": "customer", **_some(row, *FRESHNESS)}
            if goal["metric"] in OF_TIERING:
                goal["value"] = _float(tiers.get(goal["metric"]))
                noted = [
                    other["outcome"]
                    for other in tiers.get("goal_outcomes", ())
                    if (other["metric"], other["due_on"]) == (goal["metric"], goal["due_on"])
                ]
                if goal["outcome"] is None and noted:
                    goal["outcome"] = _float(noted[0])
            yield goal


def _goals_of_representatives(
    representatives: Iterable[Document],
    weeks: Sequence[Document],
    week_rows: Mapping[tuple[str, str], Document],
    latest: datetime | None,
) -> Iterator[Document]:
    for row in representatives:
        for one in row["goals"]:
            as_of = max(at for at in (row["as_of"], latest) if at is not None)
            due = [week for week in weeks if week["begins_at"] <= as_of and week["from_on"] <= one["due_on"]]
            running = [_last_begun(weeks, as_of), max(due, key=lambda week: week["monday"], default=None)]
            if running[1] is not None and running[1]["closes_at"] >= as_of:
                running[1] = None
            value, outcome = (
                week_rows.get((week["week"], row["_id"]), {}).get(one["metric"])
                if week is not None and one["metric"] in OF_WEEKS
                else None
                for week in running
            )
            whose = {"subject": row["_id"], "scope": "representative", **_some(row, *FRESHNESS), "as_of": as_of}
            yield {**one, **whose, "value": value, "outcome": outcome}


def _progress(goal: Document, value: float) -> float | None:
    now, baseline, target = (_exactly(one) for one in (value, goal["baseline"], goal["target"]))
    return number((now - baseline) / (target - baseline))


def _exactly(shown: float) -> Fraction:
    """The number that is shown, in decimals."""
    return Fraction(Decimal(str(shown)))


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _some(document: Mapping[str, Any], *names: str) -> Document:
    return {name: document[name] for name in names if name in document}


def _whose(row: Document) -> Document:
    full = whole(row)
    return {
        "customer": row["_id"],
        "customer_tier": row["tier"],
        **_some(full, "name", "owners"),
        **_some(row, "owned_by", *FRESHNESS),
    }


def rep_week_rows(
    weeks: Iterable[Document],
    representatives: Iterable[Document],
    visit_rows: Iterable[Document],
    account_rows: Iterable[Document],
    fresh: Sequence[Document],
) -> list[Document]:
    """What `rep_weeks` shows of these collections, by the rules (rules/counting.py)."""
    latest_of_all = newest(fresh, "engagement", "representatives")
    visits, accounts = list(visit_rows), list(account_rows)
    as_of = latest_of_all["as_of"]
    return [
        row | latest_of_all
        for week in weeks
        if as_of is not None and week["begins_at"] <= as_of < week["closes_at"] + timedelta(milliseconds=KEPT_MS)
        for known in representatives
        if (row := _rep_week_row(week, known, visits, accounts, as_of)) is not None
    ]


def _rep_week_row(
    week: Document, known: Document, visit_rows: list[Document], account_rows: list[Document], as_of: datetime
) -> Document | None:
    rep, monday, fold = known["_id"], week["monday"], known["fold"]
    now, then = (
        next((span for span in fold[spans] if holds_on([span], monday)), None) for spans in ("spans", "closed_spans")
    )
    if now is None or now["role"] not in OWING_ROLES:
        return None
    mine = [row for row in visit_rows if row["representative"] == rep]
    visits = sorted(
        ({**visit, "customer": row["customer"]} for row in mine if row["monday"] == monday for visit in row["visits"]),
        key=lambda visit: (visit["date"], visit["time"], visit["source"], visit["visit_id"]),
    )
    others = [visit for row in mine if row["monday"] != monday for visit in row["visits"] if visit["now"]]
    judged, judged_then = judge((v for v in visits if v["now"]), now), judge((v for v in visits if v["closed"]), then)
    absences = fold["absence_spans"]
    days = days_worked(week["working"], now, [one for one in absences if one["now"]])
    known_then = [one for one in absences if one["known_from"] <= monday < one["known_until"]]
    accounts = [row for row in account_rows if row["representative"] == rep]
    owned = owned_as(accounts, now, _reference(now, monday))
    asked = aim(now, days, owned)
    asked_then = aim(
        then,
        days_worked(week["working"], then, known_then),
        owned_as(accounts, then, _reference(then, monday), closed=True),
    )
    end = monday - 1 + sum(start <= as_of for start in week["day_starts"])
    owned_at_end = [one for one in accounts if one["role"] == now["role"] and holds_on(one["spans"], end)]
    covered = sum(is_covered(one, fold["spans"], end) for one in owned_at_end)
    is_closed = as_of > week["closes_at"]
    differs = (set(judged.counted), asked) != (set(judged_then.counted), asked_then)
    return {
        "_id": f"{week['week']}/{rep}",
        **{name: week[name] for name in ("week", "from_on", "to_on")},
        "representative": rep,
        "team": known["team"],
        "role": now["role"],
        "fte": now["fte_hundredths"] / WHOLE,
        "days_worked": days / WHOLE,
        "owned_general": owned,
        "target": asked.target,
        "exempt": asked.exempt,
        "counted": len(judged.counted),
        "customers": sorted(judged.counted),
        "met": None if asked.target is None else len(judged.counted) >= asked.target,
        "visits": [{field: visit[field] for field in VISIT_FIELDS} for visit in judged.visits],
        "uncounted": sum(visit["reason"] is not None for visit in judged.visits),
        "flags": {"late": sum(visit["late"] for visit in judged.visits), "burst": is_burst(judged.visits, others)},
        "coverage_90d": number(Fraction(covered, len(owned_at_end))) if owned_at_end else None,
        "covered_90d": covered,
        "closed": {
            "counted": len(judged_then.counted),
            "customers": sorted(judged_then.counted),
            "target": asked_then.target,
            "exempt": asked_then.exempt,
        }
        if is_closed and then is not None and then["role"] in OWING_ROLES
        else None,
        "restated": is_closed and differs,
    }


def _reference(registered: Document | None, monday: int) -> int:
    """The day as on which owned customers are looked at."""
    reference = None if registered is None else registered["reference"]
    return monday if reference is None else int(reference)
