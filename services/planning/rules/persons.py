"""Key persons as planning needs them: who decides, and who of them was not assessed (domain.md, Planning).

An attitude lapses as for the key relationship of engagement: after 365 days.
"""

from collections.abc import Container, Mapping
from typing import Any

from shared.events.event import Event
from shared.events.facts import KeyPersonAssessed
from shared.facts.days import Days
from shared.facts.latest import ALWAYS, NOTHING, Entry, Latest, order_of

ATTITUDE_DAYS = 365
DECIDING_ROLES = frozenset({"approve", "decide"})
MAX_PERSONS = 500
"""Kept of a customer, those with the least ids."""

Persons = Mapping[str, Latest]
"""By person_id."""


def put(persons: Persons, event: Event, days: Days) -> Persons:
    """With what an assessment says; it counts at once, whatever its own day is."""
    fact: KeyPersonAssessed = event.data
    said: dict[str, Any] = {
        name: getattr(fact, name) for name in ("decision_role", "left") if name in fact.model_fields_set
    }
    if "attitude" in fact.model_fields_set:
        said["attitude"] = [fact.attitude, days.counts_on(fact, event.time)]
    known = persons.get(fact.person_id, NOTHING)
    made = {**persons, fact.person_id: known.put(Entry(order_of(event), ALWAYS, said), ALWAYS)}
    if len(made) > MAX_PERSONS:
        del made[max(made)]
    return made


def unassessed(persons: Persons, today: int, erased: Container[str] = ()) -> list[str]:
    """The present approvers and deciders without an attitude, or with one that has lapsed; those erased aside."""
    found = []
    for person_id, latest in sorted(persons.items()):
        said = latest.values(ALWAYS)
        if person_id in erased:
            continue
        if said.get("left") is not True and said["decision_role"] in DECIDING_ROLES:
            value, day = said.get("attitude") or (None, 0)
            if value is None or today - day >= ATTITUDE_DAYS:
                found.append(person_id)
    return found


def next_days(persons: Persons) -> list[int]:
    """Days on which an attitude lapses."""
    said = [latest.values(ALWAYS).get("attitude") for latest in persons.values()]
    return [one[1] + ATTITUDE_DAYS for one in said if one is not None]
