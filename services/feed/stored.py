"""The form of a state in MongoDB: beside what readers see, one text that no view reads."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic_core import from_json, to_json

from services.feed.rules.state import Assignment, Customer, Latest, Other

FOLD_VERSION = 1
"""One higher whenever the same log is told otherwise: other records, other numbers, other contents. It is the greater
part of the epoch. Documents of a lower one must not be gone on with: the generation is built anew (guanxi rebuild)."""
Json = dict[str, Any]


def dump(state: Customer) -> Json:
    """The private fold."""
    fold: Json = {"clock": state.clock, "decided": state.decided}
    for name in ("moved", "name", "region", "managers"):
        if getattr(state, name):
            fold[name] = getattr(state, name)
    return {"sequence": state.sequence, "fold": to_json(fold).decode()}


def load(customer: str, zone: ZoneInfo, document: Json) -> Customer:
    """The inverse of `dump`. Raises ValueError for what another fold version wrote."""
    if document["fold_version"] != FOLD_VERSION:
        raise ValueError(f"fold version {document['fold_version']} counts otherwise than {FOLD_VERSION}: rebuild feed")
    fold = from_json(document["fold"])
    state = Customer(customer, zone, sequence=document["sequence"], whole=False)
    if fold["clock"] is not None:
        state.advance(_instant(fold["clock"]))
    state.turned = False
    state.decided = {service: (version, last) for service, (version, last) in fold["decided"].items()}
    state.moved = fold.get("moved", 0)
    state.name, state.region = (Latest(*fold[name]) if name in fold else None for name in ("name", "region"))
    state.managers = [Assignment(*one) for one in fold.get("managers", ())]
    state.terms = document.get("terms")
    return state


def dump_other(state: Other) -> Json:
    """Of a representative: the clock."""
    return {"fold": to_json({"clock": state.clock}).decode()}


def load_other(representative: str, document: Json) -> Other:
    """The inverse of `dump_other`."""
    clock = from_json(document["fold"])["clock"]
    return Other(representative, None if clock is None else _instant(clock))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
