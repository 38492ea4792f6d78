"""`guanxi verify`: whether what stands in the stores is what the log says, by folding and deciding again. Read-only."""
