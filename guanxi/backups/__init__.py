"""Backups: what they hold, how they are consistent while everything goes on, and how they are put back."""
