"""What a policy allows but probably does not mean."""

from collections.abc import Iterator
from itertools import pairwise

from services.tiering.policy import FACTORS, GROWTH, MARGIN, PAYMENT, RATED, VOLUME, Policy, Rung
from shared.events.types import TIERS

MOST = 1000


def warnings(policy: Policy) -> list[str]:
    """Sentences, each with the tier that it is about."""
    told = [f"{TIERS[rung.rank]}: {what}" for rung in policy.ladder for what in _about(rung, policy)]
    for above, below in pairwise(policy.ladder):
        told += [f"{TIERS[below.rank]}: {what}" for what in _between(above, below)]
    return told


def _about(rung: Rung, policy: Policy) -> Iterator[str]:
    most = most_points(policy)
    best = sum(weight * points for weight, points in zip(policy.weights, most, strict=True)) // 100
    if rung.enter > best:
        yield f"no one can reach {rung.enter / 10}; the best score is {best / 10}"
    if rung.hold == rung.enter:
        yield "hold equals enter: a customer at the border may change tier with every purchase"
    for factor, least in rung.gates:
        name = FACTORS[factor]
        if factor not in RATED and not policy.weights[factor]:
            passes = "everyone passes" if least <= policy.unknown else "no one can pass"
            yield f"gate on {name}, which has no weight and scores as unknown: {passes}"
        elif least > most[factor]:
            yield f"gate on {name} at {least / 100}: no one can pass, it scores {most[factor] / 100} at most"


def most_points(policy: Policy) -> tuple[int, ...]:
    """The most points (hundredths) that each factor can score."""
    curves = {VOLUME: policy.volume, GROWTH: policy.growth, MARGIN: policy.margin}
    tops = {factor: curve[-1][1] for factor, curve in curves.items()} | {PAYMENT: policy.payment[0]}
    return tuple(max(tops.get(factor, MOST), policy.unknown) for factor in range(len(FACTORS)))


def _between(above: Rung, below: Rung) -> Iterator[str]:
    if above.enter <= below.enter:
        yield f"its enter score is not below {TIERS[above.rank]}'s"
    gates = dict(above.gates)
    for factor, least in below.gates:
        if least > gates.get(factor, 0):
            yield f"its gate on {FACTORS[factor]} is above {TIERS[above.rank]}'s"
