"""The decisions that the services add to the log (architecture.md, invariant 6)."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.events.types import Day, Tier

Cause = Literal["override", "override_ended", "approval", "policy", "first_purchase", "net", "gate", "score"]


class Decision(BaseModel):
    """Base of all decisions.

    version: 1, 2, ... per customer and service, without a gap among the accepted ones;
    after: id of the decision that this one follows, null for the first;
    effective_on: the business day that it was decided as of.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True)

    version: Annotated[int, Field(ge=1)]
    after: str | None = None
    effective_on: Day


class TierChanged(Decision):
    """The tier or the computed tier of a customer changed, with its full explanation (domain.md, Tiering)."""

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
    would_change: dict[str, Any] | None = None


class TierProposed(Decision):
    """Entry to strategic awaits approval; null ends the proposal."""

    proposed_tier: Tier | None
    score: str
    policy: str
    policy_version: int


class ContactLapsed(Decision):
    """No contact within the cadence: the due day has come."""

    due_on: Day
    last_contact_on: Day | None = None
    cadence_days: int
    tier: Tier


class ContactResumed(Decision):
    """The status left lapsed."""

    cause: Literal["contact", "tier"]
    lapsed_due_on: Day


class SatisfactionDropped(Decision):
    """Satisfaction fell, by the instrument's trend or by one low answer."""

    instrument: Literal["nps", "csat", "ces"]
    kind: Literal["trend", "answer"]
    details: dict[str, Any]


class ConcernOverdue(Decision):
    """A concern was not answered within the hours of the customer's tier."""

    concern_id: str
    concern_source: str
    deadline: str
