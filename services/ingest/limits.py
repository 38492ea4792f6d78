"""The limits of the HTTP door, each with its reason, and what keeps to the two that are counted over time."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

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
MAX_BUCKETS = 1000
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


@dataclass(slots=True)
class WorkPlaces:
    """Requests in work, by key."""

    most: int
    most_per_key: int
    taken: int = 0
    of_key: Counter[str] = field(default_factory=Counter)

    def free_for(self, key: str) -> bool:
        """Whether a request of this key may come in."""
        return self.of_key[key] < min(self.most_per_key, self.most - self.taken)

    @contextmanager
    def one(self, key: str) -> Iterator[None]:
        """Holds a place while a request is in work."""
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
    """A token bucket per key. How many events a request holds is known only after it is read, so a request is
    let in while the bucket is not empty, and charged afterwards; the debt is worked off before the next one.

    Times are seconds of a monotonic clock; `per_second` is the limit of this key.
    """

    burst_seconds: float
    _buckets: OrderedDict[str, _Bucket] = field(default_factory=OrderedDict)

    def wait_seconds(self, key: str, per_second: float, now_seconds: float) -> float:
        """0 when a request may come in now, else how long until it may."""
        tokens = self._bucket(key, per_second, now_seconds).tokens
        return 0.0 if tokens > 0 else (1 - tokens) / per_second

    def charge(self, key: str, per_second: float, events: int, now_seconds: float) -> None:
        """Count the events of a request that was let in."""
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
