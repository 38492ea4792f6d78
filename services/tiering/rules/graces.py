"""Which entitlements a demotion leaves for a while (domain.md, Entitlements)."""

from datetime import date

from services.tiering.policy import PAYMENT
from services.tiering.rules.factors import Assessment
from services.tiering.rules.standing import Grace, Standing
from shared.events import decisions
from shared.events.types import TIERS

GRACE_DAYS = 30


def graces_after(standing: Standing, assessed: Assessment, day: int, rank: int, cause: str) -> tuple[Grace, ...]:
    """The graces that run after the tier shown becomes `rank`.

    A demotion keeps what the tier left gave through day + 30, but of none higher than the day began with; none when a
    known payment fails the gate of the tier left, nor by an override or its end. A payment gate or an override also
    ends what runs.
    """
    demoted = rank < standing.rank
    if cause == "override" or (demoted and _payment_fails(assessed, standing.rank)):
        return ()
    running = tuple(grace for grace in standing.graces if grace.until >= day)
    if not demoted or cause == "override_ended":
        return running
    kept = Grace(min(standing.rank, standing.began_with(day)), day + GRACE_DAYS)
    # A new grace outlasts every older one, so those of tiers no higher say nothing any more.
    return (*(grace for grace in running if grace.rank > kept.rank), kept)


def _payment_fails(assessed: Assessment, rank: int) -> bool:
    rung = assessed.policy.rungs.get(rank)
    if rung is None or not assessed.known[PAYMENT]:
        return False
    return any(factor == PAYMENT and assessed.points[factor] < gate for factor, gate in rung.gates)


def told(graces: tuple[Grace, ...]) -> tuple[decisions.Grace, ...]:
    """Graces as a decision carries them."""
    return tuple(decisions.Grace(tier=TIERS[grace.rank], until=date.fromordinal(grace.until)) for grace in graces)
