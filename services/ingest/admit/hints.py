"""Hints for messages that were not understood: what a message looks like, and what a name was probably meant to be."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.ingest.admit.content import fields_beside
from services.ingest.admit.envelope import KNOWN
from shared.events.nearest import nearest
from shared.events.refusal import Reason, Refused
from shared.events.registry import FACTS, FactType

_ENVELOPE = 'send {"specversion": "1.0", "id", "source", "type", "subject", "time", "data": {...}}'
_FEW_OF_AN_ENVELOPE = 3
_OTHER_BINARY = ("ce-", "ce.", "cloudevents:", "cloudevents_", "cloudevents-")
"""Prefixes of attribute headers in the HTTP and AMQP bindings and in some libraries, in lower case."""


def without_specversion(document: Mapping[str, Any]) -> str:
    """For a message without a specversion of "1.0": what it looks like, and how to send it."""
    version = document.get("specversion", document.get("cloudEventsVersion"))
    if version is not None:
        found = "a number" if not isinstance(version, str) else repr(version[:20])
        return f'specversion must be the string "1.0", not {found}'
    if "payload" in document and "schema" in document:
        return (
            "this looks like a Kafka Connect envelope (schema and payload): set value.converter.schemas.enable to "
            f"false, and {_ENVELOPE}"
        )
    if "op" in document and ("after" in document or "before" in document):
        return f"this looks like a Debezium change record: make an event from its `after`, and {_ENVELOPE}"
    written = nearest("specversion", [name for name in document if name != "specversion"])
    if written is not None:
        return f"{written!r} must be called specversion, in lower case"
    if sum(name in document for name in ("id", "source", "type", "subject", "time", "data")) >= _FEW_OF_AN_ENVELOPE:
        return 'this looks like an event without specversion: add "specversion": "1.0"'
    entry = _whose_data(document)
    if entry is not None:
        return f"this looks like the data of {entry.name} without an envelope: {_ENVELOPE}"
    return f'specversion must be "1.0"; {_ENVELOPE}'


def by_headers(refused: Refused, headers: Iterable[str], *, binary: str) -> Refused:
    """Refuse a message without specversion whose attributes are in headers. `binary` says what to do."""
    if refused.reason is not Reason.NOT_CLOUDEVENT or refused.field not in {"specversion", ""}:
        return refused
    found = next((name for name in headers if name.lower().startswith(_OTHER_BINARY)), None)
    if found is None:
        return refused
    return Refused(refused.reason, refused.field, f"attributes are in headers such as {found[:40]!r}: {binary}")


def meant(refused: Refused, entry: FactType | None, names: Iterable[str]) -> Refused:
    """Refuse a missing field or attribute when one of `names`, the unknown names beside it, is similar."""
    if refused.reason is not Reason.MISSING_FIELD:
        return refused
    path, _, name = refused.field.rpartition(".")
    if path not in {"", "data"}:
        return refused
    known = KNOWN if path == "" or entry is None else fields_beside(entry, refused.field)
    close = nearest(name, [one for one in names if one not in known])
    if close is None:
        return refused
    return Refused(refused.reason, refused.field, f"{refused.hint}; did you mean it by {close!r}?")


def known_as(entry: FactType, path: str) -> str | None:
    """The known name most similar to an ignored one, or None."""
    known = KNOWN if "." not in path else fields_beside(entry, path)
    return nearest(path.rpartition(".")[2], sorted(known))


def _whose_data(document: Mapping[str, Any]) -> FactType | None:
    """The type whose record id is present, with the most fields in common."""
    best, most = None, 1
    for entry in FACTS.values():
        common = len(document.keys() & entry.door.model_fields.keys())
        own = bool(entry.id_fields) and entry.id_fields[0] in document
        if not entry.internal and common + own > most:
            best, most = entry, common + own
    return best
