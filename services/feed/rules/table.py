"""The table of the feed: for each type of record what it touches, what the timeline shows of it, what is public.

A section is a resource of the read API, to be read again after a change that names it. Facts that only readers of
confidential things may see say `other` and nothing more, here and in the timeline. Free texts stand nowhere: they are
referred to by the record's id.
"""

from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from shared.events.decisions import TierChanged
from shared.events.event import Event
from shared.events.facts import RecordVoided
from shared.events.registry import DECISIONS, FACT_OF_KIND

SECTIONS = ("customer", "history", "engagement", "concerns", "goals", "timeline", "other")
"""In the order in which a change names them."""


class Entry(NamedTuple):
    """touches: sections, the timeline aside, which every fact and decision but a confidential one touches; shows: the
    fields of `data` that its line of the timeline has; public: those that a decision's change has, none where no change
    has its type; by: the service that makes such decisions.
    """

    touches: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    by: str = ""


_MONEY = ("customer", "goals")
_OTHER = Entry(("other",))
TABLE: dict[str, Entry] = {
    "guanxi.customer.registered.v1": Entry(
        ("customer", "engagement"), ("name", "industry", "country", "region", "group_id")
    ),
    "guanxi.account.assigned.v1": Entry(("customer", "engagement"), ("account_manager", "product_manager", "from_on")),
    "guanxi.visit.logged.v1": Entry(("engagement", "goals"), ("kind", "channel")),
    "guanxi.purchase.recorded.v1": Entry(_MONEY, ("amount", "currency", "product_line")),
    "guanxi.purchase.refunded.v1": Entry(_MONEY, ("amount", "currency", "purchase_id", "purchased_on")),
    "guanxi.invoice.issued.v1": Entry(_MONEY, ("amount", "currency", "due_on")),
    "guanxi.invoice.paid.v1": Entry(_MONEY, ("amount", "currency", "paid_on")),
    "guanxi.invoice.credited.v1": Entry(_MONEY, ("amount", "currency", "credited_on")),
    "guanxi.credit.rated.v1": _OTHER,
    "guanxi.account.rated.v1": _OTHER,
    "guanxi.key_person.assessed.v1": _OTHER,
    "guanxi.satisfaction.surveyed.v1": Entry(("engagement", "goals"), ("instrument", "score")),
    "guanxi.concern.raised.v1": Entry(("engagement", "concerns", "goals"), ("kind", "severity")),
    "guanxi.concern.resolved.v1": Entry(("engagement", "concerns", "goals"), ("concern_id",)),
    "guanxi.concern.confirmed.v1": Entry(("engagement", "concerns", "goals"), ("concern_id", "accepted")),
    "guanxi.tier.overridden.v1": Entry(("customer",), ("tier", "expires_on", "requested_by", "approved_by")),
    "guanxi.tier_override.lifted.v1": Entry(("customer",), ("lifted_by",)),
    "guanxi.tier.approved.v1": Entry(("customer",), ("proposal_version", "approved_by")),
    "guanxi.tier.declined.v1": Entry(("customer",), ("proposal_version", "declined_by")),
    "guanxi.goal.set.v1": Entry(("goals",), ("metric", "baseline", "target", "due_on")),
    "guanxi.profile.revised.v1": _OTHER,
    "guanxi.profile.reviewed.v1": _OTHER,
    "guanxi.access.granted.v1": _OTHER,
    "guanxi.group_plan.agreed.v1": _OTHER,
    "guanxi.plan.covered.v1": _OTHER,
    "guanxi.plan_step.done.v1": _OTHER,
    "guanxi.plan.reviewed.v1": _OTHER,
    "guanxi.service.delivered.v1": _OTHER,
    "guanxi.person.erased.v1": _OTHER,
    "guanxi.record.voided.v1": Entry((), ("kind",)),  # and what the voided record touched
    "guanxi.tier.changed.v1": Entry(
        ("customer", "history", "engagement", "goals"),
        ("version", "from_tier", "to_tier", "computed_tier", "cause", "effective_on"),
        ("version", "from_tier", "to_tier", "effective_on"),
        "tiering",
    ),
    "guanxi.tier.proposed.v1": Entry(
        ("customer", "history"),
        ("version", "proposed_tier", "effective_on"),
        ("version", "proposed_tier", "effective_on"),
        "tiering",
    ),
    "guanxi.contact.lapsed.v1": Entry(
        ("engagement",),
        ("due_on", "last_contact_on", "cadence_days", "tier", "effective_on"),
        ("version", "due_on", "last_contact_on", "cadence_days", "tier", "effective_on"),
        "engagement",
    ),
    "guanxi.contact.resumed.v1": Entry(
        ("engagement",),
        ("cause", "lapsed_due_on", "last_contact_on", "effective_on"),
        ("version", "cause", "lapsed_due_on", "last_contact_on", "times", "effective_on"),
        "engagement",
    ),
    "guanxi.satisfaction.dropped.v1": Entry(
        ("engagement",),
        ("instrument", "kind", "survey_id", "effective_on"),
        ("version", "instrument", "kind", "effective_on"),
        "engagement",
    ),
    "guanxi.concern.overdue.v1": Entry(
        ("engagement", "concerns"),
        ("concern_id", "severity", "round", "deadline", "effective_on"),
        ("version", "concern_id", "concern_source", "severity", "tier", "round", "deadline", "effective_on"),
        "engagement",
    ),
    "guanxi.relationship.measured.v1": _OTHER._replace(by="engagement"),
    "guanxi.profile.lapsed.v1": _OTHER._replace(by="archives"),
    "guanxi.profile.restored.v1": _OTHER._replace(by="archives"),
    "guanxi.plan.lapsed.v1": _OTHER._replace(by="planning"),
    "guanxi.plan.resumed.v1": _OTHER._replace(by="planning"),
    "guanxi.plan_step.overdue.v1": _OTHER._replace(by="planning"),
    "guanxi.plan_review.lapsed.v1": _OTHER._replace(by="planning"),
}
UNTOLD = frozenset(
    {
        *("guanxi.representative.registered.v1", "guanxi.representative.absent.v1", "guanxi.group.registered.v1"),
        *("guanxi.customer.repaired.v1", "guanxi.trail.sealed.v1"),
    }
)
"""Types that are of no customer, the trail's seals, and the mark that asks for a repair, which changes nothing."""
BY_TIME = ("customer", "engagement", "concerns", "goals")
"""What a new business day may change by itself."""
NAMES = {"from_tier": "from", "to_tier": "to"}


def is_confidential(event: Event) -> bool:
    """Whether no more may be said than that something has changed; so of the void of such a record."""
    return TABLE[_counts_as(event)].touches == _OTHER.touches


def _counts_as(event: Event) -> str:
    """The type, of a void that of the record that is voided."""
    return FACT_OF_KIND[event.data.kind].name if isinstance(event.data, RecordVoided) else event.type


def touched(event: Event, *, turned: bool) -> tuple[str, ...]:
    """The sections that a fact or an accepted decision touches; `turned`: a new business day has come with it."""
    return _touched(_counts_as(event), turned=turned)


@cache
def _touched(type_name: str, *, turned: bool) -> tuple[str, ...]:
    touches = TABLE[type_name].touches
    if touches != _OTHER.touches:
        touches = (*touches, "timeline")
    if turned:
        touches += BY_TIME
    return tuple(section for section in SECTIONS if section in touches)


def public(event: Event) -> dict[str, Any] | None:
    """What a decision's change says: a list of fields allowed. None where it is no decision, for a confidential one,
    and for one that changes no tier that is shown, as on guanxi.tiers: of those is said only what they touch.
    """
    if event.type not in DECISIONS or is_confidential(event):
        return None
    if isinstance(event.data, TierChanged) and event.data.from_tier == event.data.to_tier:
        return None
    return {NAMES.get(name, name): plain(getattr(event.data, name)) for name in TABLE[event.type].public}


def plain(value: Any) -> Any:
    """A day as YYYY-MM-DD, a number that is not whole as a decimal string; others as they are."""
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
