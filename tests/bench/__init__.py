"""The benchmark: `python -m tests.bench` (make bench) prints one table from one run."""

from tests.bench.former import alias

alias()
