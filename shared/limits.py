"""What keeps to the limits of an HTTP port that are counted over time or at once, by API key."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

MAX_BUCKETS = 1000
"""Keys whose use is remembered: as many as a file may hold."""


@dataclass(slots=True)
class WorkPlaces:
    """Requests being processed, by key."""

    most: int
    most_per_key: int
    taken: int = 0
    of_key: Counter[str] = field(default_factory=Counter)

    def free_for(self, key: str) -> bool:
        """Whether a request of this key may come in."""
        return self.of_key[key] < min(self.most_per_key, self.most - self.taken)

    @contextmanager
    def one(self, key: str) -> Iterator[None]:
        """Holds a place while a request is processed."""
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
    """A token bucket per key. What a request costs may be known only after it is read, so a request is let in while
    the bucket is not empty, and charged afterwards; the debt is worked off before the next one.

    Times are seconds of a monotonic clock; `per_second` is the limit of this key.
    """

    burst_seconds: float
    _buckets: OrderedDict[str, _Bucket] = field(default_factory=OrderedDict)

    def wait_seconds(self, key: str, per_second: float, now_seconds: float) -> float:
        """0 when a request may come in now, else how long until it may."""
        tokens = self._bucket(key, per_second, now_seconds).tokens
        return 0.0 if tokens > 0 else (1 - tokens) / per_second

    def charge(self, key: str, per_second: float, cost: float, now_seconds: float) -> None:
        """Count what a request that was let in costs."""
        self._bucket(key, per_second, now_seconds).tokens -= cost

    def _bucket(self, key: str, per_second: float, now_seconds: float) -> _Bucket:
        burst = self.burst_seconds * per_second
        bucket = self._buckets.pop(key, None) or _Bucket(burst, now_seconds)
        bucket.tokens = min(burst, bucket.tokens + (now_seconds - bucket.at_seconds) * per_second)
        bucket.at_seconds = now_seconds
        self._buckets[key] = bucket
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return bucket

    def left(self, key: str, per_second: float, now_seconds: float) -> float:
        """What may be spent still; below 0 what is owed."""
        return self._bucket(key, per_second, now_seconds).tokens
