"""The decisions that the services add to the log (architecture.md, invariant 6)."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.events.types import Day, ProfileKind, Tier

Cause = Literal["override", "override_ended", "approval", "policy", "first_purchase", "net", "gate", "score"]


class Decision(BaseModel):
    """Base of all decisions.

    version: 1, 2, ... per customer and service, without a gap among the accepted ones;
    after: id of the decision that this one follows, null for the first;
    effective_on: the business day that it was decided as of.
    """

    model_config = ConfigDict(
        extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True, defer_build=True
    )

    version: Annotated[int, Field(ge=1)]
    after: str | None = None
    effective_on: Day


class Grace(BaseModel):
    """The entitlements of a tier that was left, kept through a day."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, defer_build=True)

    tier: Tier
    until: Day


class TierChanged(Decision):
    """The tier or the computed tier of a customer changed, with its full explanation (domain.md, Tiering).

    factors: by name, {value (as measured, null when unknown), points, weight, known}; graces: the entitlements of
    tiers left that run on, of which the highest counts: entitled_tier, through entitled_until; set_off_by: id of the
    event, null when a day came.
    """

    from_tier: Annotated[Tier, Field(alias="from")]
    to_tier: Annotated[Tier, Field(alias="to")]
    cause: Cause
    computed_tier: Tier
    dormant: bool = False
    score: str
    known_weight: int
    factors: dict[str, Any]
    policy: str
    policy_version: int
    set_off_by: str | None = None
    entitled_tier: Tier
    entitled_until: Day | None = None
    graces: tuple[Grace, ...] = ()
    would_change: dict[str, Any] | None = None


class TierProposed(Decision):
    """Entry to strategic awaits approval; null ends the proposal. `answers_seen` is how many answers of the customer
    came before: those are early and ignored.
    """

    proposed_tier: Tier | None
    score: str
    policy: str
    policy_version: int
    answers_seen: int = 0


class ContactLapsed(Decision):
    """No contact within the cadence: the due day has come."""

    due_on: Day
    last_contact_on: Day | None = None
    cadence_days: int
    tier: Tier


class ContactResumed(Decision):
    """The status left lapsed, by a contact or because the tier (or the policy) asks for less. `times`: how often it
    has, this time included.
    """

    cause: Literal["contact", "tier"]
    lapsed_due_on: Day
    last_contact_on: Day | None = None
    times: Annotated[int, Field(ge=1)]


class SatisfactionDropped(Decision):
    """Satisfaction fell: an instrument's year against the year before (`trend`), or one low answer (`answer`).

    trend: `turn` counts the instrument's turns down; `n`, `value`, `n_before`, `value_before` are the two years'
    figures, exact values rounded to 2 decimals. answer: `survey_source`, `survey_id` and `score` name it.
    """

    instrument: Literal["nps", "csat", "ces"]
    kind: Literal["trend", "answer"]
    turn: int | None = None
    n: int | None = None
    value: str | None = None
    n_before: int | None = None
    value_before: str | None = None
    survey_source: str | None = None
    survey_id: str | None = None
    score: int | None = None


class ConcernOverdue(Decision):
    """A concern was not answered within the hours of the customer's tier at raising. `round` is 0 for the first
    promise, and counts the refused answers; `deadline` is an instant.
    """

    concern_id: str
    concern_source: str
    severity: Literal["critical", "major", "minor"]
    tier: Tier
    round: Annotated[int, Field(ge=0)]
    deadline: str


class RelationshipMeasured(Decision):
    """How the relationship stood at the end of the day before `effective_on`: exact values rounded to 2 decimals, null
    where unknown, and numbers of what was met and held (domain.md, Measured relationship).
    """

    kcr: str | None
    departments: Annotated[int, Field(ge=0)]
    persons_met: Annotated[int, Field(ge=0)]
    deciders_met: Annotated[int, Field(ge=0)]
    executive_meetings: Annotated[int, Field(ge=0)]
    adherence: str | None
    nps: str | None
    csat: str | None
    ces: str | None
    loop_rate: str | None


class ProfileLapsed(Decision):
    """An item of a profile is late: the least due day has come. completeness, freshness: percentages with 2 decimals as
    of the day; `late` counts the items that are late.
    """

    profile: ProfileKind
    vendor_id: str | None = None
    due_on: Day
    tier: Tier
    completeness: str
    freshness: str
    late: Annotated[int, Field(ge=1)]


class ProfileRestored(Decision):
    """No item of a profile is late any more, or none is required."""

    profile: ProfileKind
    vendor_id: str | None = None
    lapsed_due_on: Day
    tier: Tier


class PlanLapsed(Decision):
    """A customer that is owed a group plan has had none since `uncovered_from`: the due day has come."""

    due_on: Day
    uncovered_from: Day
    tier: Tier


class PlanResumed(Decision):
    """A plan holds the day again, none is owed, or more time is left."""

    lapsed_due_on: Day
    tier: Tier


class PlanStepOverdue(Decision):
    """A step was not done by its day. original_due: the day first agreed, which later revisions do not move."""

    plan_source: str
    plan_id: str
    step_id: str
    owner: str
    due_on: Day
    original_due: Day
    overdue_days: Annotated[int, Field(ge=1)]
    tier: Tier


class PlanReviewLapsed(Decision):
    """The plan was not reviewed by the day on which its tier asks for it."""

    plan_source: str
    plan_id: str
    due_on: Day
    tier: Tier
