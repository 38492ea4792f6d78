"""The benchmark: `python -m tests.bench` (make bench) prints one table from one run."""
