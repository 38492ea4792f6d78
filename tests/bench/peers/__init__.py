"""What others use for a keyed sum, on the same events and servers: `python -m tests.bench.peers` (make bench-peers)."""
