"""Sorts more rows than fit in memory: sorted runs in temporary files, then merged."""

import heapq
import itertools
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from shared.errors import Malformed

RUN_ROWS = 50_000
"""Rows sorted in memory at once, some 50 MB; fewer never touch the disk."""
MAX_RUNS = 500
"""Runs merged at once, each an open file: enough for 25 million rows in one import."""
BATCH_ROWS = 100
"""Rows per block: a pickle stores each class and repeated text once. While merging, one block of each run is in
memory."""

_T = TypeVar("_T")


class Sorter(Generic[_T]):
    """Takes rows in any order and returns them in ascending order of `key`; equal rows keep their order. `close`
    removes its temporary files.
    """

    def __init__(self, key: Callable[[_T], Any], *, run_rows: int = RUN_ROWS, max_runs: int = MAX_RUNS) -> None:
        self._key, self._run_rows, self._max_runs = key, run_rows, max_runs
        self._held: list[_T] = []
        self._runs: list[IO[bytes]] = []
        self._stack = ExitStack()

    def add(self, row: _T) -> None:
        """Add a row. Raises Malformed when there are more than `run_rows` x `max_runs`."""
        if len(self._runs) == self._max_runs:
            most = self._run_rows * self._max_runs
            raise Malformed(f"more than {most} rows to sort; split the files into several runs")
        self._held.append(row)
        if len(self._held) == self._run_rows:
            self._put_down()

    def __iter__(self) -> Iterator[_T]:
        """All rows, once; no more can be added."""
        self._held.sort(key=self._key)
        runs: list[Iterator[_T]] = [_read(file) for file in self._runs]
        yield from heapq.merge(*runs, iter(self._held), key=self._key) if runs else self._held
        self.close()

    def close(self) -> None:
        """Drop everything."""
        self._held = []
        self._runs = []
        self._stack.close()

    def _put_down(self) -> None:
        if not self._runs:
            folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="guanxi-import-"))
            self._folder = Path(folder)
        self._held.sort(key=self._key)
        file = self._stack.enter_context((self._folder / str(len(self._runs))).open("w+b"))
        for start in range(0, len(self._held), BATCH_ROWS):
            pickle.dump(self._held[start : start + BATCH_ROWS], file, pickle.HIGHEST_PROTOCOL)
        file.seek(0)
        self._runs.append(file)
        self._held = []


def sort(
    rows: Iterable[_T], key: Callable[[_T], Any], *, run_rows: int = RUN_ROWS, max_runs: int = MAX_RUNS
) -> Iterator[_T]:
    """The rows in ascending order. Raises Malformed when there are more than `run_rows` x `max_runs`."""
    sorter = Sorter(key, run_rows=run_rows, max_runs=max_runs)
    try:
        for row in rows:
            sorter.add(row)
        yield from sorter
    finally:
        sorter.close()


def grouped(rows: Iterable[_T], key: Callable[[_T], Any], most: int) -> Iterator[list[_T]]:
    """Consecutive rows with the same key, up to a number at once."""
    for _, group in itertools.groupby(rows, key):
        while held := list(itertools.islice(group, most)):
            yield held


def _read(file: IO[bytes]) -> Iterator[_T]:
    while True:
        try:
            yield from pickle.load(file)  # noqa: S301 - our own file, in a folder of our own
        except EOFError:
            return
