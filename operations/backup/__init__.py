"""Backups: what they contain, why they are consistent while services run, and how to restore them."""
