"""What readers ask of the feed: rows that are stored small, in full, and whom a question finds."""

from typing import Any

from services.feed.rules.lines import OPEN
from services.feed.views.search import MAX_FOUND, search_filter

__all__ = ["MAX_FOUND", "line_in_full", "movement_in_full", "search_filter"]
Document = dict[str, Any]


def line_in_full(row: Document) -> Document:
    """A line of the timeline with what its absent fields mean."""
    return {"revision": 1, "backfill": False, **row}


def movement_in_full(row: Document) -> Document:
    """A movement, `to_on` None while its tier holds."""
    return {**row, "to_on": None if row["to_on"] == OPEN else row["to_on"]}
