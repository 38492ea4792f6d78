"""Rows of what is known and planned of a customer: persons, profiles, grants, group plans, services, groups."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from services.query.api.rows.base import Frozen, Json, Money, Owners, Row
from shared.events.types import Tier


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
