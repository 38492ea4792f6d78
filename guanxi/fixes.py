"""Corrections of refused events: a file that says what to change in which of them.

when:                                   # which refusals, all of it optional
  reason: unknown_currency
  field: data.currency
  source: shop
rename: {data.ammount: data.amount}     # where the event has the first and not the second
values: {data.currency: {"£": GBP}}     # other words for a value
set:    {data.line: office}             # whatever stands there
remove: [data.colour]

They are done in this order. Paths are dotted and go through objects, not lists.
"""

import json
import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from guanxi.rejections import Rejection
from services.ingest.admission import BACKFILL_HEADER
from services.ingest.domain import admit
from services.ingest.wire import from_kafka
from shared.errors import Malformed
from shared.events.codec import CONTENT_TYPE
from shared.events.refusal import Reason, Refused
from shared.kafka.batches import Outgoing
from shared.kafka.connection import partition_of

MAX_FIX_BYTES = 256 * 1024
Scalar = str | int | bool | None
DottedPath = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$")]
_DECIMAL = re.compile(r'"\\u0000([^"\\]*)\\u0000"')


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class When(_Part):
    """Which refusals a correction is for; what is not said may be anything."""

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
        """Whether it is for a refusal, as far as one can say without looking into the event."""
        return self.when.reason in {None, one.reason} and self.when.field in {None, one.field}

    def change(self, document: dict[str, Any]) -> bool:
        """Correct an event in place; False where it is for another source."""
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
    """A correction from its file. Raises Malformed with what is wrong and where."""
    try:
        raw = path.read_bytes()
        if len(raw) > MAX_FIX_BYTES:
            raise Malformed(f"{path}: larger than {MAX_FIX_BYTES // 1024} KiB")
        fix = Fix.model_validate(yaml.safe_load(raw))
    except OSError as error:
        raise Malformed(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Malformed(f"{path}: {error}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Malformed(f"{path}: {where or 'the file'}: {first['msg']}") from None
    if not (fix.rename or fix.values or fix.set or fix.remove):
        raise Malformed(f"{path}: changes nothing; say rename, values, set or remove")
    return fix


def fixed(fix: Fix, one: Rejection, *, now: datetime, zone: ZoneInfo, partitions: int) -> Outgoing | Refused | None:
    """The corrected event for the inbox; the refusal that it would meet there; None where it is not meant.

    Judged by the same rules as at the doors, though not against what is known already. It keeps its id, so that
    correcting it twice counts once.
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


def _dump(document: dict[str, Any]) -> bytes:
    """JSON with decimal numbers digit for digit, which the standard encoder knows only as text."""
    text = json.dumps(document, ensure_ascii=False, default=_marked)
    return _DECIMAL.sub(r"\1", text).encode()


def _marked(value: object) -> str:
    assert isinstance(value, Decimal), "strict JSON gives nothing else"
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
