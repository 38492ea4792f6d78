"""The live phase of the demo: events through the HTTP door on customers set aside, so that no real figure changes.

Each of them is registered (which warms everything up), buys and is visited, returns all of it and is visited again:
its net stays zero.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from local.demo.cloudevents import CloudEvent, cloud_event
from local.demo.latency import Latencies, Probe, Send, door_to_view
from shared.mongo import Database
from shared.mongo.generations import current_generation

CUSTOMERS = 750
EVENTS_PER_SECOND = 200.0
"""What all services on the two cores of a small machine keep up with; above it, the demo would show its own queue."""
EVENTS_PER_REQUEST = 5
SOURCE = "simulated/live"
PREFIX = "demo-live-"


async def live_phase(send: Send, database: Database, now: datetime, narrate: Callable[[int, int], None]) -> Latencies:
    """Sends it all and gives the latencies of what came after the warm-up. `narrate` gets (done, of how many)."""
    tiering = f"tiering_g{await current_generation(database, 'tiering')}"
    engagement = f"engagement_g{await current_generation(database, 'engagement')}"
    run = now.strftime("%Y%m%dT%H%M%S")
    customers = [f"{PREFIX}{run}-{number:04}" for number in range(CUSTOMERS)]
    warm_up = [Probe(_registered(one, now), tiering) for one in customers]
    rounds = [
        [
            *chain.from_iterable(
                (Probe(money(one, now), tiering), Probe(_visited(one, number, now), engagement)) for one in customers
            )
        ]
        for number, money in enumerate((_bought, _returned))
    ]
    total = len(warm_up) + sum(map(len, rounds))
    found, done = Latencies(), 0

    def progress(sent: int) -> None:
        narrate(done + sent, total)

    for probes in (warm_up, *rounds):
        some = await door_to_view(
            send,
            database,
            probes,
            events_per_second=EVENTS_PER_SECOND,
            events_per_request=EVENTS_PER_REQUEST,
            progress=progress,
        )
        done += len(probes)
        found.refused += some.refused
        found.missing += some.missing
        if probes is not warm_up:
            found.milliseconds += some.milliseconds
            found.seconds += some.seconds
    return found


def _registered(customer: str, now: datetime) -> CloudEvent:
    return _event(customer, "registered", "customer.registered", now, {"name": f"Live phase {customer}"})


def _bought(customer: str, now: datetime) -> CloudEvent:
    data = {"purchase_id": f"P-{customer}", "amount": "1250.00", "currency": "GBP"}
    return _event(customer, "bought", "purchase.recorded", now, data)


def _returned(customer: str, now: datetime) -> CloudEvent:
    data = {"refund_id": f"R-{customer}", "amount": "1250.00", "currency": "GBP", "purchase_id": f"P-{customer}"}
    return _event(customer, "returned", "purchase.refunded", now, data)


def _visited(customer: str, number: int, now: datetime) -> CloudEvent:
    data = {
        "visit_id": f"V-{customer}-{number}",
        "kind": "routine",
        "channel": "onsite",
        "participants": [{"rep_id": "demo-live", "role": "engineer"}],
        "attendees": [{"name": "王小明", "department": "采购部"}],
        "consensus": "样品已确认",
    }
    return _event(customer, f"visited-{number}", "visit.logged", now + timedelta(seconds=number), data)


def _event(customer: str, what: str, kind: str, at: datetime, data: dict[str, Any]) -> CloudEvent:
    return cloud_event(SOURCE, f"{what}-{customer}", kind, customer, at, data)
