"""Persons erased, as every service folds them: each counts as if they had left, whichever fact comes first.

What is kept is the id, which the log has too, and the first day from which they are gone. An erased id never counts
again (domain.md, Erasing a person).
"""

from collections.abc import Mapping

from shared.events.event import Event
from shared.events.facts import PersonErased
from shared.facts.days import Days

MAX_ERASED = 2_000
"""Kept of a customer, those with the least ids, so that it does not matter who was erased first."""

Erased = Mapping[str, int]
"""By person_id, the first day without them, as an ordinal."""
NOBODY_ERASED: Erased = {}


def put(erased: Erased, event: Event, days: Days) -> Erased:
    """With a PersonErased; the mode `restrict` counts the same."""
    fact: PersonErased = event.data
    day = days.counts_on(fact, event.time)
    made = {**erased, fact.person_id: min(day, erased.get(fact.person_id, day))}
    if len(made) > MAX_ERASED:
        del made[max(made)]
    return made
