"""Which visits of a representative's week count, what is asked of the week, and whom it covers (domain.md, Per
representative and ISO week): what spans customers, so that no fold can know it.

The view `rep_weeks` works this out in MongoDB, since readers ask it for one week or one representative. The functions
here are the rule: the pipeline must agree with them (tests/services/engagement/test_real_views_equal_rules.py).
Visits, registrations and absences are those that customers' and representatives' rows hold.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from services.engagement.rules.representative import WHOLE

Json = Mapping[str, Any]

OWING_ROLES = ("account_manager", "product_manager")
"""Who owes visits."""
CAP_CUSTOMERS_A_DAY = 6
VISITS_A_WEEK = 5
COVERAGE_DAYS = 90
BURST_VISITS = 5
BURST = timedelta(minutes=10)


class Judged(NamedTuple):
    """visits: each with its `reason`, None where it counts; counted: the customers, in the order of their visits."""

    visits: list[dict[str, Any]]
    counted: list[str]


class Aim(NamedTuple):
    """exempt: why nothing is asked of the week, None where something is; target: the customers to be visited."""

    exempt: str | None
    target: int | None


def judge(visits: Iterable[Json], registered: Json | None) -> Judged:
    """Judge a week's visits, given by (day, time, source, visit_id), by what is registered for the week. A repeat takes
    its place among the day's first six customers like a visit that counts; what does not count takes none.
    """
    judged = Judged([], [])
    day, met = None, set[str]()
    for visit in visits:
        if visit["date"] != day:
            day, met = visit["date"], set()
        customer = visit["customer"]
        reason = _flaw(visit, registered or {})
        if reason is None and customer not in met and len(met) >= CAP_CUSTOMERS_A_DAY:
            reason = "over_cap"
        if reason is None and customer in judged.counted:
            reason = "repeat"
        if reason in {None, "repeat"}:
            met.add(customer)
        if reason is None:
            judged.counted.append(customer)
        judged.visits.append({**visit, "reason": reason})
    return judged


def _flaw(visit: Json, registered: Json) -> str | None:
    """Why a visit does not count, whatever else was done in the week."""
    if visit["flaw"] is not None:
        return str(visit["flaw"])
    if registered.get("role") not in visit["roles"]:
        return "other_role"
    if registered["role"] not in visit["first"]:
        return "joint"
    return None if registered["active_from"] <= visit["date"] <= registered["active_until"] else "inactive"


def days_worked(working: Iterable[int], registered: Json | None, absences: Sequence[Json]) -> int:
    """The week's working days in active service less absences, in hundredths. Parts of one day are added, a whole day
    at most.
    """
    if registered is None:
        return 0
    return sum(
        max(0, WHOLE - sum(one.get("part", WHOLE) for one in absences if one["from_on"] <= day <= one["to_on"]))
        for day in working
        if registered["active_from"] <= day <= registered["active_until"]
    )


def aim(registered: Json | None, days: int, owned: int | None) -> Aim:
    """What is asked of a week with so many days worked, in hundredths: 5 x fte x min(1, days / 5), rounded half up, 1
    at least, and no more than the general customers owned, None where that is not known.
    """
    if registered is None or days == 0:
        return Aim("no_days", None)
    if owned == 0:
        return Aim("none_owned", None)
    share = registered["fte_hundredths"] * min(VISITS_A_WEEK * WHOLE, days)
    asked = max(1, (share + WHOLE * WHOLE // 2) // (WHOLE * WHOLE))
    return Aim(None, asked if owned is None else min(owned, asked))


def holds_on(spans: Iterable[Json], day: int) -> bool:
    """Whether one of some spans, {from_on, until_on}, holds on a day."""
    return any(span["from_on"] <= day < span["until_on"] for span in spans)


def owned_as(accounts: Iterable[Json], registered: Json | None, day: int, *, closed: bool = False) -> int | None:
    """How many general customers are owned on a day in the registered role, by the account rows of a representative;
    None where it is not known by then. `closed`: by what the week knew when it closed.
    """
    prefix = "closed_" if closed else ""
    mine = [one for one in accounts if registered is not None and one["role"] == registered["role"]]
    if not any(one[f"{prefix}named_from"] <= day for one in mine):
        return None
    return sum(holds_on(one[f"{prefix}spans"], day) for one in mine)


def is_covered(account: Json, registrations: Iterable[Json], end: int) -> bool:
    """Whether one of the days on which the representative was first listed in a role lies in the 90 days up to `end`,
    in active service, and in a week for which that role was the registered one.
    """
    return any(
        max(span["weeks_from"], span["active_from"], end - COVERAGE_DAYS + 1)
        <= day
        <= min(span["weeks_until"] - 1, span["active_until"], end)
        for taken in account["visited"]
        for span in registrations
        if span["role"] == taken["role"]
        for day in taken["days"]
    )


def is_burst(visits: Iterable[Json], others: Iterable[Json]) -> bool:
    """Whether 5 visits of 2 or more days were logged within 10 minutes, backfilled ones aside, one of them among
    `visits`; `others` are those of the representative's other weeks.
    """
    live = [(one["logged_at"], one["date"], own) for own, some in ((True, visits), (False, others)) for one in some
            if not one["backfill"]]  # fmt: skip
    for first, _, _ in live:
        within = [(day, own) for at, day, own in live if first <= at <= first + BURST]
        if len(within) >= BURST_VISITS and len({day for day, _ in within}) > 1 and any(own for _, own in within):
            return True
    return False
