"""What engagement decides about a customer, and what it has decided (architecture.md, invariant 6)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Any

from services.engagement.rules.concerns import SEVERITIES
from services.engagement.rules.customer import Customer, CustomerRules, Resumption
from services.engagement.rules.figures import text
from services.engagement.rules.measuring import measured
from services.engagement.rules.plans import is_measured
from services.engagement.rules.satisfaction import INSTRUMENTS
from shared.events.codec import decision_id, format_instant
from shared.events.decisions import (
    ConcernOverdue,
    ContactLapsed,
    ContactResumed,
    Decision,
    RelationshipMeasured,
    SatisfactionDropped,
)
from shared.events.types import TIERS
from shared.facts.days import to_instant

MAX_DUE_DAYS_KEPT = 64
"""ContactLapsed comes once per due day; so many of the last due days are remembered."""

Ref = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """What was decided: due days announced as lapsed (the latest last), times resumed, turns announced by instrument,
    low answers and overdue (concern, round) announced, the last day as of which the relationship was measured.
    """

    version: int = 0
    last_id: str | None = None
    lapsed: tuple[int, ...] = ()
    resumed: int = 0
    turns: tuple[tuple[str, int], ...] = ()
    low: frozenset[Ref] = frozenset()
    overdue: frozenset[tuple[str, str, int]] = frozenset()
    measured: int = 0

    def accept(self, decision: Decision, name: str) -> "Standing":
        """With one more decision."""
        standing = replace(self, version=decision.version, last_id=name)
        if isinstance(decision, ContactLapsed):
            lapsed = (*self.lapsed, decision.due_on.toordinal())
            return replace(standing, lapsed=lapsed[-MAX_DUE_DAYS_KEPT:])
        if isinstance(decision, ContactResumed):
            return replace(standing, resumed=decision.times)
        if isinstance(decision, ConcernOverdue):
            overdue = (decision.concern_source, decision.concern_id, decision.round)
            return replace(standing, overdue=self.overdue | {overdue})
        if isinstance(decision, SatisfactionDropped) and decision.kind == "trend":
            turns = dict(self.turns) | {decision.instrument: decision.turn or 0}
            return replace(standing, turns=tuple(sorted(turns.items())))
        if isinstance(decision, SatisfactionDropped):
            return replace(standing, low=self.low | {(decision.survey_source or "", decision.survey_id or "")})
        if isinstance(decision, RelationshipMeasured):
            return replace(standing, measured=decision.effective_on.toordinal())
        raise TypeError(f"{type(decision).__name__} is not a decision of engagement")


def decide(customer: Customer, standing: Standing, rules: CustomerRules) -> list[Decision]:
    """The decisions due as of the clock, in order."""
    if customer.clock is None:
        return []
    version, last_id = standing.version, standing.last_id
    effective_on = date.fromordinal(customer.today)
    decisions: list[Decision] = []
    for kind, fields in _due(customer, standing, rules):
        version += 1
        decision = kind(version=version, after=last_id, effective_on=effective_on, **fields)
        last_id = decision_id(customer.id, decision)
        decisions.append(decision)
    return decisions


def _due(
    customer: Customer, standing: Standing, rules: CustomerRules
) -> Iterator[tuple[type[Decision], dict[str, Any]]]:
    # First: of the day before, and nothing that is decided today changes it.
    if standing.measured < customer.today and is_measured(customer.today, customer.tiers, customer.plans):
        yield RelationshipMeasured, measured(customer, rules, customer.today - 1)
    yield from _contact(customer, standing, rules)
    if customer.answers:
        yield from _satisfaction(customer, standing)
    if customer.concerns:
        yield from _concerns(customer, standing, rules)


def _contact(
    customer: Customer, standing: Standing, rules: CustomerRules
) -> Iterator[tuple[type[Decision], dict[str, Any]]]:
    contact = rules.contact(customer)
    last_on = None if contact.last_on is None else date.fromordinal(contact.last_on)
    resumption = customer.resumption
    if resumption is not None and resumption.times > standing.resumed and _is_news(resumption, customer, standing):
        yield (
            ContactResumed,
            {
                "cause": resumption.cause,
                "lapsed_due_on": date.fromordinal(resumption.lapsed_due_on),
                "last_contact_on": last_on,
                "times": resumption.times,
            },
        )
    if contact.status == "lapsed" and contact.due_on is not None and contact.due_on not in standing.lapsed:
        yield (
            ContactLapsed,
            {
                "due_on": date.fromordinal(contact.due_on),
                "last_contact_on": last_on,
                "cadence_days": contact.cadence_days,
                "tier": customer.tiers.name_at(customer.clock),
            },
        )


def _is_news(resumption: Resumption, customer: Customer, standing: Standing) -> bool:
    """Whether the lapse that ended was told of; one amid history was not. It may have come again since."""
    due_on = resumption.lapsed_due_on
    return due_on in standing.lapsed and (customer.lapse is None or customer.lapse.due_on != due_on)


def _satisfaction(customer: Customer, standing: Standing) -> Iterator[tuple[type[Decision], dict[str, Any]]]:
    announced = dict(standing.turns)
    for instrument in INSTRUMENTS:
        turn = customer.answers.turns.get(instrument)
        if turn is None or not turn.down or turn.times <= announced.get(instrument, 0):
            continue
        this, last = customer.answers.years(instrument, customer.today)
        yield (
            SatisfactionDropped,
            {
                "instrument": instrument,
                "kind": "trend",
                "turn": turn.times,
                "n": this.n,
                "value": text(this.value or Fraction()),
                "n_before": last.n,
                "value_before": text(last.value or Fraction()),
            },
        )
    for ref, answer in customer.answers.low(customer.today):
        if ref not in standing.low:
            yield (
                SatisfactionDropped,
                {
                    "instrument": INSTRUMENTS[answer.instrument],
                    "kind": "answer",
                    "survey_source": ref[0],
                    "survey_id": ref[1],
                    "score": answer.score,
                },
            )


def _concerns(
    customer: Customer, standing: Standing, rules: CustomerRules
) -> Iterator[tuple[type[Decision], dict[str, Any]]]:
    assert customer.clock is not None, "deciding needs a clock"
    overdue = []
    for ref, raised, rank, loop in customer.concerns.standing(customer.tiers, rules.entitlements):
        waiting, number = loop.open_round, len(loop.rounds) - 1
        if waiting is None or waiting.deadline is None or not waiting.is_overdue(customer.clock):
            continue
        if (*ref, number) not in standing.overdue:
            overdue.append((waiting.deadline, ref, number, raised.severity, rank))
    for deadline, (source, concern_id), number, severity, rank in sorted(overdue):
        yield (
            ConcernOverdue,
            {
                "concern_id": concern_id,
                "concern_source": source,
                "severity": SEVERITIES[severity],
                "tier": TIERS[rank],
                "round": number,
                "deadline": format_instant(to_instant(deadline)),
            },
        )
