"""The limits of the HTTP door, each with its reason; shared/limits.py counts the two limits over time."""

from dataclasses import dataclass

MAX_BODY_BYTES = 1024 * 1024
"""Largest request after decompression: bounds what one request can make the process hold."""
MAX_EVENTS = 500
"""Most events per request: bounds the work between two turns of the event loop, and the size of the answer."""
BODY_SECONDS = 20.0
"""Time to receive a body: a slow sender must not hold one of the slots below forever."""
BODY_GRACE_SECONDS = 5.0
LEAST_BODY_BYTES_PER_SECOND = 16 * 1024
"""Slowest body after the grace period: a sender slower than an old modem wastes a slot."""
WRITE_SECONDS = 10.0
"""Time for Kafka's acknowledgement; then the answer is 503, and it is safe to send again."""
LOOK_SECONDS = 0.15
"""Time to look up known claims: that only makes the answer more precise, so it must be cheap."""
MAX_IN_FLIGHT = 64
"""Most requests processed at once: 64 bodies of 1 MiB and their events stay well below a service's memory."""
MAX_IN_FLIGHT_PER_KEY = 16
"""Most of those per key, and never more than are still free, so that a few runaway keys leave slots for others."""
EVENTS_PER_SECOND = 2000.0
"""Per key, on average: a third of admission's throughput, so that one runaway upstream leaves room for others."""
BURST_SECONDS = 5.0
"""How many seconds' worth a key may send at once after a pause."""
RETRY_AFTER_BUSY_SECONDS = 1
RETRY_AFTER_UNAVAILABLE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """The limits that a deployment or a test may change; the others are part of the contract."""

    max_in_flight: int = MAX_IN_FLIGHT
    max_in_flight_per_key: int = MAX_IN_FLIGHT_PER_KEY
    events_per_second: float = EVENTS_PER_SECOND
    burst_seconds: float = BURST_SECONDS
    body_seconds: float = BODY_SECONDS
    body_grace_seconds: float = BODY_GRACE_SECONDS
    write_seconds: float = WRITE_SECONDS
    look_seconds: float = LOOK_SECONDS
