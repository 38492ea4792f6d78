"""Tiering: which class a customer is in, since when, why, and what would change it (domain.md, Tiering)."""
