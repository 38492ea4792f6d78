"""A deterministic simulation of admission, log, processor and store: `python -m tests.sim --seeds 2000`."""
