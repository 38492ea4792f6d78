"""Building a service's views anew from the log: what `rebuild`, `relog` and `restore` share."""
