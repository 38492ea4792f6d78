"""Rows of contact and care: engagement, plan, concerns, satisfaction, goals, weeks of representatives, boards."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from services.query.api.rows.base import Fresh, Frozen, Json, Owners, Row
from shared.events.types import Tier

Severity = Literal["critical", "major", "minor"]
Status = Literal["on_track", "due_soon", "lapsed"]


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
