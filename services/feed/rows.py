"""What readers see of a customer in the feed's own row: what it is found by. Pure."""

from typing import Any

from services.feed.rules.state import Customer
from services.feed.rules.terms import terms


def row(state: Customer) -> dict[str, Any]:
    """The public fields of a customer's document."""
    if state.terms is None:
        state.terms = terms(state.id, None if state.name is None else state.name.value)
    public: dict[str, Any] = {"terms": state.terms}
    if state.name is not None:
        public["name"] = state.name.value
    if state.clock is not None:
        public["as_of"] = state.clock.replace(microsecond=state.clock.microsecond // 1000 * 1000)
    return public
