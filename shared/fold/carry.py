"""What one fold of a key has published and not read back, taken over by another fold of the same key (architecture.md,
invariant 6).
"""

from collections.abc import Sequence
from typing import Any

from shared.events.registry import DECISIONS
from shared.fold.domain import S, T
from shared.fold.entity import Entity, Pending


def stored_pending(document: dict[str, Any]) -> list[Pending]:
    """The pending decisions of a stored document."""
    return [
        Pending(one["id"], DECISIONS[one["type"]].model_validate(one["data"])) for one in document.get("pending", ())
    ]


def carry(entity: Entity[S, T], pending: Sequence[Pending]) -> None:
    """Put another fold's pending decisions on top of the standing, those aside that it has accepted already. Where they
    do not follow it, another's decision has won: then they are dropped, and the customer is marked due.
    """
    domain = entity.domain
    version, last = domain.version(entity.standing)
    left = [one for one in pending if one.decision.version > version]
    head = entity.standing
    for one in left:
        version += 1
        if one.decision.version != version or one.decision.after != last:
            entity.marked_due = True
            return
        head, last = domain.accept(head, one.decision, one.id), one.id
    entity.pending, entity.head = left, head
