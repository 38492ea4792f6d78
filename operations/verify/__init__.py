"""`guanxi verify`: checks the stores against the log, by folding and deciding again. Read-only."""
