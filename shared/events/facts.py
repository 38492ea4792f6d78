"""The facts that upstream systems send, as domain.md lists them: one model per type, the shape of `data`.

These are the shapes on the log. Where a fact names a person, the log has the person's id only (domain.md, People);
the variants with names, which the doors take, stand in `shared.events.named`. Free text is `Written`: the log has a
reference to it (`shared.events.texts`).
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
    Grade,
    Id,
    MarginRate,
    Measure,
    Name,
    Part,
    PersonsKey,
    Points,
    ProfileKind,
    Section,
    Tier,
    Written,
    WrittenLine,
)

MAX_PARTICIPANTS = 50
MAX_ATTENDEES = 100
MAX_FOLLOW_UPS = 50
MAX_OVERRIDE_DAYS = 365
MAX_PROFILE_ITEMS = 40
MAX_MENTIONS = 50
"""Persons whom one item of a profile may mention."""
MAX_GRANT_DAYS = 90
MAX_PLAN_DAYS = 366
MAX_OBJECTIVES = 20
MAX_STEPS = 100
MAX_COVERED = 50
"""Further customers whom one group plan covers."""
MAX_ALSO = 50
"""Further subjects of whom one event erases a person."""
MAX_QUANTITY = 1000
"""Of one delivery of a service."""
MAX_RESTRICT_DAYS = 3660
"""A person's data may be kept from sight, instead of erased, for ten years at most."""
MAX_SEALED_HEADS = 1_000
"""Of one seal of the trail: more chains than that need several."""
MAX_SEAL_PARTS = 1_000
"""Seals of one day."""

Observed = Annotated[int, Field(strict=True, ge=0, le=3), WHOLE]
"""How much of something was observed: 0 none, 3 most."""
Role = Literal["account_manager", "product_manager", "executive", "engineer"]
VisitKind = Literal[
    "routine", "executive", "company_tour", "reference_site", "technical_exchange", "exhibition", "workshop"
]
Channel = Literal["onsite", "hosted", "video", "phone", "chat"]
RecordKind = Literal[
    "visit",
    "purchase",
    "refund",
    "invoice",
    "payment",
    "payment_part",
    "credit",
    "survey",
    "concern",
    "absence",
    "grant",
    "plan",
    "step",
    "plan_review",
    "delivery",
]
Dimension = Literal["key", "breadth", "organisational", "satisfaction"]


class Fact(BaseModel):
    """Base of all facts. `occurred_on` is for sources that know days only; it wins over `time` for day sums."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, defer_build=True)

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


class GroupRegistered(Fact):
    """A group of customers became known, or was renamed or moved: fields given win, an explicit null clears. Customers
    name their group themselves (CustomerRegistered).
    """

    NULL_CLEARS = True

    name: Name
    parent_group_id: Id | None = None


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
    reason: WrittenLine | None = None
    part: Part | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.to_on < self.from_on:
            raise ValueError("to_on is before from_on")
        return self


class Participant(BaseModel):
    """One of ours at a visit, in the role they took there."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, defer_build=True)
    rep_id: Id
    role: Role


class Attendee(BaseModel):
    """One of the customer's at a visit; without a person_id only the department counts."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, defer_build=True)
    person_id: Id | None = None
    department: Name | None = None
    level: Name | None = None


class FollowUp(BaseModel):
    """Something promised at a visit."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, defer_build=True)
    what: Written
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
    purpose: Written | None = None
    needs: Written | None = None
    consensus: Written | None = None
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


class Basis(BaseModel):
    """What an attitude was judged by, each from 0 (none) to 3: how far the person accepts us, takes part, informs us,
    guides us, and stands by us against competitors.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, defer_build=True)
    acceptance: Observed
    participation: Observed
    information: Observed
    guidance: Observed
    competition: Observed


class KeyPersonAssessed(Fact):
    """A person of the customer's decision chain. Name and title are in `people`. basis: goes with the attitude, which
    is shown as unfounded without it.
    """

    NULL_CLEARS = True

    person_id: Id
    department: Name | None = None
    decision_role: Literal["approve", "decide", "support", "influence"]
    attitude: Annotated[int, Field(strict=True, ge=-1, le=3), WHOLE] | None = None
    basis: Basis | None = None
    assessed_by: Id
    left: Annotated[bool, Field(strict=True)] | None = None

    @model_validator(mode="after")
    def _basis_of_an_attitude(self) -> Self:
        if self.basis is not None and self.attitude is None:
            raise ValueError("a basis needs the attitude that was judged by it")
        return self


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
    about: Written


class ConcernResolved(Fact):
    """We answered a concern; it stays open until the customer confirms."""

    concern_id: Id
    resolution: Written


class ConcernConfirmed(Fact):
    """The customer accepted or refused the answer. `confirmed_by` is a person of the customer, by id."""

    concern_id: Id
    accepted: Annotated[bool, Field(strict=True)]
    confirmed_by: Id


class TierOverridden(Fact):
    """A tier set by hand, by one person and approved by another, until a day."""

    tier: Tier
    reason: Written
    requested_by: Id
    approved_by: Id
    expires_on: Day


class TierOverrideLifted(Fact):
    """The override ends before its day."""

    reason: Written
    lifted_by: Id


class TierApproved(Fact):
    """An open proposal of strategic is approved; `proposal_version` names it."""

    proposal_version: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1), WHOLE]
    approved_by: Id
    reason: Written | None = None


class TierDeclined(Fact):
    """An open proposal of strategic is declined."""

    proposal_version: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1), WHOLE]
    declined_by: Id
    reason: Written | None = None


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


class ProfileItem(BaseModel):
    """One item of a profile: a text, or that nothing is known after looking (`none_known`); a null text clears it.
    observed_on: when it was seen, if that was earlier; mentions: the persons whom the text names.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, defer_build=True)
    item: Id
    text: Written | None = None
    none_known: Annotated[bool, Field(strict=True)] = False
    observed_on: Day | None = None
    mentions: Annotated[tuple[Id, ...], Field(max_length=MAX_MENTIONS)] = ()

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.none_known and self.text is not None:
            raise ValueError("an item has a text or none_known, not both")
        if not self.none_known and "text" not in self.model_fields_set:
            raise ValueError("an item needs its text, null to clear it, or none_known")
        return self


class OfProfile(Fact):
    """Base of facts about a profile: of the customer (cp), or of one vendor at that customer (vp)."""

    profile: ProfileKind
    vendor_id: Id | None = None

    @model_validator(mode="after")
    def _of_a_vendor(self) -> Self:
        if (self.profile == "vp") != (self.vendor_id is not None):
            raise ValueError("the profile vp needs a vendor_id, and cp takes none")
        return self


class ProfileRevised(OfProfile):
    """Items of a profile were written or amended: each by itself, those not named stay. A grade replaces the one
    before, with its last day; null clears it.
    """

    NULL_CLEARS = True

    template: Id
    items: Annotated[tuple[ProfileItem, ...], Field(max_length=MAX_PROFILE_ITEMS)] = ()
    grade: Grade | None = None
    grade_until: Day | None = None
    revised_by: Id

    @model_validator(mode="after")
    def _says_something_once(self) -> Self:
        if not self.items and "grade" not in self.model_fields_set:
            raise ValueError("a revision needs items or a grade")
        if len({one.item for one in self.items}) < len(self.items):
            raise ValueError("an item is named twice in items")
        if self.grade_until is not None and self.grade is None:
            raise ValueError("grade_until needs the grade that it limits")
        return self


class ProfileReviewed(OfProfile):
    """Sections of a profile were read again, and nothing has changed."""

    sections: Annotated[tuple[Section, ...], Field(min_length=1, max_length=5)]
    reviewed_by: Id


class AccessGranted(Fact):
    """A person may read the texts of a customer's profiles up to a grade, through a day; its void revokes it."""

    grant_id: Id
    grantee: Id
    max_grade: Grade
    purpose: Written
    approved_by: Id
    expires_on: Day


class Objective(BaseModel):
    """What a group plan wants to reach by a day. metric: as measured (domain.md, Planning); one that guanxi does not
    measure is taken and flagged. person_id: whose attitude; baseline: that of the plan's first day unless given.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, defer_build=True)
    objective_id: Id
    dimension: Dimension
    metric: Id
    person_id: Id | None = None
    baseline: Measure | None = None
    target: Measure
    due_on: Day


class PlanStep(BaseModel):
    """One action towards an objective, who does it and by when."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, defer_build=True)
    step_id: Id
    objective_id: Id
    what: Written
    owner: Id
    due_on: Day
    person_id: Id | None = None


class GroupPlanAgreed(Fact):
    """The plan of a strategic or partner customer for a year at most: objectives and steps towards them. covers:
    further customers whom it plans for.
    """

    UNDO_LEAVES_OUT = frozenset({"market_goal", "objectives", "steps"})

    plan_id: Id
    from_on: Day
    to_on: Day
    market_goal: Written | None = None
    objectives: Annotated[tuple[Objective, ...], Field(max_length=MAX_OBJECTIVES)] = ()
    steps: Annotated[tuple[PlanStep, ...], Field(max_length=MAX_STEPS)] = ()
    covers: Annotated[tuple[Id, ...], Field(max_length=MAX_COVERED)] = ()
    agreed_by: Id
    approved_by: Id


class PlanCovered(Fact):
    """Internal: the plan of another customer covers this one from a day through another; without days it covers it no
    more. Admission makes it of each customer in the plan's `covers`; the event's revision is that of the plan.
    """

    plan_id: Id
    customer: Id
    from_on: Day | None = None
    to_on: Day | None = None


class PlanStepDone(Fact):
    """A step of a plan was done on a day, by a visit or a delivery perhaps."""

    done_id: Id
    plan_id: Id
    step_id: Id
    done_on: Day
    visit_id: Id | None = None
    delivery_id: Id | None = None
    done_by: Id


class PlanReviewed(Fact):
    """A plan was reviewed, with what was found."""

    review_id: Id
    plan_id: Id
    findings: Written
    reviewed_by: Id


class ServiceDelivered(Fact):
    """A supporting service was given to a customer, for one of its difficulties perhaps."""

    UNDO_LEAVES_OUT = frozenset({"outcome"})

    delivery_id: Id
    service: Id
    quantity: Annotated[int, Field(strict=True, ge=1, le=MAX_QUANTITY), WHOLE] = 1
    rep_id: Id | None = None
    concern_id: Id | None = None
    outcome: Written | None = None


class PersonErased(Fact):
    """A person of a customer, or a representative (`scope`), is to be erased; or, with the mode `restrict`, kept from
    sight through a day, where a law forbids erasing, and erased on the day after it. Folded as if the person had left.
    also: further subjects of whom the person is one, as keys of the log; each gets the same event.
    """

    scope: Literal["customer", "representative"] = "customer"
    person_id: Id
    requested_on: Day
    basis: Literal["gdpr_17", "pipl_47", "other"]
    mode: Literal["erase", "restrict"]
    until: Day | None = None
    also: Annotated[tuple[PersonsKey, ...], Field(min_length=1, max_length=MAX_ALSO)] | None = None
    decided_by: Id

    @model_validator(mode="after")
    def _until_goes_with_restrict(self) -> Self:
        if (self.mode == "restrict") != (self.until is not None):
            raise ValueError("the mode restrict needs until, its last day, and erase takes none")
        return self


INVOICE_PARTS: frozenset[RecordKind] = frozenset({"payment_part", "credit"})
"""Kinds of records that are identified by their invoice's id and their own."""


class RecordVoided(Fact):
    """A record counts no more: a revision (of at least 2) without content. `invoice_id` goes with what is a part of an
    invoice, kinds payment_part and credit, whose `record_id` is the payment_id or credit_id.
    """

    kind: RecordKind
    record_id: Id
    reason: WrittenLine
    invoice_id: Id | None = None


class CustomerRepaired(Fact):
    """Internal: who was frozen by a record that could not be folded shall be folded afresh from the log up to here. It
    is a mark and no fact: it moves no clock and changes no state.
    """

    scope: Literal["customer", "representative", "group"] = "customer"


class SealedHead(BaseModel):
    """The last entry of one reader's chain on a day: its number and hash, and not whose it is."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)
    seq: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1), WHOLE]
    hash: Annotated[str, Field(strict=True, pattern=r"^[0-9a-f]{64}$")]


class TrailSealed(Fact):
    """Internal: where the trail's chains ended on a day of UTC, of those that grew on it: what is removed, changed or
    put in later is found by it. Of many chains a day has several, by part.
    """

    sealed_on: Day
    part: Annotated[int, Field(strict=True, ge=1, le=MAX_SEAL_PARTS), WHOLE]
    parts: Annotated[int, Field(strict=True, ge=1, le=MAX_SEAL_PARTS), WHOLE]
    heads: Annotated[tuple[SealedHead, ...], Field(max_length=MAX_SEALED_HEADS)]


class CustomerReviewed(Fact):
    """Internal: a customer's day has come; folding it moves the clock and nothing else."""
