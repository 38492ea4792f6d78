"""The log processor of architecture.md's invariants 1, 4-8 and 10, generic over a domain."""
