"""Webhooks: changes sent to whoever subscribed, per customer in order, at least once (docs/webhooks.md)."""
