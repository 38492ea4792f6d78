"""The single-threaded oracle: another program text that folds what is on the log, and what upstream meant.

It shares no code with what it judges beyond the constants of the toy domain. Where the domain works out when time
alone changes something, the oracle looks at every midnight; where the domain keeps sums, it adds up anew.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from tests.sim.arrivals import REVIEWED, LogEntry, Meant, entries, is_early, meant
from tests.sim.kafka import SimRecord
from tests.sim.toy import HOLD_MINOR, MINOR_PER_POINT, POISON, STEPPED, WINDOW_DAYS, Policy

_LEVELS = ("potential", "general", "priority", "partner", "strategic")
RATED = "guanxi.account.rated.v1"


class Step(NamedTuple):
    """A decision, without what the log adds to it."""

    version: int
    level: int
    effective_on: str
    score: str
    set_off_by: str


@dataclass(slots=True)
class Customer:
    """What is known of a customer at one place of the log."""

    clock: datetime | None = None
    amounts: list[tuple[date, int]] = field(default_factory=list)
    ratings: list[tuple[datetime, str, str, int, date | None]] = field(default_factory=list)
    accepted: list[Step] = field(default_factory=list)
    last: str | None = None
    frozen_at: int | None = None
    offset: int | None = None
    expected: list[Step] = field(default_factory=list)
    """The decisions that the facts alone call for, reviews left out."""
    expected_clock: datetime | None = None

    def net(self) -> dict[date, int]:
        """Net by day, without the days that net to nothing."""
        days: dict[date, int] = {}
        for day, minor in self.amounts:
            days[day] = days.get(day, 0) + minor
        return {day: minor for day, minor in days.items() if minor}


def fold(records: Sequence[SimRecord], policies: Sequence[Policy], until: datetime) -> dict[str, Customer]:
    """The customers of one partition of the log, and the decisions expected of them up to an instant."""
    customers: dict[str, Customer] = {}
    for entry in entries(records):
        customer = customers.setdefault(entry.document["subject"], Customer())
        if customer.frozen_at is None:
            _fold(customer, entry, policies)
    for customer in customers.values():
        if customer.frozen_at is None and customer.expected_clock is not None:
            _pass_days(customer, until, policies)
    return customers


def _fold(customer: Customer, entry: LogEntry, policies: Sequence[Policy]) -> None:
    record, document = entry.record, entry.document
    if document["type"] == STEPPED:
        data = document["data"]
        if data["version"] == len(customer.accepted) + 1 and data["after"] == customer.last:
            customer.accepted.append(_step(data))
            customer.last = document["id"]
        customer.offset = record.offset
        return
    appended_at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    if document["type"] != REVIEWED:
        if document["data"].get("product_line") == POISON:
            customer.frozen_at = record.offset
            if customer.clock is not None and customer.expected_clock is not None:
                _pass_days(customer, customer.clock, policies)
            return
        _pass_days(customer, appended_at, policies)
        _add_fact(customer, document)
        _decide(customer, customer.expected_clock, document["id"], policies)
    customer.clock = max(customer.clock or appended_at, appended_at)
    customer.offset = record.offset


def _step(data: dict[str, Any]) -> Step:
    level = _LEVELS.index(data["proposed_tier"])
    return Step(data["version"], level, data["effective_on"], data["score"], data["policy"])


def _add_fact(customer: Customer, document: dict[str, Any]) -> None:
    data, at = document["data"], datetime.fromisoformat(document["time"])
    if document["type"] == RATED:
        until = data.get("valid_until")
        rating = at, document["id"], document["source"], int(Decimal(data["strategic_fit"]))
        customer.ratings.append((*rating, date.fromisoformat(until) if until else None))
        return
    replaced = data.get("replaces")
    if replaced is not None and replaced["data"] is not None:
        day, minor = _amount(replaced["data"], datetime.fromisoformat(replaced["time"]))
        customer.amounts.append((day, -minor))
    if "amount" in data:
        customer.amounts.append(_amount(data, at))


def _amount(data: dict[str, Any], at: datetime) -> tuple[date, int]:
    day = date.fromisoformat(data["occurred_on"]) if "occurred_on" in data else at.astimezone(UTC).date()
    minor = int(Decimal(data["amount"]).scaleb(2))
    return day, -minor if "refund_id" in data else minor


def _pass_days(customer: Customer, until: datetime, policies: Sequence[Policy]) -> None:
    """Look at every midnight since the last fact."""
    clock = customer.expected_clock
    if clock is not None:
        midnight = datetime(clock.year, clock.month, clock.day, tzinfo=UTC) + timedelta(days=1)
        while midnight <= until:
            _decide(customer, midnight, "due", policies)
            midnight += timedelta(days=1)
    customer.expected_clock = max(clock or until, until)


def _decide(customer: Customer, at: datetime | None, set_off_by: str, policies: Sequence[Policy]) -> None:
    assert at is not None, "a decision is made as of a clock"
    today = at.date()
    steps = policies[0].steps_minor
    for policy in policies:
        if policy.effective_on <= today:
            steps = policy.steps_minor
    score = _score(customer, today)
    while True:
        level = customer.expected[-1].level if customer.expected else 0
        if level < len(steps) and score >= steps[level]:
            level += 1
        elif level > len(steps) or (level > 0 and score < steps[level - 1] - HOLD_MINOR):
            level -= 1
        else:
            return
        customer.expected.append(Step(len(customer.expected) + 1, level, today.isoformat(), str(score), set_off_by))


def _score(customer: Customer, today: date) -> int:
    score = sum(minor for day, minor in customer.amounts if 0 <= (today - day).days < WINDOW_DAYS)
    if customer.ratings:
        *_, points, until = max(customer.ratings, key=lambda rating: rating[:3])
        if until is None or until >= today:
            score += points * MINOR_PER_POINT
    return score


def may_step(customer: Customer, at: datetime, policies: Sequence[Policy]) -> bool:
    """Whether a decision is still to be made as of an instant, after the accepted ones."""
    before = customer.expected
    customer.expected = list(customer.accepted)
    _decide(customer, at, "", policies)
    steps = len(customer.expected) > len(customer.accepted)
    customer.expected = before
    return steps


def net_meant(inbox: Iterable[SimRecord]) -> dict[str, dict[date, int]]:
    """By customer the net by day of what upstream holds true: of each record the highest revision."""
    highest: dict[tuple[str, ...], Meant] = {}
    for record in inbox:
        one = meant(record)
        if is_early(record, one.document) or one.key[0] != "record":
            continue
        known = highest.get(one.key)
        if known is None or known.revision < one.revision:
            highest[one.key] = one
    customers: dict[str, Customer] = {}
    for one in highest.values():
        customer = customers.setdefault(one.subject, Customer())
        if "amount" in one.document["data"]:
            at = datetime.fromisoformat(one.document["time"])
            customer.amounts.append(_amount(one.document["data"], at))
    return {subject: customer.net() for subject, customer in customers.items()}
