"""The limits of the HTTP door, each with its reason; shared/limits.py keeps to the two that are counted over time."""

from dataclasses import dataclass

MAX_BODY_BYTES = 1024 * 1024
"""Of one request, after decompression: bounds what a request can make the process hold."""
MAX_EVENTS = 500
"""Of one request: bounds the work between two looks at the event loop, and the answer's size."""
BODY_SECONDS = 20.0
"""To receive one body: a slow sender must not hold one of the places below for ever."""
BODY_GRACE_SECONDS = 5.0
LEAST_BODY_BYTES_PER_SECOND = 16 * 1024
"""Of a body, after the grace: who sends slower than an old modem holds a place for nothing."""
WRITE_SECONDS = 10.0
"""For Kafka's acknowledgement: then the answer is 503, and sending again is safe."""
LOOK_SECONDS = 0.15
"""For the look at known claims: it only makes the answer more telling, so it may not cost much."""
MAX_IN_FLIGHT = 64
"""Requests in work: 64 bodies of 1 MiB and what they become stay well under the memory of a service."""
MAX_IN_FLIGHT_PER_KEY = 16
"""Of those, of one key; and never more than are left free, so that a few keys gone wild leave places for another."""
EVENTS_PER_SECOND = 2000.0
"""Per key, over time: a third of what admission takes, so that one upstream gone wild leaves room for the others."""
BURST_SECONDS = 5.0
"""How many seconds' worth a key may send at once after a quiet time."""
RETRY_AFTER_BUSY_SECONDS = 1
RETRY_AFTER_UNAVAILABLE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """The limits that a deployment or a test may set otherwise; the others are part of the contract."""

    max_in_flight: int = MAX_IN_FLIGHT
    max_in_flight_per_key: int = MAX_IN_FLIGHT_PER_KEY
    events_per_second: float = EVENTS_PER_SECOND
    burst_seconds: float = BURST_SECONDS
    body_seconds: float = BODY_SECONDS
    body_grace_seconds: float = BODY_GRACE_SECONDS
    write_seconds: float = WRITE_SECONDS
    look_seconds: float = LOOK_SECONDS
