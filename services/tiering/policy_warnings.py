"""What a policy allows but probably does not mean."""

from collections.abc import Iterator
from itertools import pairwise

from services.tiering.policy import FACTORS, RATED, Policy, Rung
from shared.events.types import TIERS

MOST = 1000


def warnings(policy: Policy) -> list[str]:
    """Sentences, each with the tier that it is about."""
    told = [f"{TIERS[rung.rank]}: {what}" for rung in policy.ladder for what in _about(rung, policy)]
    for above, below in pairwise(policy.ladder):
        told += [f"{TIERS[below.rank]}: {what}" for what in _between(above, below)]
    return told


def _about(rung: Rung, policy: Policy) -> Iterator[str]:
    best = sum(weight * MOST for weight in policy.weights) // 100
    if rung.enter > best:
        yield f"no one can reach {rung.enter / 10}; the best score is {best / 10}"
    if rung.hold == rung.enter:
        yield "hold equals enter: a customer at the border changes its tier with every purchase"
    for factor, least in rung.gates:
        name = FACTORS[factor]
        if factor in RATED or policy.weights[factor]:
            continue
        passes = "everyone passes" if least <= policy.unknown else "no one can pass"
        yield f"gate on {name}, which weighs nothing and scores as unknown: {passes}"


def _between(above: Rung, below: Rung) -> Iterator[str]:
    if above.enter <= below.enter:
        yield f"entered at a score no lower than {TIERS[above.rank]}'s"
    gates = dict(above.gates)
    for factor, least in below.gates:
        if least > gates.get(factor, 0):
            yield f"its gate on {FACTORS[factor]} is above {TIERS[above.rank]}'s"
