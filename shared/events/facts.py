"""The facts that upstream systems send, as domain.md lists them: one model per type, the shape of `data`.

These are the shapes on the log. Where a fact names a person, the log has the person's id only (domain.md, People);
the variants with names, which the doors take, stand in `shared.events.named`.
"""

from datetime import date
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.events.types import (
    WHOLE,
    Amount,
    CurrencyCode,
    Day,
    Fte,
    Id,
    MarginRate,
    Measure,
    Name,
    Part,
    Points,
    Text,
    Tier,
)

MAX_PARTICIPANTS = 50
MAX_ATTENDEES = 100
MAX_FOLLOW_UPS = 50
MAX_OVERRIDE_DAYS = 365

Role = Literal["account_manager", "product_manager", "executive", "engineer"]
VisitKind = Literal[
    "routine", "executive", "company_tour", "reference_site", "technical_exchange", "exhibition", "workshop"
]
Channel = Literal["onsite", "hosted", "video", "phone", "chat"]
RecordKind = Literal[
    "visit", "purchase", "refund", "invoice", "payment", "payment_part", "credit", "survey", "concern", "absence"
]


class Fact(BaseModel):
    """Base of all facts. `occurred_on` is for sources that know days only; it wins over `time` for day sums."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    UNDO_LEAVES_OUT: ClassVar[frozenset[str]] = frozenset()
    """Fields not needed to undo this fact (left out of claims and `replaces`)."""

    NULL_CLEARS: ClassVar[bool] = False
    """Whether null clears a field; elsewhere null is the same as absent."""

    occurred_on: Day | None = None

    def day(self, default: date) -> date:
        """The business day on which this counts: `occurred_on`, else the given day of the envelope's time."""
        return self.occurred_on or default


class CustomerRegistered(Fact):
    """A customer became known, or its master data changed: fields given win, an explicit null clears."""

    NULL_CLEARS = True

    name: Name
    industry: Name | None = None
    country: Name | None = None
    region: Name | None = None
    group_id: Id | None = None


class AccountAssigned(Fact):
    """Who owns a customer from a day on; an explicit null ends the ownership of that role."""

    NULL_CLEARS = True

    account_manager: Id | None = None
    product_manager: Id | None = None
    from_on: Day


class RepresentativeRegistered(Fact):
    """A representative joined or changed; the subject is the representative. The name is in `people`. Amended field by
    field: an absent one stays as it is, null clears; fte is 1 until said.
    """

    NULL_CLEARS = True

    role: Role
    team: Name | None = None
    manager: Id | None = None
    fte: Fte | None = None
    active_from: Day
    active_until: Day | None = None


class RepresentativeAbsent(Fact):
    """A representative does not work from a day to a day, both included, nor for a part of each of these days."""

    absence_id: Id
    from_on: Day
    to_on: Day
    reason: Name | None = None
    part: Part | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.to_on < self.from_on:
            raise ValueError("to_on is before from_on")
        return self


class Participant(BaseModel):
    """One of ours at a visit, in the role they took there."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)
    rep_id: Id
    role: Role


class Attendee(BaseModel):
    """One of the customer's at a visit; without a person_id only the department counts."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)
    person_id: Id | None = None
    department: Name | None = None
    level: Name | None = None


class FollowUp(BaseModel):
    """Something promised at a visit."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)
    what: Text
    owner: Id | None = None
    due_on: Day | None = None


class VisitLogged(Fact):
    """A contact with a customer took place."""

    UNDO_LEAVES_OUT = frozenset({"purpose", "needs", "consensus", "follow_ups"})

    visit_id: Id
    kind: VisitKind
    channel: Channel
    participants: Annotated[tuple[Participant, ...], Field(min_length=1, max_length=MAX_PARTICIPANTS)]
    attendees: Annotated[tuple[Attendee, ...], Field(max_length=MAX_ATTENDEES)] = ()
    purpose: Text | None = None
    needs: Text | None = None
    consensus: Text | None = None
    follow_ups: Annotated[tuple[FollowUp, ...], Field(max_length=MAX_FOLLOW_UPS)] = ()


class PurchaseRecorded(Fact):
    """The customer bought for an amount above zero."""

    purchase_id: Id
    amount: Amount
    currency: CurrencyCode
    margin_rate: MarginRate | None = None
    product_line: Name | None = None


class PurchaseRefunded(Fact):
    """Money went back. It counts on `purchased_on` if given, else on its own day."""

    refund_id: Id
    amount: Amount
    currency: CurrencyCode
    purchase_id: Id | None = None
    purchased_on: Day | None = None


class InvoiceIssued(Fact):
    """An invoice is owed by a day. It pairs with InvoicePaid by source and invoice_id, in either order."""

    invoice_id: Id
    amount: Amount
    currency: CurrencyCode
    due_on: Day


class InvoicePaid(Fact):
    """All that is left of an invoice was paid; or, with `payment_id`, `amount` and `currency`, a part of it."""

    invoice_id: Id
    paid_on: Day
    payment_id: Id | None = None
    amount: Amount | None = None
    currency: CurrencyCode | None = None


class InvoiceCredited(Fact):
    """Less is owed of an invoice."""

    credit_id: Id
    invoice_id: Id
    amount: Amount
    currency: CurrencyCode
    credited_on: Day


class CreditRated(Fact):
    """A credit grade; it caps the payment factor and ends at valid_until only."""

    grade: Points
    limit: Amount | None = None
    agency: Name | None = None
    valid_until: Day | None = None


class AccountRated(Fact):
    """A person's rating of an account; each factor lapses after 365 days or at valid_until. Null clears a factor."""

    NULL_CLEARS = True

    rated_by: Id
    approved_by: Id | None = None
    strategic_fit: Points | None = None
    market_standing: Points | None = None
    share_of_wallet: Points | None = None
    valid_until: Day | None = None


class KeyPersonAssessed(Fact):
    """A person of the customer's decision chain. Name and title are in `people`."""

    NULL_CLEARS = True

    person_id: Id
    department: Name | None = None
    decision_role: Literal["approve", "decide", "support", "influence"]
    attitude: Annotated[int, Field(strict=True, ge=-1, le=3), WHOLE] | None = None
    assessed_by: Id
    left: Annotated[bool, Field(strict=True)] | None = None


class SatisfactionSurveyed(Fact):
    """An answer to a satisfaction survey; higher is better on each instrument's scale."""

    SCALES: ClassVar[dict[str, tuple[int, int]]] = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}

    survey_id: Id
    instrument: Literal["nps", "csat", "ces"]
    score: Annotated[int, Field(strict=True), WHOLE]
    expectation: Annotated[int, Field(strict=True), WHOLE] | None = None
    person_id: Id | None = None
    touchpoint: Name | None = None

    @model_validator(mode="after")
    def _on_scale(self) -> Self:
        low, high = self.SCALES[self.instrument]
        for field, value in (("score", self.score), ("expectation", self.expectation)):
            if value is not None and not low <= value <= high:
                raise ValueError(f"{field} of {self.instrument} must be from {low} to {high}")
        return self


class ConcernRaised(Fact):
    """The customer is unhappy with something or struggles with it."""

    concern_id: Id
    kind: Literal["complaint", "difficulty"]
    severity: Literal["critical", "major", "minor"]
    about: Text


class ConcernResolved(Fact):
    """We answered a concern; it stays open until the customer confirms."""

    concern_id: Id
    resolution: Text


class ConcernConfirmed(Fact):
    """The customer accepted or refused the answer. `confirmed_by` is a person of the customer, by id."""

    concern_id: Id
    accepted: Annotated[bool, Field(strict=True)]
    confirmed_by: Id


class TierOverridden(Fact):
    """A tier set by hand, by one person and approved by another, until a day."""

    tier: Tier
    reason: Text
    requested_by: Id
    approved_by: Id
    expires_on: Day


class TierOverrideLifted(Fact):
    """The override ends before its day."""

    reason: Text
    lifted_by: Id


class TierApproved(Fact):
    """An open proposal of strategic is approved; `proposal_version` names it."""

    proposal_version: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1), WHOLE]
    approved_by: Id
    reason: Text | None = None


class TierDeclined(Fact):
    """An open proposal of strategic is declined."""

    proposal_version: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1), WHOLE]
    declined_by: Id
    reason: Text | None = None


CUSTOMER_METRICS = frozenset({"score", "net_365d", "kcr", "nps", "csat", "ces", "adherence", "loop_rate"})
REPRESENTATIVE_METRICS = frozenset({"counted", "coverage_90d"})


class GoalSet(Fact):
    """A goal for the subject, a customer or a representative as `scope` says; the latest per metric holds."""

    scope: Literal["customer", "representative"]
    metric: Literal[
        "score",
        "net_365d",
        "kcr",
        "nps",
        "csat",
        "ces",
        "adherence",
        "loop_rate",
        "counted",
        "coverage_90d",
    ]
    baseline: Measure
    target: Measure
    due_on: Day

    @model_validator(mode="after")
    def _metric_of_scope(self) -> Self:
        metrics = CUSTOMER_METRICS if self.scope == "customer" else REPRESENTATIVE_METRICS
        if self.metric not in metrics:
            raise ValueError(f"the metric of a {self.scope} must be one of {', '.join(sorted(metrics))}")
        if self.target == self.baseline:
            raise ValueError("target must differ from baseline")
        return self


INVOICE_PARTS: frozenset[RecordKind] = frozenset({"payment_part", "credit"})
"""Kinds of records that are identified by their invoice's id and their own."""


class RecordVoided(Fact):
    """A record counts no more: a revision (of at least 2) without content. `invoice_id` goes with what is a part of an
    invoice, kinds payment_part and credit, whose `record_id` is the payment_id or credit_id.
    """

    kind: RecordKind
    record_id: Id
    reason: Name
    invoice_id: Id | None = None


class CustomerRepaired(Fact):
    """Internal: who was frozen by a record that could not be folded shall be folded afresh from the log up to here. It
    is a mark and no fact: it moves no clock and changes no state.
    """

    scope: Literal["customer", "representative"] = "customer"


class CustomerReviewed(Fact):
    """Internal: a customer's day has come; folding it moves the clock and nothing else."""
