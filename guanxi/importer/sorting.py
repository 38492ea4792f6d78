"""Sorting more drafts than memory holds: sorted runs in temporary files, merged."""

import heapq
import itertools
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, TypeVar

from guanxi.importer.drafts import Draft
from shared.errors import Malformed

RUN_ROWS = 50_000
"""Rows sorted at once in memory, some 50 MB; fewer than that never touch the disk."""
MAX_RUNS = 500
"""Runs merged at once, each an open file: 25 million rows in one import."""

_T = TypeVar("_T")


def by_time(draft: Draft) -> tuple[Any, ...]:
    """The order of facts as they happened; ties keep the order of the files and in them."""
    return draft.time, draft.origin.file, draft.origin.line


def by_customer(draft: Draft) -> tuple[Any, ...]:
    """The order of history (domain.md, Age): each customer's events by time; ties keep the file order."""
    return draft.subject, draft.time, draft.origin.file, draft.origin.line


def sort(
    rows: Iterable[_T], key: Callable[[_T], Any], *, run_rows: int = RUN_ROWS, max_runs: int = MAX_RUNS
) -> Iterator[_T]:
    """The rows in ascending order. Raises Malformed when there are more than `run_rows` x `max_runs`."""
    source = iter(rows)
    first = sorted(itertools.islice(source, run_rows), key=key)
    if len(first) < run_rows:
        yield from first
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="guanxi-import-")))
        runs: list[Iterator[_T]] = []
        run: list[_T] = first
        while run:
            if len(runs) == max_runs:
                raise Malformed(f"more than {run_rows * max_runs} rows to sort; import the files in several runs")
            file = stack.enter_context((folder / str(len(runs))).open("w+b"))
            _write(file, run)
            runs.append(_read(file))
            run = sorted(itertools.islice(source, run_rows), key=key)
        yield from heapq.merge(*runs, key=key)


def _write(file: IO[bytes], run: list[_T]) -> None:
    for row in run:
        pickle.dump(row, file, pickle.HIGHEST_PROTOCOL)
    file.seek(0)


def _read(file: IO[bytes]) -> Iterator[_T]:
    while True:
        try:
            yield pickle.load(file)  # noqa: S301 - our own file, in a folder of our own
        except EOFError:
            return
