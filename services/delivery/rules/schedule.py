"""When a failed delivery is tried again: the schedule of Standard Webhooks."""

from datetime import datetime, timedelta

SCHEDULE_SECONDS = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Before the first attempt, the second ...: three days in all, so that a sink may be down over a weekend."""
ATTEMPTS = len(SCHEDULE_SECONDS)
JITTER = 0.2
"""Of a wait, at most, on top of it: what failed together must not come back together."""
MAX_RETRY_AFTER_SECONDS = 86_400
"""Of a Retry-After that is kept: no longer than the schedule's longest wait."""


def next_attempt(failed: int, now: datetime, jitter: float, retry_after: float | None) -> datetime | None:
    """When to try again after so many failed attempts, None for never. jitter: from 0 up to 1; retry_after: seconds
    that the receiver asked for, which are kept where they are longer.
    """
    if failed >= ATTEMPTS:
        return None
    seconds = SCHEDULE_SECONDS[failed] * (1 + JITTER * jitter)
    if retry_after is not None:
        seconds = max(seconds, min(retry_after, MAX_RETRY_AFTER_SECONDS))
    return now + timedelta(seconds=seconds)
