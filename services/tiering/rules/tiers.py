"""Which tier holds: scores, gates and the net test (domain.md, Tiers)."""

from typing import NamedTuple

from services.tiering.policy import FACTORS, GENERAL, POTENTIAL, Rung
from services.tiering.rules.factors import Assessment

KEY_PERSON_WORK = ("priority", "partner", "strategic")
"""Tiers that owe key-person work (domain.md, what each tier owes and gets)."""
ORGANISATIONAL = ("partner", "strategic")
"""Tiers that owe a relationship assessment and a group plan."""


class Verdict(NamedTuple):
    """The computed tier as a rank, and whether a higher one waits for approval alone."""

    rank: int
    waits: bool


def judge(assessed: Assessment, present: int, *, approved: bool) -> Verdict:
    """The highest tier that holds: one at or below the present one by its hold score, a higher one by its enter score.
    `approved` takes approvals as given.
    """
    waits = False
    if assessed.money.net > 0:
        for rung in assessed.policy.ladder:
            if not holds(assessed, rung, present):
                continue
            if rung.approval and rung.rank > present and not approved:
                waits = True
                continue
            return Verdict(rung.rank, waits)
        return Verdict(GENERAL, waits)
    return Verdict(GENERAL if net_holds(assessed, GENERAL) else POTENTIAL, waits)


def holds(assessed: Assessment, rung: Rung, present: int) -> bool:
    """Whether score and gates suffice for a scored tier."""
    least = rung.hold if rung.rank <= present else rung.enter
    if assessed.score < least:
        return False
    points = assessed.points
    return all(points[factor] >= gate for factor, gate in rung.gates)


def net_holds(assessed: Assessment, rank: int) -> bool:
    """Whether the customer has bought, net, as a tier demands."""
    if rank == POTENTIAL:
        return True
    money = assessed.money
    return money.net > 0 or (rank == GENERAL and money.net + money.previous > 0)


def gates_hold(assessed: Assessment, rank: int) -> bool:
    """Whether all gates of a tier are passed."""
    rung = assessed.policy.rungs.get(rank)
    return rung is None or not failing_gates(assessed, rung)


def failing_gates(assessed: Assessment, rung: Rung) -> list[str]:
    """The factors whose gate of a scored tier fails."""
    return [FACTORS[factor] for factor, gate in rung.gates if assessed.points[factor] < gate]
