"""Libraries that say the same again and again while a server is away are heard once in a while."""

import logging
import time
from collections.abc import Callable

PAUSE_SECONDS = 10.0
"""How long a message of a library is not repeated. aiokafka logs hundreds of lines a second while Kafka is away."""
MAX_KINDS = 500
"""Kinds of messages that are remembered; beyond them all are forgotten and each is logged again."""


class OnceInAWhile(logging.Filter):
    """Lets a message of the named libraries through once in `PAUSE_SECONDS`, with how often it came meanwhile.

    Messages are the same when logger, level and wording are, whatever they were filled with.
    """

    def __init__(self, libraries: tuple[str, ...], clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._libraries, self._clock = tuple(f"{library}." for library in libraries), clock
        self._heard: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not f"{record.name}.".startswith(self._libraries):
            return True
        kind = (record.name, record.levelno, str(record.msg))
        now = self._clock()
        since, left_out = self._heard.get(kind, (now - PAUSE_SECONDS, 0))
        if now - since < PAUSE_SECONDS:
            self._heard[kind] = (since, left_out + 1)
            return False
        if len(self._heard) >= MAX_KINDS:
            self._heard.clear()
        self._heard[kind] = (now, 0)
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} more like this before)", ()
        return True
