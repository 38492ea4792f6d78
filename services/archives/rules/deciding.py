"""What archives decides: a profile has lapsed, a profile is restored (domain.md, Archives)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from services.archives.rules.customer import Customer, as_of_clock
from services.archives.rules.profiles import Key, Standing
from services.archives.rules.templates import Templates
from shared.events.codec import decision_id
from shared.events.decisions import Decision, ProfileLapsed, ProfileRestored


@dataclass(frozen=True, slots=True)
class Decided:
    """The accepted decisions: the due day of the lapse that stands, by profile."""

    version: int = 0
    last: str | None = None
    lapsed: dict[Key, int] = field(default_factory=dict)

    def accept(self, decision: Decision, decision_id: str) -> "Decided":
        """With a decision more."""
        assert isinstance(decision, ProfileLapsed | ProfileRestored), "archives decides nothing else"
        key = Key(decision.profile, decision.vendor_id or "")
        lapsed = {one: day for one, day in self.lapsed.items() if one != key}
        if isinstance(decision, ProfileLapsed):
            lapsed[key] = decision.due_on.toordinal()
        return Decided(decision.version, decision_id, lapsed)


def decide(customer: Customer, decided: Decided, templates: Templates) -> list[Decision]:
    """The decisions due as of the clock, in order."""
    version, last = decided.version, decided.last
    decisions: list[Decision] = []
    for kind, fields in _due(customer, decided, templates):
        version += 1
        decision = kind(
            version=version,
            after=last,
            effective_on=date.fromordinal(customer.today),
            **fields,
        )
        last = decision_id(customer.id, decision)
        decisions.append(decision)
    return decisions


def _due(customer: Customer, decided: Decided, templates: Templates) -> Iterator[tuple[type[Decision], dict[str, Any]]]:
    profiles = as_of_clock(customer, templates)
    for key in sorted({*profiles, *decided.lapsed}):
        standing, stands = profiles.get(key), decided.lapsed.get(key)
        of = {"profile": key.kind, "vendor_id": key.vendor_id or None, "tier": customer.tier}
        if standing is not None and standing.lapsed and standing.due_on is not None:
            if stands is None or standing.due_on > stands:
                yield ProfileLapsed, of | _lapse(standing, standing.due_on)
        elif stands is not None:
            yield ProfileRestored, of | {"lapsed_due_on": date.fromordinal(stands)}


def _lapse(standing: Standing, due_on: int) -> dict[str, Any]:
    return {
        "due_on": date.fromordinal(due_on),
        "completeness": str(standing.completeness),
        "freshness": str(standing.freshness),
        "late": standing.late,
    }
