"""What is done to the system in a run, drawn from its seed."""

from collections.abc import Sequence
from random import Random

from tests.sim.plan import INGEST, MEMBERS, SENDING_SECONDS, Action, Kind

Point = tuple[str, bool]
"""A place in a process's work: an operation, and whether its answer is meant or its request."""

_INGEST_POINTS: tuple[Point, ...] = (
    ("fetch", True),
    ("read:claims", False),
    ("read:claims", True),
    ("write:claims", False),
    ("write:claims", True),
    ("append:guanxi.log", False),
    ("append:guanxi.log", True),
    ("append:guanxi.rejected", True),
    ("write:admission_positions", False),
    ("write:admission_positions", True),
    ("read:admission_positions", True),
    ("ends", True),
)
_KINDS: tuple[tuple[Kind, ...], ...] = (("crash",), ("pause", "cut"), ("crash", "pause", "cut"), ("slow",), ("lose",))


def fold_points(service: str, documents: str, tells: str = "") -> tuple[Point, ...]:
    """Where a folding service may be harmed. Where the promises are made stands twice; where positions are looked up
    stands last. `tells`: the topic of one that decides nothing and writes no other.
    """
    log, told = tells or "guanxi.log", tells or "guanxi.tiers"
    positions, states = f"{service}_positions", f"{documents}_g1"
    return (
        ("fetch", True),
        (f"write:{positions}", False),
        (f"write:{positions}", False),
        (f"read:{states}", False),
        (f"read:{states}", True),
        (f"append:{log}", False),
        (f"append:{log}", True),
        (f"append:{log}", True),
        (f"write:{states}", False),
        ("commit", False),
        ("commit", True),
        (f"append:{told}", False),
        (f"read:{positions}", True),
        ("ends", True),
    )


def _published(documents: str, tells: str) -> tuple[Point, ...]:
    """Points at which decisions have left and nothing else has."""
    return (f"append:{tells or 'guanxi.log'}", True), (f"write:{documents}_g1", False), ("commit", False)


def draw_actions(
    random: Random,
    folding: Sequence[tuple[str, str, str]],
    subjects: Sequence[str],
    jumps_seconds: Sequence[int],
    *,
    disagree: bool,
) -> list[Action]:
    """`folding` are the folding services, each with its collection and the topic that it tells on, where it
    writes no other.
    """
    actions: list[Action] = []
    wanted = "fold" if disagree else random.choice(("ingest", "ingest", "fold", "fold", "both", "none"))
    if wanted in {"ingest", "both"}:
        actions += _harm(random, INGEST, _INGEST_POINTS, random.choice(_KINDS))
    if wanted in {"fold", "both"}:
        service, documents, tells = random.choice(folding)
        points, kinds = fold_points(service, documents, tells), random.choice(_KINDS)
        if disagree and random.random() < 0.7:
            points, kinds = _published(documents, tells), random.choice(_KINDS[:3])
        actions += _harm(random, service, points, kinds)
    for _ in range(_some(random, 5, 0.6)):
        actions.append(Action(_when(random), "jump", seconds=random.choice(jumps_seconds)))
    for _ in range(_some(random, 5, 0.4)):
        actions.append(Action(_when(random), "review", subject=random.choice(subjects)))
    return actions + [Action(_when(random), "replay") for _ in range(_some(random, 2, 0.4))]


def _harm(random: Random, service: str, points: Sequence[Point], kinds: Sequence[Kind]) -> list[Action]:
    """Processes that die, stop, lose touch or wait, in most seeds at the same point of their work again and again."""
    focus = random.choice(points) if random.random() < 0.7 else None
    if "slow" in kinds and random.random() < 0.7:
        focus = random.choice(points[-2:])
        if random.random() < 0.5:
            focus = points[-1]
    elif kinds == ("lose",) and random.random() < 0.5:
        focus = ("append:guanxi.log", False)
    actions = []
    for _ in range(random.randint(3 if "slow" in kinds else 1, 6)):
        kind = random.choice(kinds)
        operation, answer = focus or random.choice(points)
        if kind in {"crash", "pause", "cut"} and random.random() < 0.1:
            operation = ""
        actions.append(
            Action(
                at=_when(random),
                kind=kind,
                service=service,
                member=random.randrange(MEMBERS),
                operation=operation,
                answer=answer,
                seconds=random.choice((6.0, 12.0, 25.0) if kind == "slow" else (0.5, 3.0, 6.0, 12.0, 25.0)),
            )
        )
    rebalances = _some(random, 5, 0.9 if "slow" in kinds else 0.3)
    return actions + [Action(_when(random), "rebalance", service=service) for _ in range(rebalances)]


def _when(random: Random) -> float:
    return random.uniform(0, SENDING_SECONDS)


def _some(random: Random, most: int, probability: float) -> int:
    return random.randint(1, most) if random.random() < probability else 0
