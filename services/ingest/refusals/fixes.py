"""Corrections of refused events: a file that says which events to change, and how.

when:                                   # which refusals; all optional
  reason: unknown_currency
  field: data.currency
  source: shop
rename: {data.ammount: data.amount}     # if the event has the first and not the second
values: {data.currency: {"£": GBP}}     # replace values
set:    {data.line: office}             # whatever the value was
remove: [data.colour]

They apply in this order. Paths are dotted and go through objects, not lists.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.ingest.admission import BACKFILL_HEADER
from services.ingest.admit import admit
from services.ingest.doors.kafka.wire import from_kafka
from services.ingest.refusals.read import Rejection
from shared.errors import Malformed
from shared.events.codec import CONTENT_TYPE
from shared.events.refusal import Reason, Refused
from shared.kafka.batches import Outgoing
from shared.kafka.connection import partition_of
from shared.yaml_lines import load, read_text

Scalar = str | int | bool | None
DottedPath = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$")]
_DECIMAL = re.compile(r'"\\u0000([^"\\]*)\\u0000"')


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class When(_Part):
    """Which refusals a correction applies to; omitted fields match anything."""

    reason: Reason | None = None
    field: str | None = None
    source: str | None = None


class Fix(_Part):
    """A correction."""

    when: When = When()
    rename: dict[DottedPath, DottedPath] = {}
    values: dict[DottedPath, dict[str, Scalar]] = {}
    set: dict[DottedPath, Scalar] = {}
    remove: list[DottedPath] = []

    def means(self, one: Rejection) -> bool:
        """Whether it applies to a refusal, as far as can be told without reading the event."""
        return self.when.reason in {None, one.reason} and self.when.field in {None, one.field}

    def change(self, document: dict[str, Any]) -> bool:
        """Correct an event in place; returns False if it is from another source."""
        if self.when.source is not None and document.get("source") != self.when.source:
            return False
        for old, new in self.rename.items():
            holder, name = _holder(document, old)
            if holder is not None and name in holder and _get(document, new) is None:
                _set(document, new, holder.pop(name))
        for path, words in self.values.items():
            holder, name = _holder(document, path)
            if holder is not None and isinstance(holder.get(name), str | int) and str(holder[name]) in words:
                holder[name] = words[str(holder[name])]
        for path, value in self.set.items():
            _set(document, path, value)
        for path in self.remove:
            holder, name = _holder(document, path)
            if holder is not None:
                holder.pop(name, None)
        return True


def read_fix(path: Path) -> Fix:
    """Read a correction from its file. Raises Malformed with what is wrong and where."""
    document = load(read_text(path), str(path))
    try:
        fix = Fix.model_validate(document.value)
    except ValidationError as error:
        raise document.invalid(error) from None
    if not (fix.rename or fix.values or fix.set or fix.remove):
        raise Malformed(f"{path}: it changes nothing; add rename, values, set or remove")
    return fix


def fixed(fix: Fix, one: Rejection, *, now: datetime, zone: ZoneInfo, partitions: int) -> Outgoing | Refused | None:
    """The corrected event for the inbox; or the refusal that it would get there; or None if the correction does not
    apply.

    It is judged by the rules of the doors, but not against known events. It keeps its id, so that correcting it twice
    counts once.
    """
    if not fix.means(one):
        return None
    document = from_kafka(one.value, one.headers)
    if isinstance(document, Refused):
        return document
    if not fix.change(document):
        return None
    value = _dump(document)
    again = from_kafka(value, [CONTENT_TYPE])
    if isinstance(again, Refused):
        return again
    kept = [(name, said) for name, said in one.headers if name == BACKFILL_HEADER]
    candidate = admit(again, now=now, zone=zone, backfill=bool(kept))
    if isinstance(candidate, Refused):
        return candidate
    key = candidate.key.encode()
    return Outgoing(partition_of(key, partitions), key, value, [CONTENT_TYPE, *kept])


Make = Callable[[Rejection], Outgoing | Refused | None]
"""What to send again for a refusal: a record, or nothing, with the reason why not if there is one."""


@dataclass(slots=True)
class Chosen:
    """What to send again, and what not: truncated originals, and records that would be refused again, by place."""

    records: list[Outgoing] = field(default_factory=list)
    incomplete: int = 0
    refusals: list[tuple[str, Refused]] = field(default_factory=list)
    _contents: set[bytes] = field(default_factory=set)

    def take(self, one: Rejection, make: Make) -> None:
        """An original refused several times is sent once."""
        content = sha256(repr((one.key, one.value, one.headers)).encode()).digest()
        if content in self._contents:
            return
        self._contents.add(content)
        made = make(one) if one.complete else None
        if isinstance(made, Refused):
            self.refusals.append((one.place, made))
        elif made is not None:
            self.records.append(made)
        elif not one.complete:
            self.incomplete += 1


def _dump(document: dict[str, Any]) -> bytes:
    """JSON with exact decimal numbers, which the standard encoder supports only as text."""
    text = json.dumps(document, ensure_ascii=False, default=_marked)
    return _DECIMAL.sub(r"\1", text).encode()


def _marked(value: object) -> str:
    assert isinstance(value, Decimal), "strict JSON has no other types"
    return f"\0{value}\0"


def _holder(document: dict[str, Any], path: str) -> tuple[dict[str, Any] | None, str]:
    *parents, name = path.split(".")
    holder: Any = document
    for parent in parents:
        holder = holder.get(parent) if isinstance(holder, dict) else None
    return (holder if isinstance(holder, dict) else None), name


def _get(document: dict[str, Any], path: str) -> Any:
    holder, name = _holder(document, path)
    return None if holder is None else holder.get(name)


def _set(document: dict[str, Any], path: str, value: Any) -> None:
    *parents, name = path.split(".")
    holder = document
    for parent in parents:
        below = holder.get(parent)
        if not isinstance(below, dict):
            below = holder[parent] = {}
        holder = below
    holder[name] = value
