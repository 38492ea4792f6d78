"""What readers ask of the feed: rows that are stored small, in full, and whom a question finds."""

from typing import Any

from services.feed.rules.lines import OPEN
from services.feed.rules.table import TABLE
from services.feed.store import OF_A_RECORD
from services.feed.views.search import MAX_FOUND, search_filter

__all__ = ["MAX_FOUND", "TOLD", "line_in_full", "movement_in_full", "of_event", "search_filter"]
Document = dict[str, Any]
TOLD = frozenset(kind for kind, entry in TABLE.items() if entry.public)
"""Decisions that are told by their own type; the others are confidential."""


def of_event(source: str, event: str) -> Document:
    """The condition of the lines that an event brought to records with ids of their own."""
    return {"event": event, "source": source, **OF_A_RECORD}


def line_in_full(row: Document) -> Document:
    """A line of the timeline with what its absent fields mean."""
    return {"revision": 1, "backfill": False, **row}


def movement_in_full(row: Document) -> Document:
    """A movement, `to_on` None while its tier holds."""
    return {**row, "to_on": None if row["to_on"] == OPEN else row["to_on"]}
