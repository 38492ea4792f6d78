"""The form of a state in MongoDB: beside what readers see, one text that no view reads."""

from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json, to_json

from services.archives.rules.customer import Customer
from services.archives.rules.deciding import Decided
from services.archives.rules.grades import Grades
from services.archives.rules.grants import Grant
from services.archives.rules.items import Entry
from services.archives.rules.profiles import Key, Profile
from services.archives.rules.templates import TierStep
from shared.facts.days import Days
from shared.facts.latest import Entry as Fact
from shared.facts.latest import Latest, Order
from shared.facts.owners import Assignment, Owners

FOLD_VERSION = 3
"""2: items say whom their texts mention, and customers may have erased persons. 3: items have the ids of their texts.
Reads 1 and 2, which are without: rebuild archives before the first erasing of a person whom an item mentions, and to
read the texts of before.
"""
Json = dict[str, Any]


def dump(customer: Customer, decided: Decided) -> Json:
    """The private fold; empty parts are left out."""
    fold: Json = {
        "clock": customer.clock,
        "decided": customer.decided if customer.decided[0] else None,
        "steps": customer.steps,
        "profiles": [[*key, _dump_profile(profile)] for key, profile in sorted(customer.profiles.items())],
        "owners": customer.owners.assignments,
        "erased": customer.erased,
        "grants": [[*ref, *grant] for ref, grant in sorted(customer.grants.items())],
        "standing": _dump_decided(decided) if decided.version else None,
    }
    return {"fold": to_json({name: part for name, part in fold.items() if part}).decode()}


def load(subject: str, days: Days, document: Json) -> tuple[Customer, Decided]:
    """The inverse of `dump`."""
    fold = from_json(document["fold"])
    customer = Customer(subject, days)
    if "clock" in fold:
        customer.advance(_instant(fold["clock"]))
    if "decided" in fold:
        customer.decided = (fold["decided"][0], fold["decided"][1])
    customer.steps = [TierStep(*step) for step in fold.get("steps", ())]
    customer.profiles = {Key(kind, vendor): _load_profile(one) for kind, vendor, one in fold.get("profiles", ())}
    customer.erased = fold.get("erased", {})
    customer.owners = Owners(
        tuple(Assignment(day, Order(*order), roles, known) for day, order, roles, known in fold.get("owners", ()))
    )
    customer.grants = {(source, name): Grant(*grant) for source, name, *grant in fold.get("grants", ())}
    standing = fold.get("standing")
    if standing is None:
        return customer, Decided()
    lapsed = {Key(kind, vendor): day for kind, vendor, day in standing["lapsed"]}
    return customer, Decided(standing["version"], standing["last"], lapsed)


def _dump_decided(decided: Decided) -> Json:
    lapsed = [[*key, day] for key, day in sorted(decided.lapsed.items())]
    return {"version": decided.version, "last": decided.last, "lapsed": lapsed}


def _dump_profile(profile: Profile) -> Json:
    return {
        "begins": profile.begins,
        "items": {name: [_dump_entry(one) for one in entries] for name, entries in profile.items.items()},
        "reviews": profile.reviews,
        "named": profile.named.entries,
        "grades": profile.grades.latest.entries,
    }


def _dump_entry(entry: Entry) -> list[Any]:
    *head, mentions, text_id = entry
    return [*head, mentions, text_id] if text_id else [*head, mentions] if mentions else head


def _load_profile(stored: Json) -> Profile:
    items = {
        name: tuple(
            Entry(day, Order(*order), chars, observed_on, tuple(rest[0]) if rest else (), *rest[1:])
            for day, order, chars, observed_on, *rest in entries
        )
        for name, entries in stored["items"].items()
    }
    reviews = {section: tuple(days) for section, days in stored["reviews"].items()}
    grades = Grades(_load_latest(stored["grades"]))
    return Profile(stored["begins"], items, reviews, _load_latest(stored["named"]), grades)


def _load_latest(stored: list[Any]) -> Latest:
    return Latest(tuple(Fact(Order(*order), day, fields) for order, day, fields in stored))


def dump_other(clock: datetime | None) -> Json:
    """Of a representative: the clock."""
    return {"fold": to_json({"clock": clock}).decode()}


def load_other(document: Json) -> datetime | None:
    """The inverse of `dump_other`."""
    clock = from_json(document["fold"])["clock"]
    return None if clock is None else _instant(clock)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
