"""Breadth, key and organisational relationship (domain.md, Engagement: breadth, Key, Organisational)."""

from collections.abc import Callable, Container, Iterable
from fractions import Fraction
from typing import Any, NamedTuple

from services.engagement.rules.days import BusinessTime
from shared.events.event import Event
from shared.events.facts import KeyPersonAssessed
from shared.facts.latest import ALWAYS, NOTHING, Entry, Latest, order_of

ATTITUDE_DAYS = 365
MET_DAYS = 90
YEAR_DAYS = 365
WEIGHTS = {"approve": 2, "decide": 2, "support": 1, "influence": 1}
DECIDING_ROLES = frozenset({"approve", "decide"})
BASIS = ("acceptance", "participation", "information", "guidance", "competition")
_FIELDS = ("department", "decision_role", "left")


class KeyPerson(NamedTuple):
    """A present key person as of a day. attitude: None where unassessed or lapsed; basis: what it was judged by, in the
    order of BASIS, None where nothing was said of that.
    """

    person_id: str
    decision_role: str
    department: str | None
    attitude: int | None
    last_met_on: int | None
    basis: tuple[int, ...] | None = None

    @property
    def unfounded(self) -> bool:
        """Whether there is an attitude and nothing that it was judged by. It counts all the same."""
        return self.attitude is not None and self.basis is None


class KeyPersons:
    """What was assessed of each key person, field by field."""

    __slots__ = ("by_id",)

    def __init__(self, by_id: dict[str, Latest] | None = None) -> None:
        self.by_id = by_id or {}

    def __bool__(self) -> bool:
        return bool(self.by_id)

    def fold(self, event: Event, time: BusinessTime) -> None:
        """Fold a KeyPersonAssessed."""
        fact: KeyPersonAssessed = event.data
        said: dict[str, Any] = {name: getattr(fact, name) for name in _FIELDS if name in fact.model_fields_set}
        if "attitude" in fact.model_fields_set:
            said["attitude"] = [fact.attitude, time.day_of(event)]
            if fact.basis is not None:
                said["attitude"].append([getattr(fact.basis, name) for name in BASIS])
        known = self.by_id.get(fact.person_id, NOTHING)
        self.by_id[fact.person_id] = known.put(Entry(order_of(event), ALWAYS, said), ALWAYS)

    def present(
        self, today: int, last_met: Callable[[str], int | None], erased: Container[str] = ()
    ) -> list[KeyPerson]:
        """Those who have not left and are not erased, by id. `last_met`: the last day on which a person attended a
        visit, exhibitions and video included.
        """
        return [
            KeyPerson(
                person_id,
                fields["decision_role"],
                fields.get("department"),
                attitude := _attitude(fields.get("attitude"), today),
                last_met(person_id),
                None if attitude is None else _basis(fields["attitude"]),
            )
            for person_id, latest in sorted(self.by_id.items())
            if person_id not in erased and (fields := latest.values(ALWAYS)).get("left") is not True
        ]


def _attitude(assessed: list[Any] | None, today: int) -> int | None:
    if assessed is None or assessed[0] is None or today - assessed[1] >= ATTITUDE_DAYS:
        return None
    return int(assessed[0])


def _basis(assessed: list[Any]) -> tuple[int, ...] | None:
    _, _, *basis = assessed
    return tuple(basis[0]) if basis else None


def key_relationship(persons: Iterable[KeyPerson]) -> Fraction | None:
    """KCR: the mean attitude, approvers and deciders weighing double; one of them unassessed counts 0, another
    unassessed person is left out; None without any approver or decider.
    """
    total = weight = 0
    anyone_decides = False
    for person in persons:
        decides = person.decision_role in DECIDING_ROLES
        anyone_decides |= decides
        if person.attitude is None and not decides:
            continue
        total += WEIGHTS[person.decision_role] * (person.attitude or 0)
        weight += WEIGHTS[person.decision_role]
    return Fraction(total, weight) if anyone_decides else None
