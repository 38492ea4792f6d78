"""All customers of one partition while they are folded: the most recent in memory, the others in a temporary file."""

import json
import sqlite3
from collections.abc import Iterator
from itertools import islice

from operations.policy.replay import Replay, Twin

NEAR = 40_000
"""Customers in memory; one takes a few KB. Those that were touched longest ago go to the file."""
MOVED = 4_000
"""How many go at once."""


class Twins:
    """Twins by the log's key. The file is a temporary one without a name, so nothing is left of it."""

    def __init__(self, replay: Replay, near: int = NEAR) -> None:
        self._replay, self._most = replay, near
        self._near: dict[str, Twin] = {}
        self._far: sqlite3.Connection | None = None

    def of(self, key: str) -> Twin:
        """The twin of a key; a new one where it is not known."""
        twin = self._near.pop(key, None)
        if twin is None:
            twin = self._from_far(key) or self._replay.begin(key)
        self._near[key] = twin
        if len(self._near) > self._most:
            self._move()
        return twin

    def all(self) -> Iterator[tuple[str, Twin]]:
        """Each one; nothing may be asked for meanwhile."""
        yield from self._near.items()
        if self._far is not None:
            for key, stored in self._far.execute("SELECT key, twin FROM far"):
                if key not in self._near:
                    yield key, self._replay.load(key, json.loads(stored))

    def close(self) -> None:
        """Drop them all."""
        self._near.clear()
        if self._far is not None:
            self._far.close()

    def _from_far(self, key: str) -> Twin | None:
        if self._far is None:
            return None
        found = self._far.execute("SELECT twin FROM far WHERE key = ?", (key,)).fetchone()
        return None if found is None else self._replay.load(key, json.loads(found[0]))

    def _move(self) -> None:
        if self._far is None:
            self._far = sqlite3.connect("", isolation_level=None)  # an unnamed database on disk
            self._far.execute("PRAGMA journal_mode = OFF")
            self._far.execute("CREATE TABLE far (key TEXT PRIMARY KEY, twin TEXT) WITHOUT ROWID")
        keys = list(islice(self._near, min(MOVED, self._most)))
        rows = [(key, json.dumps(self._replay.dump(self._near.pop(key)))) for key in keys]
        self._far.execute("BEGIN")
        self._far.executemany("INSERT OR REPLACE INTO far VALUES (?, ?)", rows)
        self._far.execute("COMMIT")
