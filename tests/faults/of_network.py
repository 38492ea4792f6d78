"""Faults of what lies between the services and their servers."""

import os

from tests.faults.fault import Fault
from tests.faults.servers import RUN
from tests.faults.stand import Stand

CUT_SECONDS, HELD_SECONDS = 4.0, 7.0
LONG_SECONDS = float(os.environ.get("GUANXI_FAULT_HOLD_SECONDS", "35"))
"""Longer than any timeout of a client."""
SLOW_SECONDS = 0.04


async def cuts(stand: Stand) -> None:
    """Each service loses each server once, connections ending, then once with everything hanging; at last, for longer
    than any timeout, all of MongoDB hangs.
    """
    servers = stand.servers
    for name in RUN:
        for relay in (servers.kafka.relays[name], servers.mongo_relays[name]):
            relay.cut()
            await stand.flow(CUT_SECONDS)
            relay.mend()
            await stand.flow(1.5)
            relay.hold()
            await stand.flow(HELD_SECONDS)
            relay.mend()
            await stand.flow(1.5)
    for relay in servers.mongo_relays.values():
        relay.hold()
    await stand.flow(LONG_SECONDS)
    for relay in servers.mongo_relays.values():
        relay.mend()
    await stand.flow(3.0)


async def slow_mongo(stand: Stand) -> None:
    """Each message to and from MongoDB takes some 40 ms longer each way."""
    for relay in stand.servers.mongo_relays.values():
        relay.slow_seconds = SLOW_SECONDS
    await stand.flow(20.0)
    for relay in stand.servers.mongo_relays.values():
        relay.mend()


FAULTS = (
    Fault("cuts", "network cut, and held up, between each service and each server", cuts, relayed=True),
    Fault("slow-mongo", f"MongoDB {2 * SLOW_SECONDS * 1000:.0f} ms further away", slow_mongo, relayed=True),
)
