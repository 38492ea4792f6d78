"""`guanxi doctor`: what is wrong with a running system, why it matters, and what to do. Read-only."""
