"""From a YAML file to a Policy, with errors that name file and line (domain.md: a policy is a versioned YAML file)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeVar

from services.tiering.policy import FACTORS, GROWTH, MARGIN, PAYMENT, VOLUME, Policies, Policy, Rung
from services.tiering.yaml_part import Part, Problems, parse
from shared.errors import Malformed
from shared.events.money import exponents
from shared.events.types import TIERS
from shared.policies.adoption import Adopted
from shared.policies.calendar import read_calendar
from shared.policies.entitlements import Entitlement, read_entitlements

LATENESS = ("on_time", "late_30_days", "late_60_days", "late_90_days", "later")
SCORED = ("strategic", "partner", "priority")
TOP = Decimal(10)
Curve = tuple[tuple[Decimal, int], ...]
T = TypeVar("T")
KNOWN_POLICIES = 64
"""Versions that are kept as read."""

# What a factor that weighs nothing is measured by: it is shown nowhere and changes nothing.
_NO_VOLUME: Curve = ((Decimal(1), 0), (Decimal(10), 1000))
_NO_LINE: Curve = ((Decimal(0), 0), (Decimal(1), 1000))
_PLAIN = {"weight"}
_KEYS = {
    "purchase_volume": _PLAIN | {"points"},
    "growth": _PLAIN | {"points", "floor"},
    "margin": _PLAIN | {"points"},
    "payment": _PLAIN | {*LATENESS, "unpaid"},
}


def read_policies(policies: Sequence[Adopted]) -> Policies:
    """The versions as the rules use them, each from the day for which it was adopted."""
    return tuple(replace(_read_adopted(one.text, one.id), effective_on=one.effective_on) for one in policies)


@lru_cache(KNOWN_POLICIES)
def _read_adopted(text: str, name: str) -> Policy:
    """One that was adopted: its text never changes, and those who ask again and again spare 8 ms of reading it."""
    return read_policy(text, name)


def read_policy(text: str, name: str) -> Policy:
    """The policy that a file says; `name` is the file's, for errors. Raises Malformed with every problem found."""
    problems = Problems(name)
    root = parse(text, problems)
    policy = None if root is None else _policy(root, problems)
    if problems.found or policy is None:
        raise Malformed("\n".join(problems.found))
    return policy


def _policy(root: Part, problems: Problems) -> Policy | None:
    root.only(
        {"name", "version", "effective_on", "base_currency", "rates", "unknown", "factors"}
        | {"rated_without_approver", "tiers", "entitlements", "calendar"}
    )
    base = _currency(root.part("base_currency"))
    factors = root.mapping("factors")
    parts = [factors.part(factor, required=False) for factor in FACTORS]
    factors.only(set(FACTORS))
    for part, factor in zip(parts, FACTORS, strict=True):
        part.only(_KEYS.get(factor, _PLAIN))
    weights = tuple(part.whole("weight", 0, 100, default=0) for part in parts)
    if not problems.found and sum(weights) != 100:
        factors.problem(f"the weights sum to {sum(weights)}, not to 100")
    owed = parts[PAYMENT]
    unpaid = owed.part("unpaid", required=False)
    unpaid.only({"over", "at_most"})
    policy = Policy(
        name=root.text("name"),
        version=root.whole("version", 1, 10**6),
        effective_on=root.day("effective_on"),
        base_currency=base,
        rates=_rates(root.part("rates", required=False), base),
        unknown=root.points("unknown"),
        weights=weights,
        unapproved_at_most=root.points("rated_without_approver", default=TOP),
        volume=_curve(parts[VOLUME], _NO_VOLUME, logarithmic=True),
        growth_floor=parts[GROWTH].number("floor", Decimal("0.01"), Decimal(10**15), default=Decimal(1)),
        growth=_curve(parts[GROWTH], _NO_LINE),
        margin=_curve(parts[MARGIN], _NO_LINE),
        payment=_lateness(owed),
        unpaid_over=unpaid.number("over", Decimal(0), Decimal(1), default=Decimal(1)),
        unpaid_at_most=unpaid.points("at_most", default=TOP),
        ladder=_ladder(root.mapping("tiers")),
        entitlements=_entitlements(root),
    )
    _read_section(root, "calendar", read_calendar)
    return None if problems.found else policy


def _currency(part: Part) -> str:
    code = part.scalar()
    if part.exists and code not in exponents():
        part.problem(f"{code!r} is not an ISO 4217 code of a currency in circulation, such as CNY")
    return code


def _rates(part: Part, base: str) -> dict[str, Decimal]:
    rates = {}
    for code, rate in part.items():
        if code == base:
            rate.problem("the base currency needs no rate")
        elif code not in exponents():
            rate.problem(f"{code!r} is not an ISO 4217 code of a currency in circulation, such as USD")
        else:
            rates[code] = rate.decimal(Decimal("1e-9"), Decimal("1e9"), places=9)
    return rates


def _curve(part: Part, nothing: Curve, *, logarithmic: bool = False) -> Curve:
    if not part.exists:
        return nothing
    points = []
    low = Decimal("0.01") if logarithmic else Decimal(-(10**6))
    for pair in part.part("points").sequence():
        ends = pair.sequence()
        if len(ends) != 2:
            pair.problem("expected a pair [value, points]")
            continue
        points.append((ends[0].decimal(low, Decimal(10**15), places=6), int(ends[1].decimal(Decimal(0), TOP) * 100)))
    if len(points) < 2:
        part.part("points").problem("needs at least two points")
        return nothing
    if any(x1 <= x0 or y1 < y0 for (x0, y0), (x1, y1) in pairwise(points)):
        part.part("points").problem("points must ascend: each value above the one before, its points no lower")
        return nothing
    return tuple(points)


def _lateness(part: Part) -> tuple[int, int, int, int, int]:
    if not part.exists:
        return (1000, 0, 0, 0, 0)
    a, b, c, d, e = (part.points(name) for name in LATENESS)
    if not a >= b >= c >= d >= e:
        part.problem("points of a later payment must not be higher")
    return a, b, c, d, e


def _ladder(part: Part) -> tuple[Rung, ...]:
    part.only(set(SCORED))
    return tuple(_rung(part.mapping(tier), tier) for tier in SCORED)


def _rung(part: Part, tier: str) -> Rung:
    part.only({"enter", "hold", "gates", "approval"})
    enter, hold = part.score("enter"), part.score("hold")
    if hold > enter:
        part.part("hold").problem("hold is above enter: a customer would leave the tier as soon as it enters")
    gates = part.part("gates", required=False)
    gates.only(set(FACTORS))
    least = tuple((FACTORS.index(name), gate.points_value()) for name, gate in gates.items() if name in FACTORS)
    approval = part.flag("approval", default=False)
    if approval and tier != "strategic":
        part.part("approval").problem("only entry to strategic can need approval")
    return Rung(TIERS.index(tier), enter, hold, least, approval)


def _entitlements(root: Part) -> tuple[Entitlement, ...]:
    return _read_section(root, "entitlements", read_entitlements) or ()


def _read_section(root: Part, name: str, read: Callable[[Any], T]) -> T | None:
    """A section that several services read; a problem stands where the reader says it is."""
    part = root.part(name, required=False)
    try:
        return read(part.value() if part.exists else None)
    except Malformed as error:
        path, _, what = str(error).partition(": ")
        here = root
        for step in path.split("."):
            here = here.part(step, required=False) if here.part(step, required=False).exists else here
        here.problem(what)
        return None
