"""What readers see of a customer and of each decision. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from itertools import compress
from typing import Any

from services.tiering.policy import RATED, Policies, Policy, in_force
from services.tiering.rules.evolve import MASTER_DATA, ROLES
from services.tiering.rules.explanation import factor_value
from services.tiering.rules.factors import FIELDS, Assessment, assess
from services.tiering.rules.outcome import is_declined, is_dormant
from services.tiering.rules.standing import Standing
from services.tiering.rules.state import RATING_DAYS, State
from shared.events.codec import dumped_decision
from shared.events.decisions import TierChanged
from shared.events.event import Event
from shared.events.types import TIERS
from shared.facts.days import iso
from shared.policies.entitlements import Entitlement

Json = dict[str, Any]


def row(state: State, standing: Standing, policies: Policies) -> Json:
    """The public fields of a customer's row, as of its clock. What is absent, empty or as expected is left out; the
    view `customers` (views/customers.py) fills it in, so that a row stays small.

    factors: [[place in FACTORS, value (null when unknown), points, weight], ...]; entitlements: the values of
    ENTITLEMENTS for the tier that the customer is entitled to.
    """
    policy = in_force(policies, state.today)
    assessed = assess(state, policy)
    known = assessed.known
    public: Json = {
        "as_of": state.clock,
        "tier": TIERS[standing.rank],
        "version": standing.version,
        "score": assessed.score / 10,
        "known_weight": sum(compress(policy.weights, known)),
        "factors": _factors(state, assessed, known),
        "policy": policy.name,
        "policy_version": policy.version,
        **_money(state, assessed, policy),
        **(_shown(state) if state.shown is None else state.shown),
        **_tier_extras(state, standing),
    }
    entitled = standing.entitled(state.today)
    if entitled is not None:
        public["entitled_tier"] = TIERS[entitled.rank]
        public["entitled_until"] = iso(entitled.until)
    given = policy.entitlements[standing.rank if entitled is None else entitled.rank]
    public["entitlements"] = _entitlements(given)
    return public


ENTITLEMENTS = tuple(field.name for field in fields(Entitlement))
"""The parts of an entitlement, in the order of a row's `entitlements`."""


@lru_cache(256)
def _entitlements(given: Entitlement) -> list[Any]:
    return [getattr(given, name) for name in ENTITLEMENTS]


def _tier_extras(state: State, standing: Standing) -> Json:
    extras: Json = {}
    if standing.computed != standing.rank:
        extras["computed_tier"] = TIERS[standing.computed]
    if state.override_rank() is not None:
        extras["overridden_until"] = _overridden_until(state)
    if is_dormant(state, standing.computed):
        extras["dormant"] = True
    if standing.changed_version:
        extras["changed_version"] = standing.changed_version
        if standing.since_day:
            extras["tier_since"] = iso(standing.since_day)
        if standing.since_version != standing.changed_version:
            extras["changed_on"] = iso(standing.changed_day)
            extras["since_version"] = standing.since_version
    if standing.proposal is not None:
        declined = is_declined(state, standing.proposal)
        extras["proposal"] = {"version": standing.proposal.version, "declined": declined}
        if not declined:
            extras["proposed_tier"] = PROPOSED_TIER
    return extras


def _overridden_until(state: State) -> str:
    return iso(state.override.value("override", state.today)[1])


PROPOSED_TIER = TIERS[-1]
"""No other is ever proposed (domain.md, Proposals)."""
_LISTED_BY = ("proposed_tier", "overridden_until", "overdue_order")
LISTED = (*_LISTED_BY, "account_manager")
"""What lists of few customers ask for: why a customer is in one, and whose it is."""


def listed(state: State, standing: Standing, policies: Policies) -> Json:
    """What of a row makes a customer one of the few that await an approval, whose tier is set by hand, or that owe what
    was due; empty for all others. It moves rarely, and stands in a document of its own with its indexes: in the row,
    which moves with every event, each index makes every write dear, even where the row is not in it.
    """
    found: Json = {}
    if standing.proposal is not None and not is_declined(state, standing.proposal):
        found["proposed_tier"] = PROPOSED_TIER
    if state.override_rank() is not None:
        found["overridden_until"] = _overridden_until(state)
    if state.invoice_sums:
        policy = in_force(policies, state.today)
        overdue = _overdue(state, policy)
        if overdue:
            found["overdue_order"] = net_order(policy.money(overdue))
    if found:
        owner = state.owners.on("account_manager", state.today)
        if owner is not None:
            found["account_manager"] = owner
    return found


def listed_of(row: Mapping[str, Any]) -> Json:
    """The same by a stored row, or by the document that it left."""
    if not any(name in row for name in _LISTED_BY):
        return {}
    return {name: row[name] for name in LISTED if name in row}


def listed_document(row: Mapping[str, Any]) -> Json:
    """The document that a stored row leaves; empty where there is none."""
    found = listed_of(row)
    return {"customer": row["_id"], **found} if found else found


def _factors(state: State, assessed: Assessment, known: Sequence[bool]) -> list[list[Any]]:
    points = assessed.points
    return [
        [factor, factor_value(state, assessed, factor) if known[factor] else None, points[factor] / 100, weight]
        for factor, weight in enumerate(assessed.policy.weights)
        if weight
    ]


def _money(state: State, assessed: Assessment, policy: Policy) -> Json:
    money = assessed.money
    recent = earlier = before = 0
    for currency, book in state.books.items():
        scale = policy.scaled_minor.get(currency, 0)
        recent += book.net[0] * scale
        before += book.net[1] * scale
        earlier += book.net[3] * scale
    overdue = _overdue(state, policy)
    base = earlier if earlier > 0 else before
    net = policy.money(money.net)
    public: Json = {
        "net_730d": policy.money(money.net + money.previous),
        "net_365d": net,
        "net_order": net_order(net),
        "net_90d": policy.money(recent),
        "currency": policy.base_currency,
    }
    if overdue:
        public["overdue"] = policy.money(overdue)
        public["overdue_order"] = net_order(public["overdue"])
    if base > 0 and 2 * recent < base:
        public["at_risk"] = True
    first, last = state.bought.first(state.today), state.bought.last(state.today)
    if first is not None and last is not None:
        public["first_purchase_on"], public["last_purchase_on"] = iso(first), iso(last)
    flags: Json = {}
    unconverted = unconverted_currencies(state, policy)
    if unconverted:
        flags["unconverted"] = unconverted
    if state.invoices.uncounted:
        flags["uncounted"] = sorted({invoice_id for _, invoice_id in state.invoices.uncounted})[:MAX_FLAGGED]
    if flags:
        public["flags"] = flags
    return public


def _overdue(state: State, policy: Policy) -> int:
    return sum(sums.overdue * policy.scaled_minor.get(currency, 0) for currency, sums in state.invoice_sums.items())


_MOST = 2**63 - 1


def net_order(net: str) -> int:
    """By what customers are sorted by net, since money is text: minor units, as large as MongoDB's whole numbers go."""
    return max(-_MOST, min(int(net.replace(".", "")), _MOST))


MAX_FLAGGED = 20
"""Most invoices listed of which a part or a credit is not counted: in another currency, or more than 100 of one
invoice."""


def unconverted_currencies(state: State, policy: Policy) -> list[str]:
    """Currencies without a rate, of the last 730 days and of the invoices that payment looks at."""
    known, today = policy.scaled_minor, state.today
    if known.keys() >= state.books.keys() and known.keys() >= state.invoice_sums.keys():
        return []
    moved = {currency for currency, book in state.books.items() if currency not in known and book.has_begun(today)}
    moved.update(currency for currency in state.invoice_sums if currency not in known)
    return sorted(moved)


_NOTHING: Json = {}


def _shown(state: State) -> Json:
    """Master data, owners and when ratings lapse; kept in the state until one of them changes."""
    today = state.today
    said = state.registered.values(today)
    public: Json = {name: said[name] for name in MASTER_DATA if said.get(name) is not None}
    if "name" in said:
        public["registered"] = True
    for role in ROLES:
        owner = state.owners.on(role, today)
        if owner is not None:
            public[role] = owner
    lapses = ratings_lapse_on(state)
    if lapses is not None:
        public["ratings_lapse_on"] = iso(lapses)
    state.shown = public or _NOTHING
    return public


def ratings_lapse_on(state: State) -> int | None:
    """The first day on which a rating that counts today counts no more."""
    if not state.ratings.entries:
        return None
    days = []
    for factor in RATED:
        entry = state.ratings.holding(FIELDS[factor], state.today)
        rating = None if entry is None else entry.fields[FIELDS[factor]]
        if entry is None or rating is None:
            continue
        end = entry.day + RATING_DAYS
        if rating[2] is not None:
            end = min(end, rating[2] + 1)
        if end > state.today:
            days.append(end)
    return min(days, default=None)


def history(customer: str, event: Event) -> Json:
    """The document of `tier_history` that a decision leaves: everything in it, and where on the log it stands."""
    decision = event.data
    told = dumped_decision(event).copy()
    del told["version"]
    kind = "changed" if isinstance(decision, TierChanged) else "proposed"
    return {
        "customer": customer,
        "version": decision.version,
        "kind": kind,
        **told,
        "decided_as_of": event.time,
        "event_id": event.id,
        "log": {"generation": event.log.generation, "partition": event.log.partition, "offset": event.log.offset},
        "recorded_at": event.recorded_at,
    }
