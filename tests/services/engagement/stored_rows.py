"""Stored rows of engagement at random, as the fold could have left them, for what reads them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from services.engagement.calendar import Calendar
from services.engagement.rows import LISTED, representative_row
from services.engagement.rules.concerns import SEVERITIES
from services.engagement.rules.counting import OWING_ROLES
from services.engagement.rules.coverage import _visit_row
from services.engagement.rules.days import monday_of
from services.engagement.rules.representative import Absence, Registration, Representative
from services.engagement.rules.satisfaction import INSTRUMENTS
from services.engagement.rules.shown import NO_CONCERNS
from services.engagement.store import week_documents
from services.engagement.stored import dump_representative
from shared.events.types import TIERS
from shared.facts.days import NEVER, iso, to_micros
from shared.facts.goals import Goal
from shared.facts.latest import Order

Document = dict[str, Any]
ZONE = ZoneInfo("Asia/Shanghai")
FIRST = date(2026, 2, 2).toordinal()
WEEKS = 7
DAYS = range(FIRST, FIRST + 7 * WEEKS)
MONDAYS = range(FIRST, FIRST + 7 * WEEKS + 1, 7)
VISIT_DAYS = [FIRST + offset for offset in (0, 1, 7, 8, 9, 11, 14)]
REPS = ("A", "B")
CUSTOMERS = [f"c{index}" for index in range(9)]
ROLES = ("account_manager", "product_manager", "executive")
MOSTLY = ("account_manager",) * 5
"""Where the rare is as likely as the usual, the rules seldom meet: most representatives hold one role, and take it."""
BORDERS = [FIRST - 84 + 7 * week + shift for week in range(WEEKS) for shift in (0, 1)]
"""Days that are just within, or just out of, the 90 days up to a Sunday."""
CALENDAR = Calendar(frozenset({date(2026, 2, 17)}), frozenset({date(2026, 2, 28)}))
WEEK_DOCUMENTS = [
    document | {"_id": document["week"]}
    for document in week_documents(CALENDAR, ZONE, date.fromordinal(FIRST - 14), date.fromordinal(DAYS.stop + 13))
]
AT = datetime(2026, 2, 1, 16, tzinfo=UTC)

days = st.sampled_from(DAYS)
hundredths = st.integers(0, 400).map(lambda number: number / 100)
instants = st.integers(0, len(DAYS) * 24 * 6).map(lambda tens: AT + timedelta(minutes=10 * tens))
visit_days = st.sampled_from(VISIT_DAYS)
closings = st.sampled_from([week["closes_at"] for week in WEEK_DOCUMENTS[2:7]])


@dataclass
class Stored:
    """The documents of each collection."""

    weeks: list[Document] = field(default_factory=lambda: WEEK_DOCUMENTS)
    engagement: list[Document] = field(default_factory=list)
    representatives: list[Document] = field(default_factory=list)
    visit_rows: list[Document] = field(default_factory=list)
    account_rows: list[Document] = field(default_factory=list)
    customers: list[Document] = field(default_factory=list)
    """Tiering's view."""

    @property
    def fresh(self) -> list[Document]:
        """What each collection's only partition has noted."""
        noted = []
        for of, rows in (("engagement", self.engagement), ("representatives", self.representatives)):
            if rows:
                newest = {name: max(row[name] for row in rows) for name in ("as_of", "recorded_at", "projected_at")}
                noted.append({"_id": f"{of}/0", "of": of, "partition": 0, "generation": 1, **newest})
        return noted


def freshness(as_of: datetime) -> Document:
    return {
        "as_of": as_of,
        "log": {"generation": 1, "offset": 7},
        "recorded_at": as_of,
        "projected_at": as_of + timedelta(seconds=1),
        "generation": 1,
    }


@st.composite
def representatives(draw: st.DrawFn, name: str) -> Document:
    said = []
    for number in range(draw(st.sampled_from((1, 1, 2, 3)))):
        active_from = draw(st.sampled_from((FIRST - 300, FIRST - 300, FIRST - 300, FIRST + 9, FIRST + 17)))
        fields: Document = {"role": draw(st.sampled_from((*MOSTLY, *ROLES))), "active_from": active_from}
        if draw(st.booleans()):
            fields["fte"] = draw(st.sampled_from((100, 50, 30, 35, 20, None)))
        if draw(st.integers(0, 3)) == 0:
            fields["active_until"] = draw(st.none() | visit_days)
        day = FIRST - 400 if not number else draw(st.sampled_from((FIRST - 1, FIRST + 9, FIRST + 16)))
        known_from = draw(st.sampled_from((FIRST - 420, monday_of(day) + 7, monday_of(day) + 14)))
        said.append(Registration(day * 10 + number, f"e{number}", "hr", day, known_from, fields))
    absences = {}
    for number in range(draw(st.integers(0, 4))):
        revisions = []
        for revision in range(1, draw(st.integers(1, 3)) + 1):
            first = draw(visit_days)
            part = draw(st.sampled_from((100, 50, 25)))
            until = first + draw(st.integers(0, 6))
            revisions.append(
                Absence(revision, draw(st.sampled_from((FIRST, FIRST + 7, FIRST + 14))), first, until, part)
            )
        absences["hr", f"a{number}"] = revisions
    goals = {
        metric: Goal(Order(1, "g", "hr"), draw(days), 0, draw(st.sampled_from((100, 300, 35))))
        for metric in ("counted", "coverage_90d")
        if draw(st.booleans())
    }
    as_of = AT + timedelta(draw(st.integers(0, 20)))
    one = Representative(name, to_micros(as_of), DAYS.stop, sorted(said, key=lambda one: one[:3]), absences, goals)
    return {"_id": name, **representative_row(one), **freshness(as_of), "fold": dump_representative(one)}


TAKEN = (*[["account_manager"]] * 8, ["product_manager"], ["account_manager", "executive"])


def visits_of_a_day(random: Random) -> list[tuple[str, str, Document]]:
    """Representative, customer and entry of each visit; their ids are given later."""
    rep, day = random.choice(REPS), random.choice(VISIT_DAYS)
    logged = AT + timedelta(random.randint(0, 1), minutes=random.choice((0, 12, 22)))
    some = random.sample(CUSTOMERS, random.choice((1, 3, 7, 9)))
    found = []
    for customer in (*some, *some[: random.choice((0, 0, 1, 2))]):
        roles = random.choice(TAKEN)
        marks = random.choice(((True, True),) * 8 + ((True, False), (False, True)))
        entry = {
            "day": iso(day),
            "date": day,
            "time": random.randint(0, 5),
            "at": AT,
            "source": random.choice(("crm", "app")),
            "kind": "routine",
            "channel": "onsite",
            "tier": "general",
            "flaw": random.choice((None,) * 12 + ("exhibition", "not_general")),
            "roles": roles,
            "first": roles if random.random() < 0.9 else [],
            "logged_at": logged + timedelta(minutes=random.choice((0, 2, 9, 10))),
            "late": random.random() < 0.5,
            "backfill": random.random() < 0.2,
            "now": marks[0],
            "closed": marks[1],
        }
        found.append((rep, customer, entry))
    return found


def visit_rows(some: list[list[tuple[str, str, Document]]]) -> list[Document]:
    entries: dict[tuple[str, str, int], list[Document]] = defaultdict(list)
    numbered = enumerate(one for group in some for one in group)
    for number, (rep, customer, entry) in numbered:
        entries[rep, customer, monday_of(entry["date"])].append(entry | {"visit_id": f"v{number}"})
    rows = (_visit_row(customer, (rep, monday), some, new=True) for (rep, customer, monday), some in entries.items())
    return [{"_id": row.id, **(row.document or {})} for row in rows]


def spans(random: Random, days: Sequence[int]) -> list[Document]:
    edges = sorted(random.sample(days, random.randint(0, 4)))
    edges += [NEVER] * (len(edges) % 2)
    return [{"from_on": one, "until_on": other} for one, other in zip(edges[::2], edges[1::2], strict=True)]


def account_rows(random: Random) -> list[Document]:
    keys = {
        (random.choice((*MOSTLY, *OWING_ROLES)), random.choice(REPS), random.choice(CUSTOMERS))
        for _ in range(random.randint(0, 12))
    }
    always = [{"from_on": FIRST - 100, "until_on": NEVER}]
    return [
        {
            "_id": f"{role}/{len(customer)}/{customer}/{rep}",
            "customer": customer,
            "representative": rep,
            "role": role,
            "named_from": random.choice((FIRST - 100, *DAYS)),
            "closed_named_from": random.choice((FIRST - 98, *MONDAYS)),
            "spans": random.choice((always, spans(random, DAYS))),
            "closed_spans": spans(random, MONDAYS),
            "visited": [
                {"role": taken, "days": sorted(random.sample(random.choice((BORDERS, DAYS)), random.randint(1, 3)))}
                for taken in sorted(ROLES)
                if random.random() < 0.5
            ],
        }
        for role, rep, customer in sorted(keys)
    ]


figures = st.builds(
    lambda n, total, gap: {"n": n, "value": None, "gap": gap, "sum": min(n, total)},
    st.integers(0, 9),
    st.integers(-9, 60),
    st.none() | hundredths,
)


@st.composite
def quarters(draw: st.DrawFn) -> list[Document]:
    names = sorted(draw(st.sets(st.sampled_from(("2025-Q3", "2025-Q4", "2026-Q1")))))
    return [{"quarter": name, "n": draw(st.integers(1, 9)), "sum": draw(st.integers(-9, 9))} for name in names]


@st.composite
def satisfaction(draw: st.DrawFn) -> Document:
    answer = {"on": "2026-02-02", "instrument": "nps", "score": 9, "survey_id": "s"}
    shown: Document = {"last": answer} if draw(st.booleans()) else {}
    for instrument in INSTRUMENTS:
        if draw(st.booleans()):
            years = {"this_year": draw(figures), "last_year": draw(figures)}
            shown[instrument] = {**years, "dropped": draw(st.booleans())}
            if draw(st.booleans()):  # rows that were stored before quarters were have none
                shown[instrument]["quarters"] = draw(quarters())
    return shown


@st.composite
def concerns(draw: st.DrawFn) -> Document:
    listed: list[Document] = [
        {
            "source": "crm",
            "concern_id": f"k{number}",
            "kind": "complaint",
            "severity": draw(st.sampled_from(SEVERITIES)),
            "about": "破损",
            "raised_on": draw(days.map(iso)),
            "tier": "general",
            "deadline": draw(st.none() | instants),
            "answered_at": None,
            "overdue": draw(st.booleans()),
            "reopened": draw(st.integers(0, 2)),
        }
        for number in range(draw(st.integers(0, 3)))
    ]
    judged = draw(st.integers(0, 9))
    closed = draw(st.integers(0, judged))
    return NO_CONCERNS | {
        "open": len(listed),
        "open_by_severity": {name: sum(one["severity"] == name for one in listed) for name in SEVERITIES},
        "open_overdue": sum(one["overdue"] for one in listed),
        "answered_in_time": draw(st.integers(0, 5)),
        "overdue": draw(st.integers(0, 5)),
        "reopened": draw(st.integers(0, 5)),
        "loop_rate": closed / judged if judged else None,
        "loop": {"judged": judged, "closed": closed},
        "list": listed,
    }


@st.composite
def relationship(draw: st.DrawFn) -> Document:
    person = {"decision_role": "decide", "department": None, "attitude": 2, "basis": None, "unfounded": True}
    person |= {"last_met_on": None}
    shown: Document = {"persons_met_365d": draw(st.integers(1, 9)), "departments_met_365d": ["采购"]}
    if draw(st.booleans()):
        shown["key_persons"] = [{"person_id": f"p{n}", **person} for n in range(draw(st.integers(1, 3)))]
        shown |= {"deciders": 1, "key_relationship": draw(hundredths)}
        shown |= {"deciders_never_met": ["p0"]} if draw(st.booleans()) else {}
    return shown


@st.composite
def goals(draw: st.DrawFn) -> list[Document]:
    some = []
    for metric in sorted(draw(st.sets(st.sampled_from(("kcr", "nps", "score", "net_365d")), min_size=1))):
        known = metric not in {"score", "net_365d"}
        outcome = draw(st.none() | hundredths) if known else None
        value = draw(st.none() | hundredths) if known else None
        baseline, target = draw(st.tuples(hundredths, hundredths).filter(lambda two: two[0] != two[1]))
        some.append(
            {
                "metric": metric,
                "baseline": baseline,
                "target": target,
                "due_on": draw(st.sampled_from(("2026-02-10", "2026-03-10"))),
                "value": value,
                "progress": None if value is None else draw(hundredths),
                "outcome": outcome,
                "outcome_progress": None if outcome is None else draw(hundredths),
            }
        )
    return some


@st.composite
def rows(draw: st.DrawFn, customer: str) -> Document:
    """A customer's row, as rows.py makes it: what says nothing is left out."""
    order = draw(st.integers(0, len(TIERS) - 1))
    is_owed = order < len(TIERS) - 1 and draw(st.integers(0, 5))
    row: Document = {
        "_id": customer,
        "tier": TIERS[-1 - order],
        "tier_order": order,
        "status": draw(st.sampled_from(("on_track", "due_soon", "lapsed"))) if is_owed else None,
        "due_on": draw(days.map(iso)) if is_owed else None,
        **freshness(draw(instants)),
        "fold": "{}",
        "due_at": None,
        "partition": 3,
    }
    if is_owed:
        row["cadence_days"] = draw(st.sampled_from((7, 8, 14, 30, 40, 90)))
    optional: dict[str, st.SearchStrategy[Any]] = {
        "name": st.just("海运"),
        "registered": st.just(True),
        "rated": st.just(True),
        "region": st.just("east"),
        "tier_version": st.just(3),
        "owners": st.sampled_from(({"account_manager": "A"}, {"product_manager": "B"})),
        "contact": st.sampled_from(({"last_on": "2026-02-03"}, {"adherence": 0.5})),
        "last_visit": st.just({"on": "2026-02-03", "consensus": None, "follow_ups": ["价"]}),
        "relationship": relationship(),
        "satisfaction": satisfaction(),
        "concerns": concerns(),
        "goals": goals(),
    }
    for name, strategy in optional.items():
        if draw(st.booleans()):
            row[name] = draw(strategy)
    if "owners" in row:
        row["owned_by"] = sorted(set(row["owners"].values()))
    has = [name for name in LISTED if row.get(name)]
    has += ["key_persons"] if "key_persons" in row.get("relationship", {}) else []
    return row | ({"has": has} if has else {})


@st.composite
def tiers(draw: st.DrawFn, customer: str) -> Document:
    """What goals read of tiering's view."""
    outcomes = [
        {"metric": metric, "due_on": draw(st.sampled_from(("2026-02-10", "2026-03-10"))), "outcome": "7.25"}
        for metric in ("score", "net_365d")
        if draw(st.booleans())
    ]
    score, net = draw(st.integers(0, 1000)) / 10, f"{draw(st.integers(-999, 999))}.25"
    return {"_id": customer, "score": score, "net_365d": net, "goal_outcomes": outcomes}


@st.composite
def roster(draw: st.DrawFn) -> list[Document]:
    return [draw(representatives(name)) for name in REPS]


@st.composite
def of_customers(draw: st.DrawFn) -> Stored:
    """Rows of customers and representatives."""
    names = CUSTOMERS[: draw(st.integers(1, 6))]
    found = Stored(engagement=[draw(rows(name)) for name in names], representatives=draw(roster()))
    found.customers = [draw(tiers(name)) for name in names if draw(st.booleans())]
    return found


@st.composite
def of_weeks(draw: st.DrawFn) -> Stored:
    """Visits and accounts of representatives, and how late it is. Visits are many, so they come from a seed."""
    random = Random(draw(st.integers(0, 1 << 32)))
    found = Stored(representatives=draw(roster()), account_rows=account_rows(random))
    found.visit_rows = visit_rows([visits_of_a_day(random) for _ in range(random.randint(0, 8))])
    as_of = draw(closings | instants)
    found.engagement = [{"_id": "c0", "tier_order": 3, "has": [], **freshness(as_of)}]
    return found
