"""Rows of customers and their tiers: what they are, were and are explained by; and the policies behind them."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from services.query.api.rows.base import Frozen, Json, Money, Row
from shared.events.types import Tier


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


class TierTotal(Row):
    """How many customers a tier has."""

    tier: Tier
    customers: int
    net_365d: Money
    currency: str


class Policy(Row):
    """An adopted policy."""

    policy: str
    version: int
    effective_on: Annotated[date, Field(description="its first day; the first policy holds from the beginning")]
    adopted_at: datetime
    text: Annotated[str, Field(description="of the policy file")]


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
