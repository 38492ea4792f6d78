"""What is known of one customer from the service's own accepted decisions."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from services.tiering.policy import POTENTIAL, STRATEGIC
from shared.events.decisions import Decision, TierChanged, TierProposed
from shared.events.types import TIERS
from shared.facts.days import NEVER

RANKS: dict[str, int] = {tier: rank for rank, tier in enumerate(TIERS)}


class Grace(NamedTuple):
    """The entitlements of a tier that was left, kept through a day."""

    rank: int
    until: int


class Proposal(NamedTuple):
    """Strategic was proposed with this version; answers up to the number `answers_seen` came before it."""

    version: int
    answers_seen: int


@dataclass(frozen=True, slots=True)
class Standing:
    """The tier as readers see it.

    version, last: version and id of the last decision; rank, computed: the tier shown and the one below an override;
    has_risen: whether the computed tier has ever been above potential; changed_version, changed_day: of the last
    TierChanged; since_version, since_day: of the last one that changed the tier shown, which one under an override may
    not; began: the tier shown with which changed_day began; graces: entitlements that run on.
    """

    version: int = 0
    last: str | None = None
    rank: int = POTENTIAL
    computed: int = POTENTIAL
    has_risen: bool = False
    changed_version: int = 0
    changed_day: int = 0
    began: int = POTENTIAL
    graces: tuple[Grace, ...] = ()
    proposal: Proposal | None = None
    since_version: int = 0
    since_day: int = 0

    def began_with(self, day: int) -> int:
        """The tier shown with which a day, not before the last change, began."""
        return self.began if self.changed_day == day else self.rank

    def entitled(self, day: int) -> Grace | None:
        """The grace that counts on a day: the highest one, when it gives more than the tier shown."""
        if not self.graces:
            return None
        running = [grace for grace in self.graces if grace.until >= day and grace.rank > self.rank]
        return max(running) if running else None

    def next_due(self, day: int) -> int:
        """The next day on which time alone changes what the customer is entitled to."""
        return min((grace.until + 1 for grace in self.graces if grace.until >= day), default=NEVER)


def accept(standing: Standing, decision: Decision, decision_id: str) -> Standing:
    """The standing after a decision."""
    if isinstance(decision, TierProposed):
        proposal = None
        if decision.proposed_tier is not None:
            proposal = Proposal(decision.version, decision.answers_seen)
        return replace(standing, version=decision.version, last=decision_id, proposal=proposal)
    assert isinstance(decision, TierChanged), "tiering decides nothing else"
    day, computed = decision.effective_on.toordinal(), RANKS[decision.computed_tier]
    is_shown = RANKS[decision.to_tier] != standing.rank
    return Standing(
        version=decision.version,
        last=decision_id,
        rank=RANKS[decision.to_tier],
        computed=computed,
        has_risen=standing.has_risen or computed > POTENTIAL,
        changed_version=decision.version,
        changed_day=day,
        began=standing.began_with(day),
        graces=tuple(Grace(RANKS[grace.tier], grace.until.toordinal()) for grace in decision.graces),
        proposal=None if computed == STRATEGIC else standing.proposal,
        since_version=decision.version if is_shown else standing.since_version,
        since_day=day if is_shown else standing.since_day,
    )
