"""Faust: a keyed sum in a table on RocksDB with its changelog; its agent writes to MongoDB in bulk."""

import sys
from typing import Any

import faust
from pymongo import AsyncMongoClient, UpdateOne

from tests.bench.peers.summed import COLLECTION, DATABASE, KAFKA, MONGO_URI, STATE, TOPIC, added

BATCH, WITHIN_SECONDS = 1_000, 0.1

app = faust.App(
    TOPIC,
    broker=f"kafka://{KAFKA}",
    store="rocksdb://",
    datadir=STATE,
    topic_partitions=12,
    web_enabled=False,
    consumer_auto_offset_reset="earliest",
    broker_commit_every=BATCH,
)
sums = app.Table("sums", default=None, key_type=str, value_type=dict)
collection: Any = None


@app.agent(app.topic(TOPIC, key_type=str, key_serializer="raw", value_type=dict, value_serializer="json"))  # type: ignore[untyped-decorator]
async def fold(events: Any) -> None:
    global collection  # noqa: PLW0603 - made in the loop of the worker
    if collection is None:
        collection = AsyncMongoClient(MONGO_URI)[DATABASE][COLLECTION]
    async for some in events.take_events(BATCH, within=WITHIN_SECONDS):
        changed: dict[str, dict[str, Any]] = {}
        for one in some:
            key = one.key if isinstance(one.key, str) else one.key.decode()
            sums[key] = changed[key] = added(sums.get(key), one.value)
        writes = [UpdateOne({"_id": key}, {"$set": summed}, upsert=True) for key, summed in changed.items()]
        await collection.bulk_write(writes, ordered=False)


if __name__ == "__main__":
    sys.argv = [sys.argv[0], "worker", "--loglevel=warn", "--without-web"]
    app.main()
