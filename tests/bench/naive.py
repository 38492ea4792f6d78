"""What one writes first: a FastStream handler that takes one message and makes one upsert.

A real small service, run as a process of its own, on the same Kafka and MongoDB: `python -m tests.bench.naive`. It
counts an event twice when it is sent twice, loses one when it dies between acknowledgement and write, knows no
amendment, decides nothing and keeps no history. It is here so that the cost of all that can be seen.
"""

import asyncio
from decimal import Decimal
from typing import Any

from faststream import FastStream
from faststream.kafka import KafkaBroker
from pydantic import BaseModel

from shared.mongo import connect
from shared.settings import Settings

TOPIC = "bench.naive"
COLLECTION = "bench_naive"


class Envelope(BaseModel):
    """As much of the event as the handler needs."""

    id: str
    type: str
    subject: str
    time: str
    data: dict[str, Any]


SIGN = {"guanxi.purchase.recorded.v1": 1, "guanxi.purchase.refunded.v1": -1}


async def main() -> None:
    settings = Settings()
    customers = connect(settings)[COLLECTION]
    broker = KafkaBroker(settings.kafka_bootstrap)

    @broker.subscriber(TOPIC, group_id="naive", auto_offset_reset="earliest")
    async def handle(event: Envelope) -> None:
        amount = int(100 * Decimal(event.data.get("amount", "0"))) * SIGN.get(event.type, 0)
        visit = event.type == "guanxi.visit.logged.v1"
        update: dict[str, Any] = {"$inc": {"net_minor": amount, "visits": int(visit), "events": 1}}
        if visit:
            update["$max"] = {"last_contact": event.time}
        await customers.update_one({"_id": event.subject}, update, upsert=True)

    await FastStream(broker).run()


if __name__ == "__main__":
    asyncio.run(main())
