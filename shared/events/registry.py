"""Every event type once: its name on the wire, its models, what it is about and how it is identified."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import BaseModel

from shared.events import decisions, facts, named
from shared.events.facts import Fact, RecordKind
from shared.events.texts import as_sent

SubjectKind = Literal["customer", "representative", "group", "trail"]
RECORD_KINDS: tuple[RecordKind, ...] = get_args(RecordKind)


@dataclass(frozen=True, slots=True)
class FactType:
    """One fact. `door` is what upstream sends, `fact` what stands on the log; `kind` and `id_fields` for records with a
    business id. `internal` types come from guanxi itself and are refused at the HTTP and file doors; what is
    `derived` admission makes of another event, and the inbox takes it from nobody; those of a
    `steward` are taken from the HTTP door alone, by a key with the scope for it (what is internal too, from ingest
    itself).
    """

    name: str
    fact: type[Fact]
    door: type[Fact]
    kind: RecordKind | None = None
    id_fields: tuple[str, ...] = ()
    subject: SubjectKind = "customer"
    internal: bool = False
    derived: bool = False
    steward: bool = False
    names_persons: bool = False

    @property
    def is_live(self) -> bool:
        """Whether it says that something happened, other than history: not a review or a marker."""
        return self.derived or not self.internal

    @property
    def is_claimed(self) -> bool:
        """Whether it is remembered, so that a repeat is a duplicate; reviews and markers may come again."""
        return self.steward or not self.internal


def _fact(
    name: str,
    fact: type[Fact],
    *,
    door: type[Fact] | None = None,
    record: tuple[RecordKind, *tuple[str, ...]] | None = None,
    subject: SubjectKind = "customer",
    internal: bool = False,
    derived: bool = False,
    steward: bool = False,
) -> FactType:
    kind, *id_fields = record or (None,)
    name, sent, named = f"guanxi.{name}.v1", as_sent(door or fact), door is not None
    return FactType(name, fact, sent, kind, tuple(id_fields), subject, internal, derived, steward, named)


_ALL = (
    _fact("customer.registered", facts.CustomerRegistered),
    _fact("account.assigned", facts.AccountAssigned),
    _fact(
        "representative.registered",
        facts.RepresentativeRegistered,
        door=named.NamedRepresentativeRegistered,
        subject="representative",
    ),
    _fact(
        "representative.absent",
        facts.RepresentativeAbsent,
        record=("absence", "absence_id"),
        subject="representative",
    ),
    _fact("group.registered", facts.GroupRegistered, subject="group"),
    _fact("visit.logged", facts.VisitLogged, door=named.NamedVisitLogged, record=("visit", "visit_id")),
    _fact("purchase.recorded", facts.PurchaseRecorded, record=("purchase", "purchase_id")),
    _fact("purchase.refunded", facts.PurchaseRefunded, record=("refund", "refund_id")),
    _fact("invoice.issued", facts.InvoiceIssued, record=("invoice", "invoice_id")),
    _fact("invoice.paid", facts.InvoicePaid, record=("payment", "invoice_id")),
    _fact("invoice.credited", facts.InvoiceCredited, record=("credit", "invoice_id", "credit_id")),
    _fact("credit.rated", facts.CreditRated),
    _fact("account.rated", facts.AccountRated),
    _fact("key_person.assessed", facts.KeyPersonAssessed, door=named.NamedKeyPersonAssessed),
    _fact("satisfaction.surveyed", facts.SatisfactionSurveyed, record=("survey", "survey_id")),
    _fact("concern.raised", facts.ConcernRaised, record=("concern", "concern_id")),
    _fact("concern.resolved", facts.ConcernResolved),
    _fact("concern.confirmed", facts.ConcernConfirmed),
    _fact("tier.overridden", facts.TierOverridden),
    _fact("tier_override.lifted", facts.TierOverrideLifted),
    _fact("tier.approved", facts.TierApproved),
    _fact("tier.declined", facts.TierDeclined),
    _fact("goal.set", facts.GoalSet),
    _fact("profile.revised", facts.ProfileRevised),
    _fact("profile.reviewed", facts.ProfileReviewed),
    _fact("access.granted", facts.AccessGranted, record=("grant", "grant_id"), steward=True),
    _fact("group_plan.agreed", facts.GroupPlanAgreed, record=("plan", "plan_id")),
    _fact("plan.covered", facts.PlanCovered, internal=True, derived=True),
    _fact("plan_step.done", facts.PlanStepDone, record=("step", "done_id")),
    _fact("plan.reviewed", facts.PlanReviewed, record=("plan_review", "review_id")),
    _fact("service.delivered", facts.ServiceDelivered, record=("delivery", "delivery_id")),
    _fact("person.erased", facts.PersonErased, steward=True),
    _fact("record.voided", facts.RecordVoided),
    _fact("trail.sealed", facts.TrailSealed, subject="trail", internal=True, steward=True),
    _fact("customer.reviewed", facts.CustomerReviewed, internal=True),
    _fact("customer.repaired", facts.CustomerRepaired, internal=True),
)

FACTS: dict[str, FactType] = {entry.name: entry for entry in _ALL}
DECISIONS: dict[str, type[decisions.Decision]] = {
    "guanxi.tier.changed.v1": decisions.TierChanged,
    "guanxi.tier.proposed.v1": decisions.TierProposed,
    "guanxi.contact.lapsed.v1": decisions.ContactLapsed,
    "guanxi.contact.resumed.v1": decisions.ContactResumed,
    "guanxi.satisfaction.dropped.v1": decisions.SatisfactionDropped,
    "guanxi.concern.overdue.v1": decisions.ConcernOverdue,
    "guanxi.relationship.measured.v1": decisions.RelationshipMeasured,
    "guanxi.profile.lapsed.v1": decisions.ProfileLapsed,
    "guanxi.profile.restored.v1": decisions.ProfileRestored,
    "guanxi.plan.lapsed.v1": decisions.PlanLapsed,
    "guanxi.plan.resumed.v1": decisions.PlanResumed,
    "guanxi.plan_step.overdue.v1": decisions.PlanStepOverdue,
    "guanxi.plan_review.lapsed.v1": decisions.PlanReviewLapsed,
}
MODELS: dict[str, type[BaseModel]] = {name: entry.fact for name, entry in FACTS.items()} | dict(DECISIONS)
"""The model of `data` on the log, by type."""
NAMES: dict[type[BaseModel], str] = {model: name for name, model in MODELS.items()}
"""The type's name on the wire, by model."""
FACT_OF_KIND: dict[str, FactType] = {
    **{entry.kind: entry for entry in _ALL if entry.kind},
    "payment_part": FACTS[NAMES[facts.InvoicePaid]],
}
REVIEWED = NAMES[facts.CustomerReviewed]
REPAIRED = NAMES[facts.CustomerRepaired]
ERASED = NAMES[facts.PersonErased]
AGREED = NAMES[facts.GroupPlanAgreed]
COVERED = NAMES[facts.PlanCovered]
VOIDED = NAMES[facts.RecordVoided]
SEALED = NAMES[facts.TrailSealed]


def record_of(entry: FactType, data: Mapping[str, Any]) -> tuple[str, ...] | None:
    """What names a record in all its revisions, beside its source: kind and ids. None for other facts."""
    if entry.fact is facts.RecordVoided:
        invoice_id = data.get("invoice_id")
        return (data["kind"], *(() if invoice_id is None else (invoice_id,)), data["record_id"])
    if entry.fact is facts.InvoicePaid and data.get("payment_id") is not None:
        return "payment_part", data["invoice_id"], data["payment_id"]
    if entry.kind is None:
        return None
    return (entry.kind, *(data[name] for name in entry.id_fields))


def is_of_steward(type_name: str, data: Mapping[str, Any]) -> bool:
    """Whether an event, its void included, needs a steward's key."""
    entry = FACT_OF_KIND[data["kind"]] if type_name == VOIDED else FACTS[type_name]
    return entry.steward


def subject_kind(type_name: str, fact: Fact) -> SubjectKind:
    """Whether the event's subject is a customer, a representative or a group; a few types say so in their data."""
    if isinstance(fact, facts.RecordVoided):
        return FACT_OF_KIND[fact.kind].subject
    if isinstance(fact, facts.GoalSet | facts.CustomerRepaired | facts.PersonErased):
        return fact.scope
    return FACTS[type_name].subject
