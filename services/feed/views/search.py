"""Whom a question finds: customers of which each word of it begins a term, or whose id begins with it."""

import re
from typing import Any

from services.feed.rules.terms import asked

MAX_FOUND = 50
"""Customers that one question finds at most; who looks for more asks more narrowly."""


def search_filter(question: str) -> dict[str, Any] | None:
    """The filter on the view `search`, which the index on terms answers; None where there is no letter or digit in the
    question.
    """
    whole, words = asked(question)
    if not words:
        return None
    return {"$or": [{"terms": _begins(whole)}, {"$and": [{"terms": _begins(word)} for word in words]}]}


def finds(customer_terms: list[str], question: str) -> bool:
    """The same in Python."""
    whole, words = asked(question)
    return bool(words) and any(
        all(any(term.startswith(word) for term in customer_terms) for word in looked_for)
        for looked_for in ([whole], words)
    )


def _begins(text: str) -> dict[str, str]:
    return {"$regex": f"^{re.escape(text)}"}
