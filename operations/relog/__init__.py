"""Copies the log in order into a new generation with more partitions, and folds everything from it again."""
