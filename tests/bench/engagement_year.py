"""A year of a sales organisation, from a seed: representatives, customers with tiers and owners, and their visits, as
records of the log in order.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from random import Random
from typing import Any

from shared.events.codec import decision_id, encode
from shared.events.decisions import Decision, TierChanged
from shared.events.event import Event, LogPosition
from shared.events.registry import MODELS, NAMES
from shared.events.types import TIERS
from shared.kafka.connection import partition_of

START = datetime(2025, 11, 24, tzinfo=UTC)
END = datetime(2026, 11, 22, 12, tzinfo=UTC)
_DAYS = 363
_SHARES = (("general", 0.80, 1.0), ("priority", 0.14, 2.0), ("partner", 0.05, 4.0), ("strategic", 0.01, 8.0))
"""Tier, share of the customers, visits against a general customer's."""
_DEPARTMENTS = ("采购部", "技术部", "财务部", "生产部")
_CONSENSUS = (
    "双方同意下季度增加采购",
    "样品测试通过后签订框架协议",
    "Prices hold until March; trial order of two pallets",
)

Told = tuple[datetime, bytes, bytes, Any]
"""Append time, key, value, headers."""


@dataclass(frozen=True)
class Year:
    """All of it is a function of these four."""

    visits: int
    customers: int
    representatives: int
    seed: int

    @property
    def last_week(self) -> str:
        """The last ISO week."""
        year, week, _ = END.date().isocalendar()
        return f"{year}-W{week:02}"

    def representative(self, number: int) -> str:
        """Id of a representative; two thirds of them are account managers."""
        return f"R{number % self.representatives:04}"

    def tiers(self) -> Iterator[tuple[str, str]]:
        """(customer, tier) of all."""
        for number in range(self.customers):
            yield f"C{number:06}", self._tier(number)[0]

    def customer_of(self, tier: str) -> str:
        """Some customer of a tier."""
        return next(customer for customer, of in self.tiers() if of == tier)

    def told(self, partition: int, partitions: int) -> Iterator[Told]:
        """The records of one partition, by append time."""
        logs = [
            self._customer(number)
            for number in range(self.customers)
            if partition_of(f"customer:C{number:06}".encode(), partitions) == partition
        ]
        logs += [
            self._representative(number)
            for number in range(self.representatives)
            if partition_of(f"representative:{self.representative(number)}".encode(), partitions) == partition
        ]
        return merge(*logs, key=lambda told: told[0])

    def _tier(self, number: int) -> tuple[str, float]:
        draw = Random(f"{self.seed}/{number}").random()
        for tier, share, visits in _SHARES:
            draw -= share
            if draw < 0:
                return tier, visits
        return _SHARES[0][0], 1.0

    def _owners(self, number: int) -> tuple[str, str]:
        managers = self.representatives * 2 // 3
        products = managers + number % (self.representatives - managers)
        return self.representative(number % managers), self.representative(products)

    def _representative(self, number: int) -> Iterator[Told]:
        role = "account_manager" if number < self.representatives * 2 // 3 else "product_manager"
        name = self.representative(number)
        at = START + timedelta(seconds=number)
        fields = {"role": role, "active_from": "2025-01-01", "fte": "1" if number % 10 else "0.5", "team": "北区"}
        yield fact("representative.registered", f"r{number}", name, at, fields, kind="representative")

    def _customer(self, number: int) -> Iterator[Told]:
        chance, customer = Random(f"{self.seed}/{number}/facts"), f"C{number:06}"
        manager, product = self._owners(number)
        tier, weight = self._tier(number)
        at = START + timedelta(minutes=chance.randrange(24 * 60))
        profile = {"name": f"客户 {number}", "industry": "零售", "country": "CN", "region": "华东"}
        yield fact("customer.registered", f"{customer}-0", customer, at, profile)
        owners = {"from_on": at.date().isoformat(), "account_manager": manager, "product_manager": product}
        yield fact("account.assigned", f"{customer}-1", customer, at, owners)
        last = yield from self._tier_change(customer, 1, None, tier, at)
        events = list(self._events(chance, customer, weight, manager, product))
        if chance.random() < 0.1:
            other = chance.choice([one for one in TIERS[1:] if one != tier])
            events.append((START + timedelta(days=180), "tier", {"to": other, "last": last}))
        for index, (when, noun, data) in enumerate(sorted(events, key=lambda event: event[0]), start=2):
            if noun == "tier":
                yield from self._tier_change(customer, 2, data["last"], data["to"], when)
            else:
                yield fact(noun, f"{customer}-{index}", customer, when, data)
        yield fact("customer.reviewed", f"{customer}-end", customer, END, {})

    def _events(
        self, chance: Random, customer: str, weight: float, manager: str, product: str
    ) -> Iterator[tuple[datetime, str, dict[str, Any]]]:
        mean = self.visits * weight / (self.customers * sum(share * visits for _, share, visits in _SHARES))
        for index in range(int(mean + chance.random())):
            yield _moment(chance), "visit.logged", _visit(chance, f"{customer}-v{index}", customer, manager, product)
        for index in range(chance.choice((0, 0, 0, 1, 2))):
            score = chance.choice((10, 9, 9, 8, 7, 5))
            data = {"survey_id": f"{customer}-s{index}", "instrument": "nps", "score": score}
            yield _moment(chance), "satisfaction.surveyed", data
        if chance.random() < 0.1:
            fields = {"kind": "complaint", "severity": "minor", "about": "托盘破损"}
            yield _moment(chance), "concern.raised", {"concern_id": f"{customer}-k", **fields}
        if weight > 1:
            for index, role in enumerate(("decide", "approve", "influence")):
                person = {"person_id": f"{customer}-P{index}", "decision_role": role, "attitude": chance.randint(-1, 3)}
                yield _moment(chance), "key_person.assessed", {**person, "assessed_by": manager}
        if chance.random() < 0.02:
            goal = {"scope": "customer", "metric": "nps", "baseline": "0", "target": "50", "due_on": "2026-12-31"}
            yield _moment(chance), "goal.set", goal

    def _tier_change(
        self, customer: str, version: int, after: str | None, tier: str, at: datetime
    ) -> Generator[Told, None, str]:
        decision = TierChanged.model_validate(
            {
                "version": version,
                "after": after,
                "effective_on": at.date().isoformat(),
                "from": "potential",
                "to": tier,
                "cause": "score",
                "computed_tier": tier,
                "score": "50.0",
                "known_weight": 45,
                "factors": {},
                "policy": "scale",
                "policy_version": 1,
                "entitled_tier": tier,
            }
        )
        name = decision_id(customer, decision)
        yield _told(decision, name, "guanxi/tiering", customer, at)
        return name


def _moment(chance: Random) -> datetime:
    """Some hour of work in the year, a few days after its beginning."""
    return START + timedelta(days=chance.randrange(2, _DAYS), seconds=3600 + chance.randrange(9 * 3600))


def _visit(chance: Random, visit_id: str, customer: str, manager: str, product: str) -> dict[str, Any]:
    participants = [{"rep_id": manager, "role": "account_manager"}]
    if chance.random() < 0.2:
        participants.append({"rep_id": product, "role": "product_manager"})
    person = chance.randrange(6)
    return {
        "visit_id": visit_id,
        "kind": chance.choice(("routine", "routine", "routine", "technical_exchange", "executive")),
        "channel": chance.choice(("onsite", "onsite", "hosted", "phone")),
        "participants": participants,
        "attendees": [{"person_id": f"{customer}-P{person}", "department": _DEPARTMENTS[person % 4]}],
        "consensus": chance.choice((None, *_CONSENSUS)),
        "follow_ups": [{"what": "发送新的报价单"}] if chance.random() < 0.3 else [],
    }


def fact(noun: str, name: str, subject: str, at: datetime, data: dict[str, Any], kind: str = "customer") -> Told:
    fact = MODELS[f"guanxi.{noun}.v1"].model_validate(data)
    return _told(fact, name, "crm", subject, at, kind)


def _told(data: Any, name: str, source: str, subject: str, at: datetime, kind: str = "customer") -> Told:
    event = Event(NAMES[type(data)], name, source, subject, at, data, at, LogPosition(1, 0, 0))
    value, headers = encode(event)
    assert isinstance(data, Decision) or kind in {"customer", "representative"}, "one of the log's two kinds of keys"
    return at, f"{kind}:{subject}".encode(), value, headers
