"""The views over the rows of planning."""
