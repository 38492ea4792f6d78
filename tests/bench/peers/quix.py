"""Quix Streams: a keyed sum in RocksDB with its changelog, and its own MongoDB sink."""

from typing import Any
from urllib.parse import urlsplit

from quixstreams import Application, State
from quixstreams.sinks.community.mongodb import MongoDBSink

from tests.bench.peers.summed import COLLECTION, DATABASE, KAFKA, MONGO_URI, STATE, TOPIC, added

COMMIT_SECONDS = 1.0
"""Its own 5 seconds would only make the last events wait."""


def _sum(event: dict[str, Any], state: State) -> dict[str, Any]:
    summed = added(state.get("sum"), event)
    state.set("sum", summed)
    return summed


def main() -> None:
    app = Application(
        broker_address=KAFKA,
        consumer_group=TOPIC,
        auto_offset_reset="earliest",
        state_dir=STATE,
        commit_interval=COMMIT_SECONDS,
    )
    events = app.dataframe(app.topic(TOPIC, key_deserializer="str", value_deserializer="json"))
    sink = MongoDBSink(host=urlsplit(MONGO_URI).netloc, db=DATABASE, collection=COLLECTION, replicaSet="guanxi")
    events.apply(_sum, stateful=True).sink(sink)
    app.run()


if __name__ == "__main__":
    main()
