"""The limits of the HTTP door, each with its reason, and the counters for the two limits over time."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

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
MAX_BUCKETS = 1000
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


@dataclass(slots=True)
class WorkPlaces:
    """Requests being processed, by key."""

    most: int
    most_per_key: int
    taken: int = 0
    of_key: Counter[str] = field(default_factory=Counter)

    def free_for(self, key: str) -> bool:
        """Whether a request with this key may start."""
        return self.of_key[key] < min(self.most_per_key, self.most - self.taken)

    @contextmanager
    def one(self, key: str) -> Iterator[None]:
        """Holds a slot while a request is processed."""
        self.taken += 1
        self.of_key[key] += 1
        try:
            yield
        finally:
            self.taken -= 1
            self.of_key[key] -= 1
            if not self.of_key[key]:
                del self.of_key[key]


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_seconds: float


@dataclass(slots=True)
class RateLimit:
    """A token bucket per key. The number of events is known only after a request is read, so a request may start while
    the bucket is not empty and is charged afterwards; the debt must be paid off before the next one.

    Times are seconds of a monotonic clock; `per_second` is the limit of this key.
    """

    burst_seconds: float
    _buckets: OrderedDict[str, _Bucket] = field(default_factory=OrderedDict)

    def wait_seconds(self, key: str, per_second: float, now_seconds: float) -> float:
        """0 if a request may start now, else how long to wait."""
        tokens = self._bucket(key, per_second, now_seconds).tokens
        return 0.0 if tokens > 0 else (1 - tokens) / per_second

    def charge(self, key: str, per_second: float, events: int, now_seconds: float) -> None:
        """Charge the events of a request."""
        self._bucket(key, per_second, now_seconds).tokens -= events

    def _bucket(self, key: str, per_second: float, now_seconds: float) -> _Bucket:
        burst = self.burst_seconds * per_second
        bucket = self._buckets.pop(key, None) or _Bucket(burst, now_seconds)
        bucket.tokens = min(burst, bucket.tokens + (now_seconds - bucket.at_seconds) * per_second)
        bucket.at_seconds = now_seconds
        self._buckets[key] = bucket
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return bucket
