"""What flows through the checked system: histories of all kinds, live events, duplicates and refusals."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

from shared.events.registry import REVIEWED
from shared.kafka.batches import Outgoing
from shared.kafka.connection import partition_of
from tests.bench import load
from tests.generate import ANSWERS, CONTACTS, PURCHASING, TIERING, Seeded, history
from tests.oracle.engagement import TIER_CHANGED

HISTORIES = 32
CUSTOMERS = 40
LIVE = 400
REPEATED = 30


def histories(partitions: int) -> list[Outgoing]:
    """Backfilled facts of customers whose histories meet every rule; those that lie in the future are refused."""
    made = []
    for seed in range(HISTORIES):
        actions = (TIERING, CONTACTS, PURCHASING, ANSWERS)[seed % 4]
        facts = [
            one.event | {"subject": f"H{seed}", "source": f"{one.event['source']}/{seed}"}
            for one in history(Seeded(seed), actions, backfills=False)
            if one.event["type"] not in {REVIEWED, TIER_CHANGED}
        ]
        facts.sort(key=lambda fact: str(fact["time"]))
        made += [outgoing(f"customer:{fact['subject']}", fact, partitions, backfill=True) for fact in facts]
    return made


def live(partitions: int, seed: int = 7, count: int = LIVE) -> Iterator[Outgoing]:
    """Purchases, refunds and visits of the last year, some twice, some on a partition of the sender's choice."""
    now = datetime.now(UTC)
    for key, value in load.representatives(now):
        yield Outgoing(partition_of(key, partitions), key, value, [("content-type", b"application/json")])
    chance = Random(seed)
    events = list(load.mixed(count, CUSTOMERS, seed, now, prefix=f"live-{seed}"))
    for one in [*events, *chance.sample(events, min(REPEATED, count))]:
        sent = outgoing(f"customer:{one.customer}", one.event, partitions)
        if chance.random() < 0.2:
            sent = sent._replace(partition=chance.randrange(partitions), key=None)
        yield sent


def outgoing(key: str, event: dict[str, Any], partitions: int, *, backfill: bool = False) -> Outgoing:
    """An event as an upstream puts it on the inbox."""
    headers = [("content-type", b"application/json")]
    if backfill:
        headers.append(("backfill", b"1"))
    raw = key.encode()
    return Outgoing(partition_of(raw, partitions), raw, json.dumps(event, ensure_ascii=False).encode(), headers)
