"""Faust: a keyed sum in a table on RocksDB with its changelog; its agent writes to MongoDB in bulk."""

import sys
from typing import Any

import faust
from pymongo import AsyncMongoClient, UpdateOne

from tests.bench.peers.summed import COLLECTION, DATABASE, KAFKA, MONGO_URI, STATE, TOPIC, added

BATCH, WITHIN_SECONDS = 1_000, 0.1
LINGER_SECONDS = 0.02
"""Else each change of the table is a request to Kafka."""

app = faust.App(
    TOPIC,
    broker=f"kafka://{KAFKA}",
    store="rocksdb://",
    datadir=STATE,
    topic_partitions=12,
    web_enabled=False,
    consumer_auto_offset_reset="earliest",
    broker_commit_every=BATCH,
    producer_linger=LINGER_SECONDS,
)
sums = app.Table("sums", key_type=str)
changed: dict[str, dict[str, Any]] = {}
clients: list[Any] = []
"""One, made in the loop of the worker."""


@app.agent(app.topic(TOPIC, key_type=bytes, key_serializer="raw", value_serializer="json"))  # type: ignore[untyped-decorator]
async def fold(events: Any) -> None:
    async for one in events.events():
        key = one.key.decode()
        sums[key] = changed[key] = added(sums.get(key), one.value)
        if len(changed) >= BATCH:
            await write()


@app.timer(WITHIN_SECONDS)  # type: ignore[untyped-decorator]
async def write() -> None:
    if not clients:
        clients.append(AsyncMongoClient(MONGO_URI))
    writes = [UpdateOne({"_id": key}, {"$set": summed}, upsert=True) for key, summed in changed.items()]
    changed.clear()
    if writes:
        await clients[0][DATABASE][COLLECTION].bulk_write(writes, ordered=False)


if __name__ == "__main__":
    sys.argv = [sys.argv[0], "worker", "--loglevel=warn", "--without-web"]
    app.main()
