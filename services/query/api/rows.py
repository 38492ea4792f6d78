"""What each resource's rows hold: the fields that leave this service, and nothing else does (docs/reference). The views
are described in docs/readers.md and docs/engagement.md.

Money and shares that must be exact are decimal strings, days are YYYY-MM-DD in the business time zone, instants UTC.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.events.types import Tier

Money = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", examples=["1234.50"])]
Json = dict[str, Any]
Severity = Literal["critical", "major", "minor"]
Status = Literal["on_track", "due_soon", "lapsed"]


class Row(BaseModel):
    """What all rows have in common."""

    # Validators are for the description and for tests alone: none is built at the start.
    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True, defer_build=True)


class Fresh(Row):
    """How fresh a row is."""

    as_of: Annotated[datetime | None, Field(description="everything on the log up to then is in the row")]
    recorded_at: Annotated[datetime | None, Field(description="when the last event in it came to the log")]


class Frozen(Fresh):
    """How fresh a customer's row is."""

    incomplete_since: Annotated[
        str | None, Field(description="position of a record that could not be folded; the row stands still since")
    ]


class Factor(Row):
    """One factor of the score."""

    value: Annotated[str | None, Field(description="as measured; null when unknown")]
    points: Annotated[float, Field(ge=0, le=10)]
    weight: int
    known: bool


class Customer(Frozen):
    """A customer's tier, what it rests on, and who owns it."""

    customer: str
    name: str | None
    registered: bool
    tier: Tier
    computed_tier: Tier
    tier_since: date | None
    version: Annotated[int, Field(description="of the last decision")]
    cause: str | None
    changes: Annotated[Json | None, Field(description="what would change the tier, as of changes_as_of")]
    changes_as_of: date | None
    entitled_tier: Tier
    entitled_until: date | None
    entitlements: Json | None
    proposed_tier: Tier | None
    overridden_until: date | None
    dormant: bool
    score: float
    known_weight: int
    factors: dict[str, Factor]
    policy: str
    policy_version: int
    net_365d: Money
    net_730d: Money
    net_90d: Money
    overdue: Annotated[
        Money | None, Field(description="unpaid of invoices that were due, at today's rates; null where nothing is")
    ]
    currency: str
    at_risk: bool
    first_purchase_on: date | None
    last_purchase_on: date | None
    ratings_lapse_on: date | None
    goal_outcomes: list[Json] | None
    flags: dict[str, list[str]]
    account_manager: str | None
    product_manager: str | None
    group_id: str | None
    industry: str | None
    country: str | None
    region: str | None


class Decision(Row):
    """A change of tier, or a proposal of one."""

    customer: str
    version: int
    kind: Literal["changed", "proposed"]
    effective_on: date
    from_tier: Annotated[Tier | None, Field(alias="from")]
    to_tier: Annotated[Tier | None, Field(alias="to")]
    cause: str | None
    computed_tier: Tier | None
    proposed_tier: Tier | None
    dormant: bool | None
    score: str
    known_weight: int | None
    factors: Json | None
    policy: str
    policy_version: int
    set_off_by: Annotated[str | None, Field(description="id of the event; null when a day came")]
    entitled_tier: Tier | None
    entitled_until: date | None
    graces: list[Json] | None
    would_change: Json | None
    event_id: str
    decided_as_of: datetime
    recorded_at: datetime


class Line(Row):
    """A line of a customer's timeline: a fact or a decision, in no language (docs/changes.md)."""

    customer: str
    kind: Annotated[str, Field(description="its type without guanxi. and .v1", examples=["visit.logged"])]
    occurred_at: datetime
    recorded_at: Annotated[datetime, Field(description="when it came to the log")]
    offset: Annotated[int, Field(description="where on the customer's partition of the log it stands")]
    source: str
    event: str
    record: Annotated[list[str] | None, Field(description="the business id of its record, where it has one")]
    revision: int
    replaces: Annotated[Json | None, Field(description="the revision that it replaces, and where that stands")]
    revised: Annotated[Json | None, Field(description="the revision that has replaced it")]
    voided: Annotated[Json | None, Field(description="the revision that has voided it")]
    actor: Annotated[str | None, Field(description="who entered it upstream")]
    key_id: Annotated[str | None, Field(description="API key by which it came")]
    backfill: bool
    shows: Annotated[Json | None, Field(description="amounts, days, kinds, ids; no texts and nothing confidential")]


class Movement(Row):
    """A change of the tier shown, with the days on which the new one held."""

    customer: str
    version: int
    from_tier: Annotated[Tier, Field(alias="from")]
    to_tier: Annotated[Tier, Field(alias="to")]
    from_on: date
    to_on: Annotated[date | None, Field(description="the last day on which it held; null while it holds")]
    recorded_at: datetime
    ended_at: Annotated[datetime | None, Field(description="when its end came to the log")]
    net_365d: Money | None
    policy: str
    policy_version: int
    region: str | None
    account_manager: str | None


class Flow(Row):
    """Customers that went from a tier to another."""

    from_tier: Annotated[Tier, Field(alias="from")]
    to_tier: Annotated[Tier, Field(alias="to")]
    customers: int
    net_365d: Annotated[Money, Field(description="of these customers, each as of its change")]


class Held(Row):
    """How many customers a tier had on a day."""

    tier: Tier
    customers: int


class Found(Row):
    """A customer that a search found."""

    customer: str
    name: str | None


class Owners(Row):
    """Who owns a customer."""

    account_manager: str | None
    product_manager: str | None


class Engagement(Frozen):
    """A customer's contact, relationship, satisfaction, concerns and goals."""

    id: str
    name: str | None
    registered: bool
    rated: bool
    tier: Tier
    tier_version: int
    owners: Owners
    owned_by: list[str] | None
    contact: Json
    last_visit: Json | None
    relationship: Json
    satisfaction: Json
    concerns: Json
    goals: list[Json]
    group_id: str | None
    industry: str | None
    country: str | None
    region: str | None


class Planned(Frozen):
    """A customer that a contact is owed to, and why."""

    id: str
    name: str | None
    tier: Tier
    status: Status
    due_on: date
    last_on: date | None
    cadence_days: int
    adherence: float | None
    reasons: list[str]
    owners: Owners
    owned_by: list[str] | None
    unowned: bool
    unrated: bool
    registered: bool
    last_visit_on: date | None
    last_consensus: str | None
    follow_ups: list[str]
    open_concerns: int
    concerns: list[Json]


class Concern(Frozen):
    """An open concern."""

    customer: str
    name: str | None
    customer_tier: Tier
    source: str
    concern_id: str
    kind: str
    severity: Severity
    about: str | None
    raised_on: date
    deadline: datetime | None
    answered_at: datetime | None
    overdue: bool
    reopened: int
    tier: Annotated[Tier, Field(description="of the customer when the concern was raised")]
    owners: Owners
    owned_by: list[str] | None


class KeyPerson(Frozen):
    """A present key person of a customer. Confidential."""

    customer: str
    name: Annotated[str | None, Field(description="of the customer")]
    customer_tier: Tier
    person_id: str
    decision_role: str | None
    department: str | None
    attitude: int | None
    basis: Annotated[dict[str, int] | None, Field(description="what the attitude was judged by, each from 0 to 3")]
    unfounded: Annotated[bool, Field(description="an attitude without a basis; it counts all the same")]
    last_met_on: date | None
    owners: Owners
    owned_by: list[str] | None


class Profiles(Frozen):
    """A customer's profiles, its own and those of vendors at it: how complete and fresh, no text. Confidential."""

    customer: str
    tier: Tier
    due_on: Annotated[date | None, Field(description="the first day on which an item is late")]
    lapsed: Annotated[int, Field(description="profiles with a late item")]
    vendors: Annotated[Json, Field(description="profiles of vendors: owed, there, missing")]
    profiles: list[Json]
    owned_by: list[str] | None


class Grant(Frozen):
    """Access that a person was granted to a customer's profiles. Confidential."""

    customer: str
    source: str
    grant_id: str
    grantee: str
    max_grade: str
    approved_by: str
    from_on: date
    expires_on: date
    status: Annotated[str, Field(description="waits, holds, ended or revoked")]


class TextRead(Row):
    """Texts of a profile that somebody read, or was refused."""

    reader: Annotated[
        str, Field(description="a representative's id, or person:<who is signed in>, or key:<API key of nobody>")
    ]
    seq: Annotated[int, Field(description="1, 2, 3 ... per reader")]
    at: datetime
    customer: str
    profile: str
    vendor_id: str | None
    items: list[str]
    grade: Annotated[str | None, Field(description="null where the customer had no such profile")]
    allowed: bool
    by: Annotated[str, Field(description="the right, or why there was none")]
    reason: Annotated[str | None, Field(description="of an emergency, in the reader's words")]
    since: Annotated[datetime | None, Field(description="when the emergency was declared, for four hours")]
    bulk: Annotated[bool, Field(description="whether the reader read texts of over 50 customers in 24 hours")]


class Plans(Frozen):
    """Whether a customer is owed a group plan, and its plans without their steps. Confidential."""

    customer: str
    tier: Tier
    owed: bool
    covered: Annotated[bool, Field(description="a plan holds the day, of this customer or one that covers it")]
    covered_by: Annotated[
        list[Json] | None, Field(description="plans of other customers that cover this one, now or later")
    ]
    uncovered_from: Annotated[date | None, Field(description="the first day of the present run without a plan")]
    due_on: Annotated[date | None, Field(description="the day on which a plan is due")]
    lapsed: bool
    unassessed: Annotated[list[str], Field(description="approvers and deciders who are not assessed")]
    plans: list[Json] | None
    owned_by: list[str] | None


class PlanStep(Frozen):
    """A step of a group plan, by the day first agreed and the one that stands. Confidential."""

    customer: str
    tier: Tier
    source: str
    plan_id: str
    step_id: str
    objective_id: str | None
    owner: str | None
    person_id: str | None
    status: Annotated[str, Field(description="done, done_late, open, due_soon, overdue or dropped")]
    due_on: date | None
    original_due: Annotated[date, Field(description="the day first agreed; no revision moves it")]
    moved_days: int
    done_on: date | None
    slippage_days: Annotated[int, Field(description="days after original_due, as of the row")]
    overdue_days: int


class ServiceUse(Frozen):
    """The supporting services that a customer used in 365 days, and what is left. Confidential."""

    customer: str
    tier: Tier
    services: Annotated[list[Json], Field(description="service, quota and left (null without limit), used, beyond")]
    unserved: bool
    help_rate: Annotated[str | None, Field(description="share of the difficulties that a delivery names")]
    unknown_services: list[str]
    owned_by: list[str] | None


class GroupMember(Row):
    """A customer of a group, or of a group below it."""

    customer: str
    name: str | None
    group_id: str
    tier: Tier
    net_365d: Money
    currency: str


class Group(Row):
    """A group of customers: its figures over those who are members now, of it and of the groups below. Confidential."""

    group_id: str
    registered: Annotated[bool, Field(description="false: customers name it, and nobody has registered it")]
    name: str | None
    parent_group_id: Annotated[str | None, Field(description="null where it has none, or lies on a cycle")]
    cycle: Annotated[list[str], Field(description="groups that lie below each other, this one among them")]
    groups: Annotated[list[str], Field(description="the groups below it, five levels at most")]
    members: int
    tiers: Annotated[dict[Tier, int], Field(description="members by tier")]
    net_365d: Annotated[dict[str, Money], Field(description="by currency")]
    at_risk: int
    concerns_open: int
    concerns_overdue: int
    kcr_mean: Annotated[str | None, Field(description="key relationship, of the members where it is known")]
    kcr_least: str | None
    plans_lapsed: int
    as_of: Annotated[datetime | None, Field(description="the least of its members' rows")]
    incomplete: Annotated[list[str], Field(description="members of whom a row stands still or is not there yet")]
    customers: list[GroupMember]


class Assessment(Frozen):
    """The relationship with a strategic or partner customer. Confidential."""

    customer: str
    name: str | None
    customer_tier: Tier
    persons_met_365d: int
    departments_met_365d: list[str]
    key_relationship: float | None
    kcr_cause: Literal["erasure"] | None
    deciders: int
    deciders_met_90d: int
    deciders_never_met: list[str]
    executive_meetings_365d: int
    executive_meetings_owed: int
    company_tours_365d: int
    key_persons: list[Json]
    owners: Owners
    owned_by: list[str] | None


class Drop(Frozen):
    """A customer whose score has fallen: by instrument `this_year`, `last_year` and whether it `dropped`."""

    customer: str
    name: str | None
    customer_tier: Tier
    nps: Json | None
    csat: Json | None
    ces: Json | None
    owners: Owners
    owned_by: list[str] | None


class Goal(Frozen):
    """A goal of a customer or a representative."""

    subject: str
    scope: Literal["customer", "representative"]
    metric: str
    baseline: float
    target: float
    due_on: date
    value: float | None
    progress: float | None
    outcome: float | None
    outcome_progress: float | None


class RepWeek(Fresh):
    """A representative's ISO week."""

    week: Annotated[str, Field(examples=["2026-W47"])]
    from_on: date
    to_on: date
    representative: str
    team: str | None
    role: Literal["account_manager", "product_manager"]
    fte: float
    days_worked: float
    owned_general: int | None
    target: int | None
    exempt: Literal["no_days", "none_owned"] | None
    counted: int
    met: bool | None
    customers: list[str]
    visits: list[Json]
    uncounted: int
    flags: Json
    coverage_90d: float | None
    covered_90d: int
    closed: Json | None
    restated: bool


class Staffing(Fresh):
    """Visits a week that the tiers ask for, and what the roster can do."""

    customers: int
    tiers: list[Json]
    asked_per_week: float
    representatives: int
    fte: float
    can_per_week: float
    short_per_week: float


class TierTotal(Row):
    """How many customers a tier has."""

    tier: Tier
    customers: int
    net_365d: Money
    currency: str


class TierCare(Fresh):
    """Satisfaction and concerns of a tier's customers."""

    tier: Tier
    customers: int
    nps: Json
    csat: Json
    ces: Json
    concerns: Json


class TierQuarter(Row):
    """Answers of a tier's customers in one calendar quarter."""

    tier: Annotated[Tier, Field(description="of the customers now")]
    instrument: Literal["nps", "csat", "ces"]
    quarter: Annotated[str, Field(examples=["2026-Q1"])]
    n: int
    value: float | None


class Coverage(Row):
    """An ISO week of all representatives together."""

    week: str
    representatives: int
    exempt: int
    met: int
    target: int
    counted: int


class Fate(Row):
    """What became of an event."""

    source: str
    id: str
    status: Literal["accepted", "refused", "duplicate"]
    accepted_at: Annotated[
        str | None, Field(description="token of where it stands, on the inbox or the log; wait with after=")
    ]
    code: Annotated[str | None, Field(description="why it was refused")]
    field: Annotated[str | None, Field(description="dotted path of what was wrong")]
    hint: str | None
    judged_at: datetime | None
    folded_by: Annotated[list[str], Field(description="services that show it already")]
    customer: Annotated[str | None, Field(description="of a record with an id of its own; so are those below")]
    record: Annotated[list[str] | None, Field(description="the record's business id")]
    revision: int | None
    recorded_at: Annotated[datetime | None, Field(description="when it came to the log")]
    revised: Annotated[Json | None, Field(description="the revision that has replaced it")]
    voided: Annotated[Json | None, Field(description="the revision that has voided it")]
    decisions: Annotated[
        list[Json] | None,
        Field(description="of tiering that it set off; null for keys that may not read all customers"),
    ]


class Rejection(Row):
    """What admission refused, for 30 days: the last refusal of each event. What came right since is listed still; its
    fate says so.
    """

    id: Annotated[str, Field(description="of the refusal")]
    at: Annotated[datetime, Field(description="when it came to the inbox")]
    position: Annotated[str, Field(description="on the inbox, as `guanxi rejected` takes it", examples=["1/3/42"])]
    code: Annotated[str, Field(description="why (docs/integrators.md)")]
    field: Annotated[str, Field(description="dotted path of what was wrong; empty for the event as a whole")]
    hint: str
    source: Annotated[str | None, Field(description="null where none could be read")]
    event: Annotated[str | None, Field(description="the event's id; null where none could be read")]
    subject: str | None


class Policy(Row):
    """An adopted policy."""

    policy: str
    version: int
    effective_on: Annotated[date, Field(description="its first day; the first policy holds from the beginning")]
    adopted_at: datetime
    text: Annotated[str, Field(description="of the policy file")]


class Finding(Row):
    """What `guanxi doctor` found when it was last run."""

    at: Annotated[datetime, Field(description="when it was run")]
    check: str
    found: Literal["wrong", "warning", "unchecked", "ok"]
    what: Annotated[str, Field(description="with figures")]
    why: Annotated[str | None, Field(description="why it matters; null where nothing is wrong")]
    do: Annotated[str | None, Field(description="what to do; null where nothing is wrong")]


class Explanation(Row):
    """Why a customer has its tier: now, or what held on a day by what had been decided by then."""

    customer: str
    on: date | None
    known_at: datetime | None
    tier: Tier
    computed_tier: Tier
    since: date | None
    before: Tier | None
    cause: str | None
    proposed_tier: Tier | None
    entitled_tier: Tier
    entitled_until: date | None
    entitlements: Json | None
    decision: Annotated[Json | None, Field(description="the last change up to then; null before the first one")]
    would_change: Annotated[Json | None, Field(description="what would change the tier; null for a past day")]
    would_change_as_of: Annotated[date | None, Field(description="the day by which that was worked out")]


class JobProgress(Row):
    """How far a job is."""

    done: int
    total: Annotated[int, Field(description="0 while nobody knows")]
    text: Annotated[str, Field(description="of the step that it is at")]


class JobError(Row):
    """Why a job failed, or why it is tried again."""

    code: str
    detail: str


class Job(Row):
    """A long job."""

    id: str
    kind: Literal["export", "verify", "simulate", "adopt", "import_preview", "import", "fix"]
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    parameters: Annotated[Json, Field(description="as asked for; a list leaves out the text of a policy")]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: Annotated[datetime | None, Field(description="when it and its result are removed")]
    attempts: int
    cancelling: Annotated[bool, Field(description="it is to end, and its worker has not ended it yet")]
    progress: JobProgress
    error: JobError | None
    result: Annotated[
        Json | None,
        Field(
            description="what its result is: bytes, sha256, filename, media_type; of an export also rows, position, "
            "exact, columns; of verify, differences and the first findings; of simulate, the summary"
        ),
    ]
