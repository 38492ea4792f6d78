"""What may be read: each resource with its view, orders, filters, scope and whose rows it holds. Declarations only.

A page is read in two steps, each by an index: the ids of a view of keys, which has the resource's order, then the rows
of those ids. An id may have several rows (a customer's concerns) or none; `leaf` is their order beneath it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from services.feed.questions import line_in_full, movement_in_full
from services.query.api import rows
from shared.events.types import TIERS
from shared.keys import Scope
from shared.trail import in_ms

Document = dict[str, Any]


class Kind(Enum):
    """What a filter's value looks like."""

    ID = "id"
    TIER = "tier"
    STATUS = "status"
    DAY = "day"
    INSTANT = "instant"
    TEXT = "text"
    MONEY = "money"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class Filter:
    """One query parameter. field: of the view of keys, or with `of_row` of the rows; op: MongoDB's comparison; beside:
    a filter that must be given too, since its index leads to this one; many: may be repeated, any of the values.
    meets: in place of field and op, the condition that the values of all the filters given make.
    """

    field: str
    kind: Kind = Kind.ID
    op: str = "$eq"
    beside: str | None = None
    of_row: bool = False
    many: bool = False
    about: str = ""
    meets: Callable[[Mapping[str, Any]], Document] | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A way to page. name: as `sort` has it; keys: the view of ids, in this order; sort: its fields, the last of them
    unique among the ids; `needed`: what the index leads with, where no filter says.
    """

    name: str
    keys: str
    sort: Mapping[str, int]
    filters: Mapping[str, Filter] = field(default_factory=dict)
    needed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resource:
    """A list under /v1. services: whose generations its rows belong to, the one that pages first; parent: the field of
    a row that names its id among the keys; rows_of: whether ids are customers or representatives, for keys that read
    their own, or "all" for what only keys of all rows read; one_of: filters of which one is asked for. Without services
    it holds what is no fold of the log: nobody is behind with it, and nothing tells that it has not changed.
    """

    name: str
    about: str
    row: type[rows.Row]
    view: str
    services: tuple[str, ...]
    orders: tuple[Order, ...]
    parent: str = "_id"
    leaf: tuple[str, ...] = ()
    rows_of: str = "customer"
    owner_key: str = "_id"
    """The field of the view of keys that is the customer or representative by whom rows are someone's."""
    scope: Scope = Scope.CUSTOMERS_READ
    confidential: bool = False
    one_of: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    """Fields of a row that hold a text and lead to the index by which rows are found: said to be some, where no filter
    says which."""
    cost: float = 2.0
    written_out: Callable[[Document], Document] = dict
    """A row in full, from one that is stored small."""

    @property
    def path(self) -> str:
        """Where it is."""
        return f"/v1/{self.name}"

    @property
    def filters(self) -> dict[str, Filter]:
        """Of all its orders."""
        return {name: one for order in self.orders for name, one in order.filters.items()}

    @property
    def fields(self) -> tuple[str, ...]:
        """Of a row, as they are called outside."""
        return fields_of(self.row)


def fields_of(row: type[rows.Row]) -> tuple[str, ...]:
    """The names of a row's fields, as they are called outside."""
    return tuple(one.alias or name for name, one in row.model_fields.items())


_ID = {"_id": 1}
_CUSTOMER = Filter("_id", about="the customer's id; repeat it for several", many=True)
_OWNED_BY = Filter("owned_by", about="an account or product manager's id")
_KNOWN_AT = Filter("recorded_at", Kind.INSTANT, "$lte", of_row=True, about="only what was on the log by then")


def held(values: Mapping[str, Any]) -> Document:
    """Of each customer the movement that held on the day `on`; with `known_at`, by what was on the log by then: an end
    that came later was not known, and the movement held on.
    """
    begun = {"from_on": {"$lte": values["on"]}}
    if "known_at" not in values:
        return {**begun, "to_on": {"$gte": values["on"]}}
    known = values["known_at"]
    runs = [{"to_on": {"$gte": values["on"]}}, {"ended_at": {"$gt": known}}]
    return {**begun, "recorded_at": {"$lte": known}, "$or": runs}


def _since(values: Mapping[str, Any]) -> Document:
    return {"at_ms": {"$gte": in_ms(values["at_after"])}}


def _until(values: Mapping[str, Any]) -> Document:
    return {"at_ms": {"$lt": in_ms(values["at_before"])}}


_READ_BY = {
    "customer": Filter("customer"),
    "reader": Filter("reader", Kind.TEXT, about="as it stands in a row, such as R-001"),
    "at_after": Filter("at_ms", Kind.INSTANT, meets=_since, about="from this instant on"),
    "at_before": Filter("at_ms", Kind.INSTANT, meets=_until, about="before this instant"),
}


def _nothing_more(_: Mapping[str, Any]) -> Document:
    """For what another filter's condition holds already."""
    return {}


def _rejection(row: Document) -> Document:
    return {**row, "id": row["_id"]}


RESOURCES = (
    Resource(
        "customers",
        "Customers: tier, what it rests on, owners.",
        rows.Customer,
        "customers",
        ("tiering",),
        (
            Order(
                "customer",
                "customer_keys",
                _ID,
                {"customer": _CUSTOMER, "account_manager": Filter("account_manager")},
            ),
            Order(
                "-net_365d",
                "customer_keys_by_net",
                {"net_order": -1, "_id": -1},
                {
                    "tier": Filter("tier", Kind.TIER),
                    "net_365d_min": Filter("net_order", Kind.MONEY, "$gte"),
                    "net_365d_max": Filter("net_order", Kind.MONEY, "$lte"),
                },
                needed={"tier": {"$in": list(TIERS)}},
            ),
        ),
    ),
    Resource(
        "tier-history",
        "Every change of a tier, and every proposal of one.",
        rows.Decision,
        "tier_history",
        ("tiering",),
        (
            Order(
                "customer",
                "decision_keys",
                {"customer": 1, "effective_on": 1, "version": 1},
                {
                    "customer": replace(_CUSTOMER, field="customer"),
                    "effective_on_after": Filter("effective_on", Kind.DAY, "$gt", beside="customer"),
                    "effective_on_before": Filter("effective_on", Kind.DAY, "$lt", beside="customer"),
                    "known_at": replace(_KNOWN_AT, beside="customer"),
                },
            ),
        ),
        owner_key="customer",
    ),
    Resource(
        "proposals",
        "Customers that await an approval for strategic.",
        rows.Customer,
        "customers",
        ("tiering",),
        (Order("customer", "proposal_keys", _ID, {"account_manager": Filter("account_manager")}),),
    ),
    Resource(
        "overrides",
        "Customers whose tier is set by hand, by the last day on which that holds.",
        rows.Customer,
        "customers",
        ("tiering",),
        (
            Order(
                "overridden_until",
                "override_keys",
                {"overridden_until": 1, "_id": 1},
                {
                    "overridden_until_after": Filter("overridden_until", Kind.DAY, "$gt"),
                    "overridden_until_before": Filter("overridden_until", Kind.DAY, "$lt"),
                },
            ),
        ),
    ),
    Resource(
        "overdue",
        "Customers with invoices that are overdue, the most overdue first.",
        rows.Customer,
        "customers",
        ("tiering",),
        (
            Order(
                "-overdue",
                "overdue_keys",
                {"overdue_order": -1, "_id": -1},
                {"overdue_min": Filter("overdue_order", Kind.MONEY, "$gte")},
            ),
        ),
    ),
    Resource(
        "satisfaction-drops",
        "Customers whose score has fallen by much against the year before, by tier (docs/engagement.md).",
        rows.Drop,
        "satisfaction_drops",
        ("engagement",),
        (Order("tier", "drop_keys", {"tier_order": 1, "_id": 1}, {"tier": Filter("tier_order", Kind.TIER)}),),
        parent="customer",
    ),
    Resource(
        "timeline",
        "What happened to a customer, the latest first: facts and decisions.",
        rows.Line,
        "timeline",
        ("feed",),
        (
            Order(
                "-customer",
                "timeline_keys",
                {"customer": -1, "offset": -1},
                {
                    "customer": Filter("customer"),
                    "kind": Filter("kind", Kind.TEXT, beside="customer", of_row=True, about="such as visit.logged"),
                    "known_at": replace(_KNOWN_AT, beside="customer"),
                },
            ),
        ),
        owner_key="customer",
        one_of=("customer",),
        written_out=line_in_full,
    ),
    Resource(
        "movements",
        "Changes of the tier shown, each with the days on which it held; with `on`, each customer's on that day.",
        rows.Movement,
        "movements",
        ("feed",),
        (
            Order("customer", "movement_keys", {"customer": 1, "version": 1}, {"customer": Filter("customer")}),
            Order(
                "from_on",
                "movement_keys_by_day",
                {"from_on": 1, "to_on": 1, "_id": 1},
                {
                    "from_on_after": Filter("from_on", Kind.DAY, "$gt"),
                    "from_on_before": Filter("from_on", Kind.DAY, "$lt"),
                    "from": Filter("from", Kind.TIER, of_row=True, beside="from_on_after"),
                    "to": Filter("to", Kind.TIER, of_row=True, beside="from_on_after"),
                },
            ),
            Order(
                "-to_on",
                "movement_keys_by_end",
                {"to_on": -1, "_id": -1},
                {
                    "on": Filter("to_on", Kind.DAY, meets=held, about="the movement that held on this day"),
                    "known_at": Filter(
                        "recorded_at",
                        Kind.INSTANT,
                        beside="on",
                        meets=_nothing_more,
                        about="by the decisions that were on the log by then",
                    ),
                },
            ),
        ),
        owner_key="customer",
        written_out=movement_in_full,
    ),
    Resource(
        "contact-plan",
        "Whom to meet next and why: by tier, then earliest due, then id.",
        rows.Planned,
        "contact_plan",
        ("engagement",),
        (
            Order(
                "due",
                "plan_keys",
                {"tier_order": 1, "due_on": 1, "_id": 1},
                {
                    "owned_by": _OWNED_BY,
                    "status": Filter("status", Kind.STATUS),
                    "tier": Filter("tier_order", Kind.TIER),
                    "due_on_before": Filter("due_on", Kind.DAY, "$lt", beside="owned_by"),
                    "due_on_after": Filter("due_on", Kind.DAY, "$gt", beside="owned_by"),
                },
            ),
        ),
    ),
    Resource(
        "concerns",
        "Open concerns, by customer.",
        rows.Concern,
        "concerns",
        ("engagement",),
        (Order("customer", "concern_keys", _ID, {"customer": _CUSTOMER, "owned_by": _OWNED_BY}),),
        parent="customer",
        leaf=("source", "concern_id"),
    ),
    Resource(
        "key-persons",
        "Present key persons, by customer. Confidential.",
        rows.KeyPerson,
        "key_persons",
        ("engagement",),
        (Order("customer", "key_person_keys", _ID, {"customer": _CUSTOMER}),),
        parent="customer",
        leaf=("person_id",),
        scope=Scope.CONFIDENTIAL_READ,
        confidential=True,
    ),
    Resource(
        "relationship-assessments",
        "The relationship with each strategic and partner customer. Confidential.",
        rows.Assessment,
        "relationship_assessments",
        ("engagement",),
        (
            Order(
                "tier",
                "assessment_keys",
                {"tier_order": 1, "cadence_days": 1, "_id": 1},
                {"customer": _CUSTOMER, "tier": Filter("tier_order", Kind.TIER)},
            ),
        ),
        parent="customer",
        scope=Scope.CONFIDENTIAL_READ,
        confidential=True,
    ),
    Resource(
        "profiles",
        "How complete and fresh customers' profiles are, and what is missing. Confidential; no text.",
        rows.Profiles,
        "profiles",
        ("archives",),
        (Order("customer", "profile_keys", _ID, {"customer": _CUSTOMER}),),
        parent="customer",
        scope=Scope.CONFIDENTIAL_READ,
        confidential=True,
    ),
    Resource(
        "grants",
        "Access granted to customers' profiles, by customer. Confidential.",
        rows.Grant,
        "grants",
        ("archives",),
        (Order("customer", "grant_keys", _ID, {"customer": _CUSTOMER}),),
        parent="customer",
        leaf=("source", "grant_id"),
        scope=Scope.CONFIDENTIAL_READ,
        confidential=True,
    ),
    Resource(
        "plans",
        "Group plans: which are owed, covered and lapsed, how far they are, and their gaps. Confidential; no text.",
        rows.Plans,
        "plans",
        ("planning",),
        (Order("customer", "group_plan_keys", _ID, {"customer": _CUSTOMER}),),
        parent="customer",
        scope=Scope.CONFIDENTIAL_READ,
        confidential=True,
    ),
    Resource(
        "plan-steps",
        "Steps of group plans, with how far they slip behind the day first agreed. Confidential; no text.",
        rows.PlanStep,
        "plan_steps",
        ("planning",),
        (Order("customer", "group_plan_step_keys", _ID, {"customer": _CUSTOMER}),),
        parent="customer",
        leaf=("source", "plan_id", "step_id"),
        scope=Scope.CONFIDENTIAL_READ,
        confidential=True,
    ),
    Resource(
        "service-use",
        "Supporting services that customers used in 365 days, and what is left. Confidential.",
        rows.ServiceUse,
        "service_use",
        ("planning",),
        (Order("customer", "service_use_keys", _ID, {"customer": _CUSTOMER}),),
        parent="customer",
        scope=Scope.CONFIDENTIAL_READ,
        confidential=True,
    ),
    Resource(
        "rep-weeks",
        "Representatives' ISO weeks: what was owed, what counted, and why the rest did not.",
        rows.RepWeek,
        "rep_weeks",
        ("engagement",),
        (
            Order(
                "representative",
                "representative_keys",
                _ID,
                {
                    "representative": Filter("_id"),
                    "team": Filter("team"),
                    "week": Filter("week", Kind.WEEK, of_row=True),
                    "week_min": Filter("week", Kind.WEEK, "$gte", of_row=True),
                    "week_max": Filter("week", Kind.WEEK, "$lte", beside="representative", of_row=True),
                },
            ),
        ),
        parent="representative",
        leaf=("week",),
        rows_of="representative",
        one_of=("week", "week_min", "representative"),
        leads=("week",),
        cost=10.0,
    ),
    Resource(
        "rejections",
        "What was refused in the last 30 days, the latest first. Needs all rows.",
        rows.Rejection,
        "rejections",
        (),
        (
            Order(
                "-at",
                "rejection_keys",
                {"at_ms": -1, "_id": -1},
                {
                    "code": Filter("code", Kind.TEXT, about="such as subject_changed"),
                    "source": Filter("source"),
                    "subject": Filter("subject"),
                    "field": Filter("field", Kind.TEXT, beside="code", about="dotted path of what was wrong"),
                },
            ),
        ),
        rows_of="all",
        scope=Scope.OPS_READ,
        written_out=_rejection,
    ),
    Resource(
        "access-trail",
        "Who read which texts of profiles, or was refused them, the latest first. Three years. Needs all rows.",
        rows.TextRead,
        "access_trail",
        (),
        (Order("-at", "access_trail_keys", {"at_ms": -1, "_id": -1}, _READ_BY),),
        rows_of="all",
        scope=Scope.TRAIL_READ,
        confidential=True,
    ),
    Resource(
        "emergency-reads",
        "Texts that were read in an emergency, without another right, the latest first; shown to owners.",
        rows.TextRead,
        "access_trail",
        (),
        (Order("-at", "emergency_read_keys", {"at_ms": -1, "_id": -1}, _READ_BY),),
        owner_key="customer",
        scope=Scope.TEXTS_READ,
        confidential=True,
    ),
)
FOLDED = tuple(one for one in RESOURCES if one.services)
"""Those that an export has: of a position of the log."""


@dataclass(frozen=True, slots=True)
class Table:
    """A small answer without pages: all its rows at once, over all customers or of one subject."""

    name: str
    about: str
    row: type[rows.Row]
    services: tuple[str, ...]
    parameters: Mapping[str, Filter] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    all_rows: bool = True
    """Whether it is a figure over all customers, for keys that may read them all."""
    subject: str | None = None
    """The parameter that names a customer or representative, who must be one of the key's."""
    scope: Scope = Scope.CUSTOMERS_READ
    cost: float = 20.0

    @property
    def path(self) -> str:
        """Where it is."""
        return f"/v1/{self.name}"

    @property
    def fields(self) -> tuple[str, ...]:
        """Of a row, as they are called outside."""
        return fields_of(self.row)


TABLES = (
    Table(
        "goals",
        "The goals of a customer or a representative, by metric.",
        rows.Goal,
        ("engagement", "tiering"),
        {"subject": Filter("subject", about="the id of the customer or representative")},
        needed=("subject",),
        all_rows=False,
        subject="subject",
        cost=5.0,
    ),
    Table(
        "search",
        "Customers of whose name each word of the question begins a word, or whose id begins with it; 50 at most.",
        rows.Found,
        ("feed",),
        {"q": Filter("q", Kind.TEXT, about="some words, or the beginning of an id")},
        needed=("q",),
        all_rows=False,
        cost=2.0,
    ),
    Table(
        "boards/movements",
        "Changes of the tier shown that took effect after one day and before another, by the tiers.",
        rows.Flow,
        ("feed", "tiering"),
        {
            "from_on_after": Filter("from_on", Kind.DAY, "$gt"),
            "from_on_before": Filter("from_on", Kind.DAY, "$lt"),
            "known_at": Filter("recorded_at", Kind.INSTANT, "$lte", about="only what was on the log by then"),
        },
        needed=("from_on_after", "from_on_before"),
    ),
    Table(
        "boards/held",
        "Customers by the tier shown that held on a day; those whose tier never changed by then are in none.",
        rows.Held,
        ("feed",),
        {
            "on": Filter("to_on", Kind.DAY, meets=held),
            "known_at": Filter("recorded_at", Kind.INSTANT, about="by the decisions that were on the log by then"),
        },
        needed=("on",),
    ),
    Table(
        "staffing", "Visits a week that tiers ask for, against what the roster can do.", rows.Staffing, ("engagement",)
    ),
    Table(
        "policies",
        "The adopted policies, the latest first.",
        rows.Policy,
        (),
        cost=2.0,
    ),
    Table(
        "findings",
        "What `guanxi doctor` found when it was last run, the worst first.",
        rows.Finding,
        (),
        scope=Scope.OPS_READ,
        cost=2.0,
    ),
    Table("boards/tiers", "Customers and net by tier.", rows.TierTotal, ("tiering",)),
    Table("boards/satisfaction", "Satisfaction and concerns by tier.", rows.TierCare, ("engagement",)),
    Table(
        "boards/satisfaction-quarters",
        "Answers of eight calendar quarters, by the tiers that customers have now, by instrument and quarter.",
        rows.TierQuarter,
        ("engagement",),
    ),
    Table(
        "boards/coverage",
        "An ISO week of all representatives together.",
        rows.Coverage,
        ("engagement",),
        {"week": Filter("week", Kind.WEEK)},
        needed=("week",),
        cost=50.0,
    ),
)
INCLUDES: Mapping[str, type[rows.Row]] = {
    "engagement": rows.Engagement,
    "history": rows.Decision,
    "concerns": rows.Concern,
    "goals": rows.Goal,
    "plan": rows.Planned,
    "timeline": rows.Line,
}
"""What `customers/{id}?include=` adds."""
