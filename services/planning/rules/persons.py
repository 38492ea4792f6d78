"""Key persons as planning needs them: who decides, who of them was not assessed, and what attitude a person had on a
day (domain.md, Planning).

An attitude lapses as for the key relationship of engagement: after 365 days.
"""

from bisect import insort
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from shared.events.event import Event
from shared.events.facts import KeyPersonAssessed
from shared.facts.days import NEVER, Days
from shared.facts.latest import Order, order_of

ATTITUDE_DAYS = 365
DECIDING_ROLES = frozenset({"approve", "decide"})
MAX_PERSONS = 500
"""Kept of a customer, those with the least ids."""
MAX_ASSESSMENTS = 40
"""Kept of a person, the last ones; the oldest two become one."""


class Assessment(NamedTuple):
    """What one assessment says, field by field. known: the day on which it was appended (of history: on which it
    happened); an attitude goes with its own day.
    """

    order: Order
    known: int
    said: dict[str, Any]


Persons = Mapping[str, Sequence[Assessment]]
"""By person_id, in the order in which they override."""


def put(persons: Persons, event: Event, days: Days) -> Persons:
    """With what an assessment says; it counts at once, whatever its own day is."""
    fact: KeyPersonAssessed = event.data
    said: dict[str, Any] = {
        name: getattr(fact, name) for name in ("decision_role", "left") if name in fact.model_fields_set
    }
    if "attitude" in fact.model_fields_set:
        said["attitude"] = [fact.attitude, days.counts_on(fact, event.time)]
    known = [*persons.get(fact.person_id, ())]
    insort(known, Assessment(order_of(event), days.day(event.clock), said), key=_order)
    if len(known) > MAX_ASSESSMENTS:
        first, second, *later = known
        known = [second._replace(said=first.said | second.said), *later]
    made = {**persons, fact.person_id: tuple(known)}
    if len(made) > MAX_PERSONS:
        del made[max(made)]
    return made


def _order(assessment: Assessment) -> Order:
    return assessment.order


def _said(assessments: Sequence[Assessment], by: int = NEVER) -> dict[str, Any]:
    """What was said last of each field, by what was known at the end of a day."""
    said: dict[str, Any] = {}
    for one in assessments:
        if one.known <= by:
            said |= one.said
    return said


def _attitude(said: Mapping[str, Any], day: int) -> int | None:
    value, on = said.get("attitude") or (None, 0)
    return None if value is None or day - on >= ATTITUDE_DAYS else int(value)


def unassessed(persons: Persons, today: int, erased: Container[str] = ()) -> list[str]:
    """The present approvers and deciders without an attitude, or with one that has lapsed; those erased aside."""
    found = []
    for person_id, assessments in sorted(persons.items()):
        said = _said(assessments)
        decides = said.get("left") is not True and said["decision_role"] in DECIDING_ROLES
        if decides and person_id not in erased and _attitude(said, today) is None:
            found.append(person_id)
    return found


def attitude(persons: Persons, person_id: str, day: int) -> int | None:
    """The attitude of a person at the end of a day, by what was known then; None of one who had left."""
    said = _said(persons.get(person_id, ()), day)
    return None if said.get("left") is True else _attitude(said, day)


def assessed_on(persons: Persons, person_id: str) -> Iterator[int]:
    """The days on which something became known of a person."""
    return (one.known for one in persons.get(person_id, ()))


def next_days(persons: Persons) -> list[int]:
    """Days on which an attitude lapses, and those after which it is known what it was at the end of a day."""
    days = []
    for assessments in persons.values():
        said = _said(assessments).get("attitude")
        if said is not None:
            days.append(said[1] + ATTITUDE_DAYS)
        days += [one.known + 1 for one in assessments]
    return days
