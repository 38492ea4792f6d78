"""The tiering of one customer, recomputed from its whole log on every single day (domain.md, Tiering).

Slow and obvious: no due days, no running sums. After every record, and on every day between two records, all
factors are computed anew from all facts known so far, and the decisions that follow are noted down.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from tests.oracle.factors import Book, Judged, at_risk, book, first_purchase, judge, unconverted
from tests.oracle.facts import REVIEWED, Fact, Logged, business_day, day, days_between, of_type, owner, standing
from tests.oracle.policies import TIERS, Policy, in_force
from tests.oracle.would_change import WouldChange, would_change

MAX_OVERRIDE_DAYS = 365
AT_THE_END = "at the end"


@dataclass(frozen=True)
class Changed:
    version: int
    effective_on: date
    from_tier: str
    to_tier: str
    cause: str
    computed_tier: str
    dormant: bool
    score: Fraction
    points: dict[str, Fraction]
    known: frozenset[str]
    known_weight: int
    policy_version: int
    entitled_tier: str
    entitled_until: date | None


@dataclass(frozen=True)
class Proposed:
    version: int
    effective_on: date
    proposed_tier: str | None
    score: Fraction


@dataclass
class Proposal:
    """`heard` is how many answers had come when it was made: none of those is for it."""

    version: int
    heard: int
    status: Literal["open", "declined"] = "open"


class Answer(NamedTuple):
    """An approval or a decline; it counts from its day."""

    on: date
    number: int
    version: int
    approves: bool


@dataclass(frozen=True)
class Outcome:
    """What a reader sees at the end, and every decision on the way."""

    as_of: datetime
    decisions: list[Changed | Proposed]
    tier: str
    computed_tier: str
    dormant: bool
    proposed_tier: str | None
    judged: Judged
    at_risk: bool
    unconverted: set[str]
    entitled_tier: str
    entitled_until: date | None
    explained: dict[int, WouldChange]

    @property
    def changes(self) -> list[Changed]:
        return [one for one in self.decisions if isinstance(one, Changed)]


def tier_on(decisions: Sequence[Changed | Proposed], on: date) -> str:
    """The tier as of a day: the last change with effective_on up to it."""
    changes = [one for one in decisions if isinstance(one, Changed) and one.effective_on <= on]
    return changes[-1].to_tier if changes else "potential"


def tiering(
    log: Sequence[Logged], policies: tuple[Policy, ...], zone: ZoneInfo, as_of: datetime, *, explained: bool = False
) -> Outcome:
    """Tier a customer from its log in log order; time then passes up to `as_of`.

    `explained` asks for what would change the tier after each change, which takes a while.
    """
    return tierings(log, policies, zone, [as_of], explained=explained)[-1]


def tierings(
    log: Sequence[Logged],
    policies: tuple[Policy, ...],
    zone: ZoneInfo,
    as_of: Sequence[datetime],
    *,
    explained: bool = False,
) -> list[Outcome]:
    """What a reader sees at each of some instants after the log; the last has all decisions."""
    run = _Run(policies, explained={} if explained else None)
    clock: datetime | None = None
    seen: list[Logged] = []
    state = book([])
    outcomes = []
    for logged in [*log, *map(_review, as_of)]:
        before, clock = clock, logged.clock if clock is None else max(clock, logged.clock)
        today = business_day(clock, zone)
        if before is not None:
            for passed in days_between(business_day(before, zone) + timedelta(1), today):
                run.decide(state, passed)
        if logged.event["type"] != REVIEWED:
            seen.append(logged)
            state = book(standing(seen, zone))
            run.hear(state, logged, zone)
            run.decide(state, today)
        if logged.event.get("id") == AT_THE_END:
            outcomes.append(run.outcome(state, clock, today))
    return outcomes


def _review(at: datetime) -> Logged:
    return Logged({"type": REVIEWED, "id": AT_THE_END, "time": at.isoformat()}, at)


@dataclass
class _Run:
    policies: tuple[Policy, ...]
    explained: dict[int, WouldChange] | None = None
    decisions: list[Changed | Proposed] = field(default_factory=list)
    tier: str = "potential"
    computed: str = "potential"
    has_risen: bool = False
    proposal: Proposal | None = None
    approved: bool = False
    heard: int = 0
    answers: list[Answer] = field(default_factory=list)
    grace: list[tuple[str, date]] = field(default_factory=list)

    def hear(self, state: Book, logged: Logged, zone: ZoneInfo) -> None:
        """Take in an answer to a proposal; an approval by the account manager of its day is none."""
        data, name = logged.event["data"], logged.event["type"]
        if name not in {"guanxi.tier.approved.v1", "guanxi.tier.declined.v1"}:
            return
        given_on = day(data["occurred_on"]) if data.get("occurred_on") else business_day(logged.time, zone)
        approves = name == "guanxi.tier.approved.v1"
        self.heard += 1
        if not approves or data["approved_by"] != owner(state.facts, "account_manager", given_on):
            self.answers.append(Answer(given_on, self.heard, data["proposal_version"], approves))

    def _is_approved(self, today: date) -> bool:
        """Whether the open proposal has been approved by now; the first answer settles it."""
        asked = self.proposal
        if asked is None or asked.status != "open":
            return False
        given = [one for one in self.answers if one.version == asked.version and one.number > asked.heard]
        first = min((one for one in given if one.on <= today), default=None)
        if first is not None and not first.approves:
            asked.status = "declined"
        return first is not None and first.approves

    def decide(self, state: Book, today: date) -> None:
        policy = in_force(self.policies, today)
        judged = judge(state, policy, today)
        self.approved = self._is_approved(today)
        computed, waits = compute(judged, policy, self.computed, approved=self.approved)
        override = override_in_force(state.facts, today)
        tier = override or computed
        changes = (tier, computed) != (self.tier, self.computed)
        if changes:
            cause = self._cause(state, policy, judged, computed, tier, override, today)
            self._change(state, policy, judged, computed, tier, cause, today)
        if computed == "strategic":
            self.proposal = None
        if waits and self.proposal is None:
            self._propose("strategic", judged, today)
            self.proposal = Proposal(len(self.decisions), self.heard)
        if not waits and self.proposal is not None:
            self._propose(None, judged, today)
            self.proposal = None
        if changes and self.explained is not None:
            version = max(one.version for one in self.decisions if isinstance(one, Changed))
            ahead = replace(self, explained=None, decisions=[*self.decisions], grace=[*self.grace])
            self.explained[version] = would_change(state, policy, today, compute, ahead)

    def _change(
        self, state: Book, policy: Policy, judged: Judged, computed: str, tier: str, cause: str, today: date
    ) -> None:
        if _rank(tier) < _rank(self.tier) or cause == "override":
            self._keep_entitlements(policy, judged, cause, today)
        left = self.tier
        self.tier, self.computed = tier, computed
        self.has_risen = self.has_risen or computed != "potential"
        entitled_tier, entitled_until = self.entitled(today)
        self.decisions.append(
            Changed(
                version=len(self.decisions) + 1,
                effective_on=today,
                from_tier=left,
                to_tier=tier,
                cause=cause,
                computed_tier=computed,
                dormant=computed == "potential" and first_purchase(state, today) is not None,
                score=judged.score,
                points={name: factor.points for name, factor in judged.factors.items()},
                known=frozenset(name for name, factor in judged.factors.items() if factor.known),
                known_weight=judged.known_weight,
                policy_version=policy.version,
                entitled_tier=entitled_tier,
                entitled_until=entitled_until,
            )
        )

    def _keep_entitlements(self, policy: Policy, judged: Judged, cause: str, today: date) -> None:
        """A demotion keeps what the tier left gave for a while, unless a payment gate or an override is at work.

        "Higher than the day began with" is read of tiers, not of entitlements."""
        gate = policy.ranks[self.tier].gates.get("payment") if self.tier in policy.ranks else None
        payment = judged.factors["payment"]
        if cause == "override" or (gate is not None and payment.known and payment.points < gate):
            self.grace = []
        elif cause != "override_ended":
            began_with = tier_on(self.decisions, today - timedelta(1))
            kept = min(self.tier, began_with, key=_rank)
            self.grace.append((kept, today + timedelta(policy.grace_days)))

    def _cause(
        self, state: Book, policy: Policy, judged: Judged, computed: str, tier: str, override: str | None, today: date
    ) -> str:
        if override is not None and tier != self.tier:
            return "override"
        if override is None and self.tier != self.computed:
            return "override_ended"
        if self.approved and computed == "strategic":
            return "approval"
        previous = self._previous_policy(policy, today)
        if previous is not None:
            otherwise, _ = compute(judge(state, previous, today), previous, self.computed, approved=self.approved)
            if otherwise != computed:
                return "policy"
        if not self.has_risen and computed != "potential":
            return "first_purchase"
        if not _net_holds(judged, self.computed):
            return "net"
        if not _gates_hold(judged, policy, self.computed):
            return "gate"
        return "score"

    def _previous_policy(self, policy: Policy, today: date) -> Policy | None:
        """The version before the one in force, on the day on which that one begins."""
        place = self.policies.index(policy)
        return self.policies[place - 1] if place > 0 and policy.effective_on == today else None

    def _propose(self, tier: str | None, judged: Judged, today: date) -> None:
        self.decisions.append(Proposed(len(self.decisions) + 1, today, tier, judged.score))

    def entitled(self, today: date) -> tuple[str, date | None]:
        running = [(_rank(kept), until) for kept, until in self.grace if until >= today]
        if not running or max(running)[0] <= _rank(self.tier):
            return self.tier, None
        rank, until = max(running)
        return TIERS[rank], until

    def outcome(self, state: Book, clock: datetime, today: date) -> Outcome:
        policy = in_force(self.policies, today)
        entitled_tier, entitled_until = self.entitled(today)
        return Outcome(
            as_of=clock,
            decisions=[*self.decisions],
            tier=self.tier,
            computed_tier=self.computed,
            dormant=self.computed == "potential" and first_purchase(state, today) is not None,
            proposed_tier="strategic" if self.proposal is not None and self.proposal.status == "open" else None,
            judged=judge(state, policy, today),
            at_risk=at_risk(state, policy, today),
            unconverted=unconverted(state, policy, today),
            entitled_tier=entitled_tier,
            entitled_until=entitled_until,
            explained=self.explained or {},
        )


def compute(judged: Judged, policy: Policy, present: str, *, approved: bool) -> tuple[str, bool]:
    """The highest tier that holds, and whether strategic would but for an approval."""
    waits = False
    for tier in ("strategic", "partner", "priority"):
        rank = policy.ranks[tier]
        asked = rank.hold if _rank(tier) <= _rank(present) else rank.enter
        if judged.score < asked or not _gates_hold(judged, policy, tier) or not _net_holds(judged, tier):
            continue
        if rank.approval and _rank(tier) > _rank(present) and not approved:
            waits = True
            continue
        return tier, waits
    return ("general" if _net_holds(judged, "general") else "potential"), waits


def override_in_force(facts: list[Fact], today: date) -> str | None:
    """The tier that the latest override sets, if it is not lifted or past."""
    spoken = [
        fact for fact in of_type(facts, "tier.overridden") + of_type(facts, "tier_override.lifted") if fact.day <= today
    ]
    latest = max(spoken, key=lambda fact: fact.order, default=None)
    if latest is None or "tier" not in latest.data:
        return None
    until = min(day(latest.data["expires_on"]), latest.day + timedelta(MAX_OVERRIDE_DAYS))
    return str(latest.data["tier"]) if today <= until else None


def _net_holds(judged: Judged, tier: str) -> bool:
    if tier == "potential":
        return True
    return judged.net_365d > 0 or (tier == "general" and judged.net_730d > 0)


def _gates_hold(judged: Judged, policy: Policy, tier: str) -> bool:
    gates = policy.ranks[tier].gates if tier in policy.ranks else {}
    return all(judged.factors[name].points >= least for name, least in gates.items())


def _rank(tier: str) -> int:
    return TIERS.index(tier)
