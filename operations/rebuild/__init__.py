"""Rebuilds a service's views from the log: what `rebuild`, `relog` and `restore` share."""
