"""The mapping file: how the columns of a CSV file become fields of events.

time_zone: Europe/London          # of times without an offset
encoding: utf-8                   # the default; cp1252, gb18030 and others whose line ends are single
bytes
delimiter: ","                    # the default
event:                            # what all events have, by dotted path
  id: "invoice-{invoice_no}"      # a text with columns in braces; absent when one of them is empty
  time: {column: invoice_date, format: "%Y-%m-%d %H:%M"}
rules:                            # the first whose condition holds makes the row's event
  - when: {column: amount, below: 0}
    event:
      type: guanxi.purchase.refunded.v1
      data.amount: {column: amount, absolute: true}
  - when: {column: kind, equals: test}
    skip: test rows
"""

import re
from decimal import Decimal
from pathlib import Path as FilePath
from string import Formatter
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from guanxi.importer.mapping_check import check_rule
from guanxi.importer.yaml_lines import Document, load
from shared.errors import Malformed

MAX_MAPPING_BYTES = 256 * 1024
Scalar = str | int | Decimal | bool
_PATH = re.compile(r"(?:id|source|type|subject|time|revision|traceparent|data(?:\.[a-z_][a-z0-9_]*|\.\d{1,3})+)")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Value(_Part):
    """A field's value from one column.

    as: text (the default), integer, number, boolean, instant (the default of `time`), or day; format: of
    instants and days, as Python's strptime has it, else ISO 8601; absolute: without the sign; values: the
    event's words for the file's.
    """

    column: str
    kind: Annotated[Literal["text", "integer", "number", "boolean", "instant", "day"] | None, Field(alias="as")] = None
    format: str | None = None
    absolute: bool = False
    values: dict[str, Scalar] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.format is not None and self.kind in {"text", "integer", "number", "boolean"}:
            raise ValueError("format goes with `as: instant` or `as: day`")
        if self.absolute and self.kind not in {None, "text", "integer", "number"}:
            raise ValueError("absolute goes with numbers")
        return self


class Condition(_Part):
    """A test of one column. All tests given must hold. below and above compare numbers."""

    column: str
    below: Decimal | None = None
    above: Decimal | None = None
    equals: str | None = None
    one_of: tuple[str, ...] | None = None
    begins_with: str | None = None
    empty: bool | None = None

    @model_validator(mode="after")
    def _tests(self) -> Self:
        if not self.model_fields_set - {"column"}:
            raise ValueError("a condition tests something: below, above, equals, one_of, begins_with, empty")
        return self


class Rule(_Part):
    """One rule: rows for which all of `when` hold become `event`, or are skipped for the reason `skip`."""

    when: tuple[Condition, ...] = ()
    event: dict[str, Value | Scalar] = {}
    skip: str | None = None

    @field_validator("when", mode="before")
    @classmethod
    def _one_or_many(cls, when: object) -> object:
        return (when,) if isinstance(when, dict) else when

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.skip is None) == (not self.event):
            raise ValueError("a rule has either an event or a skip")
        return self


class Mapping(_Part):
    """A whole mapping."""

    time_zone: str | None = None
    encoding: str = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    event: dict[str, Value | Scalar] = {}
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        try:
            return name and ZoneInfo(name).key
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone of the IANA data base, such as Asia/Shanghai") from None

    @field_validator("encoding")
    @classmethod
    def _single_byte_line_ends(cls, name: str) -> str:
        try:
            fits = "\n,".encode(name) == b"\n,"
        except LookupError:
            raise ValueError(f"{name!r} is no known encoding; utf-8, cp1252 and gb18030 are some") from None
        if not fits:
            raise ValueError(f"{name} cannot be read line by line; convert the files to utf-8 first")
        return name

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone of times without an offset."""
        return ZoneInfo(self.time_zone) if self.time_zone else None

    def columns(self) -> list[str]:
        """Every column that the mapping names, in order."""
        found: dict[str, None] = {}
        for fields in (self.event, *(rule.event for rule in self.rules)):
            for value in fields.values():
                found.update(dict.fromkeys(columns_of(value)))
        for rule in self.rules:
            found.update(dict.fromkeys(condition.column for condition in rule.when))
        return list(found)


def columns_of(value: Value | Scalar) -> list[str]:
    """The columns that a value is made of. Raises ValueError for a template that cannot be read."""
    if isinstance(value, Value):
        return [value.column]
    if isinstance(value, str):
        return [name for _, name, _, _ in Formatter().parse(value) if name is not None]
    return []


def read_mapping(path: FilePath) -> Mapping:
    """The mapping of a YAML file. Raises Malformed that names the line."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Malformed(f"{path}: {error.strerror}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise Malformed(f"{path.name}, line {line}: not UTF-8") from None
    if len(raw) > MAX_MAPPING_BYTES:
        raise Malformed(f"{path}: larger than {MAX_MAPPING_BYTES} bytes, so not a mapping")
    return parse_mapping(text, path.name)


def parse_mapping(text: str, name: str) -> Mapping:
    """The mapping of a YAML text. Raises Malformed that names the line."""
    document = load(text, name)
    if not isinstance(document.value, dict):
        raise document.error((), "a mapping with `event` and `rules` is expected")
    try:
        mapping = Mapping.model_validate(document.value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        path = [part for part in first["loc"] if part not in {"Value", "str", "int", "decimal", "bool"}]
        what = first["msg"].removeprefix("Value error, ")
        raise document.error(path, f"{'.'.join(map(str, path))}: {what}") from None
    _check_fields(mapping.event, ("event",), document)
    for index, rule in enumerate(mapping.rules):
        _check_fields(rule.event, ("rules", index, "event"), document)
        if rule.skip is None:
            check_rule({**mapping.event, **rule.event}, ("rules", index), document)
    return mapping


def _check_fields(fields: dict[str, Value | Scalar], where: tuple[str | int, ...], document: Document) -> None:
    for path, value in fields.items():
        if not _PATH.fullmatch(path):
            hint = "id, source, type, subject, time, revision, traceparent or data.<field> is expected"
            raise document.error((*where, path), f"{path!r} is no field of an event; {hint}")
        try:
            parts = list(Formatter().parse(value)) if isinstance(value, str) else []
        except ValueError as error:
            raise document.error((*where, path), f"{path}: {error}") from None
        for _, column, layout, conversion in parts:
            if column is not None and (not column or layout or conversion):
                raise document.error((*where, path), f"{path}: braces hold the name of a column and nothing else")
