"""Names of persons: removed from an event, so that the log has only ids (domain.md, People)."""

from hashlib import blake2b
from typing import Any
from unicodedata import normalize

from services.ingest.admit.candidate import PersonName
from shared.events.facts import KeyPersonAssessed, RepresentativeRegistered, VisitLogged
from shared.events.registry import FactType

DERIVED = "name:"
"""Prefix of the id of a person that upstream knows by name only."""


_KEY_PERSON = ("name", "title")

Data = dict[str, Any]


def take_names(
    entry: FactType, key: str, subject: str, data: Data, person_key: bytes = b""
) -> tuple[Data, tuple[PersonName, ...]]:
    """The log's form of an event's data, and the names in it. Does not change `data`."""
    if not entry.names_persons:
        return data, ()
    if entry.fact is VisitLogged:
        return _of_visit(key, data, person_key)
    if entry.fact is KeyPersonAssessed:
        fields: dict[str, str | None] = {name: data[name] for name in _KEY_PERSON if name in data}
        plain = {name: value for name, value in data.items() if name not in fields}
        return plain, (PersonName(key, data["person_id"], fields),)
    if entry.fact is RepresentativeRegistered:
        plain = {name: value for name, value in data.items() if name != "name"}
        return plain, (PersonName(key, subject, {"name": data["name"]}),)
    raise AssertionError(f"{entry.name} names persons, but no rule says where")


def derived_id(key: str, name: str, person_key: bytes = b"") -> str:
    """Keyed hash of a person known by name only: the same for the same customer and name, regardless of spacing and
    case. Under it `people` has the id that was drawn for the person; earlier versions took it for the id itself.

    person_key: the deployment's secret, 16 to 64 bytes. Without it, anyone with the log, which is kept forever, could
    find a name by trying names, erased or not (ADR on ids of persons).
    """
    folded = " ".join(normalize("NFKC", name).casefold().split())
    return DERIVED + blake2b(f"{key}\0{folded}".encode(), digest_size=12, key=person_key).hexdigest()


def _of_visit(key: str, data: Data, person_key: bytes) -> tuple[Data, tuple[PersonName, ...]]:
    names: list[PersonName] = []
    attendees: list[Data] = []
    for attendee in data["attendees"]:
        if "name" in attendee:
            plain = {field: value for field, value in attendee.items() if field != "name"}
            by_name = "person_id" not in plain
            person_id = plain.setdefault("person_id", derived_id(key, attendee["name"], person_key))
            names.append(PersonName(key, person_id, {"name": attendee["name"]}, by_name))
        else:
            plain = attendee
        attendees.append(plain)
    return ({**data, "attendees": attendees} if names else data), tuple(names)
