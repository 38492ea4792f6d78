"""The mapping file: how the columns of a file become fields of events.

time_zone: Europe/London          # of times without an offset
encoding: gb18030                 # these five are found by looking, unless named
delimiter: ";"
sheet: Orders                     # of a workbook; or its number
header: 5                         # the line of the names of columns; `none` when there are none
columns:                          # how single columns are written
  Betrag: {number: {decimal: ",", thousands: "."}}
  Datum: {date: ["%d.%m.%Y %H:%M", "%d.%m.%Y", serial]}
empty: ["-", "NULL"]              # what counts as an empty cell
ids: as_is                        # take ids that look spoilt, such as 1.23E+11
fill_down: [Nummer, Kunde]        # rows in which all of these are empty continue the row above
group_by: Nummer                  # rows with the same value here are one record
event:                            # what all events have, by dotted path
  id: "invoice-{Nummer}"          # a text with columns in braces; absent when one of them is empty
  time: {column: Datum}
  data.amount: {column: Betrag, take: sum}
rules:                            # the first whose condition holds makes the row's event
  - when: {column: amount, below: 0}
    event:
      type: guanxi.purchase.refunded.v1
      data.amount: {column: amount, absolute: true}
  - when: {column: kind, begins_with: Total}
    skip: totals
  - records:                      # or several events of one row
      - event: {type: guanxi.purchase.recorded.v1}
      - when: {column: paid, empty: false}
        event: {type: guanxi.invoice.paid.v1}

A column is named as in the header, or by its number: `column: 3`, "{#3}".
"""

import re
from decimal import Decimal
from functools import cached_property
from pathlib import Path as FilePath
from string import Formatter
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from guanxi.importer.files.encodings import known_encoding
from guanxi.importer.files.table import Layout
from guanxi.importer.forms import ColumnForm, Ids, Layouts, Part, check_layouts, one_or_many
from guanxi.importer.mapping_check import check_rule
from guanxi.importer.yaml_lines import Document, load, read_text
from shared.events.registry import FACTS

Scalar = str | int | Decimal | bool
Kind = Literal["text", "integer", "number", "boolean", "instant", "day"]
Take = Literal["sum", "first", "last"]
_PATH = re.compile(
    r"(?:id|source|type|subject|time|revision|traceparent|actor|data(?:\.[a-z_][a-z0-9_]*|\.\d{1,3}|\.\*)+)"
)

MAX_EVENTS_PER_ROW = 20
MAX_RULES = 200


def _by_number(column: object) -> object:
    if isinstance(column, bool):
        raise ValueError("a bare yes, no, on or off is a truth value in YAML; put the name in quotes")  # noqa: TRY004
    return f"#{column}" if isinstance(column, int) else column


ColumnName = Annotated[str, BeforeValidator(_by_number)]
ColumnNames = Annotated[tuple[ColumnName, ...], BeforeValidator(lambda value: one_or_many(value, (str, int)))]


class Value(Part):
    """A field's value from one column, or from a text with columns in braces.

    as: text, integer, number, boolean, instant or day; unless given, what the event's field holds. format: of instants
    and days, as Python's strptime has it, or several to be tried in order, for this use of the column; absolute:
    without the sign; values: the event's words for the file's; default: for an empty cell; take: with group_by, the
    sum, the first or the last of the rows, which are else the same.
    """

    column: ColumnName | None = None
    text: str | None = None
    kind: Annotated[Kind | None, Field(alias="as")] = None
    format: Layouts | None = None
    century_from: Annotated[int, Field(ge=1900, le=2100)] | None = None
    absolute: bool = False
    values: dict[str, Scalar] | None = None
    default: Scalar | None = None
    take: Take | None = None

    _lists = field_validator("format", mode="before")(one_or_many)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.column is None) == (self.text is None):
            raise ValueError("a value has either a column or a text")
        if self.format is not None and self.kind in {"text", "integer", "number", "boolean"}:
            raise ValueError("format goes with `as: instant` or `as: day`")
        if self.absolute and self.kind not in {None, "text", "integer", "number"}:
            raise ValueError("absolute goes with numbers")
        check_layouts(self.format or (), self.century_from)
        return self

    @property
    def template(self) -> str:
        """The value as a text with columns in braces."""
        return self.text if self.text is not None else f"{{{self.column}}}"


class Condition(Part):
    """A test of one column. All tests given must hold. below and above compare numbers."""

    column: ColumnName
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


Conditions = Annotated[tuple[Condition, ...], BeforeValidator(lambda value: one_or_many(value, dict))]
Fields = dict[str, Value | Scalar]


class Record(Part):
    """One of several events of a row, made when all of `when` hold."""

    when: Conditions = ()
    event: Annotated[Fields, Field(min_length=1)]


class Rule(Part):
    """One rule: rows for which all of `when` hold become `event` or `records`, or are skipped for the reason `skip`."""

    when: Conditions = ()
    event: Fields = Field(default_factory=dict)
    records: Annotated[tuple[Record, ...], Field(max_length=MAX_EVENTS_PER_ROW)] = ()
    skip: str | None = None

    @model_validator(mode="after")
    def _either(self) -> Self:
        if [self.skip is not None, bool(self.event), bool(self.records)].count(True) != 1:
            raise ValueError("a rule has either an event or a skip, or several records")
        return self

    @property
    def made(self) -> tuple[Record, ...]:
        """The events that it makes."""
        return (Record(event=self.event),) if self.event else self.records


class Mapping(Part):
    """A whole mapping."""

    time_zone: str | None = None
    encoding: str | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    sheet: str | Annotated[int, Field(ge=1)] | None = None
    header: Annotated[int, Field(ge=1, le=100)] | Literal["none"] | None = None
    columns: dict[ColumnName, ColumnForm] = Field(default_factory=dict)
    empty: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    ids: Ids = "checked"
    fill_down: ColumnNames = ()
    group_by: ColumnNames = ()
    repeats: Literal["refused", "first"] = "refused"
    event: Fields = Field(default_factory=dict)
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=MAX_RULES)]

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        try:
            return name and ZoneInfo(name).key
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone of the IANA data base, such as Asia/Shanghai") from None

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str | None) -> str | None:
        found = known_encoding(name) if name is not None else None
        if name is not None and found is None:
            raise ValueError(f"{name!r} is no known encoding; utf-8, gb18030, cp1252 and utf-16 are some")
        return found

    @model_validator(mode="after")
    def _takes_go_with_groups(self) -> Self:
        if not self.group_by:
            for fields in self._all_fields():
                for path, value in fields.items():
                    if "*" in path.split(".") or (isinstance(value, Value) and value.take is not None):
                        raise ValueError(
                            f"{path}: `take` and `*` go with group_by, which says which rows are one record"
                        )
        return self

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone of times without an offset."""
        return ZoneInfo(self.time_zone) if self.time_zone else None

    @property
    def layout(self) -> Layout:
        """What it says of how its files are laid out."""
        return Layout(self.encoding, self.delimiter, self.sheet, self.header)

    @cached_property
    def used(self) -> list[str]:
        """Every column that the mapping needs, in order."""
        found: dict[str, None] = {}
        for fields in self._all_fields():
            for value in fields.values():
                found.update(dict.fromkeys(columns_of(value)))
        for rule in self.rules:
            for conditions in (rule.when, *(record.when for record in rule.records)):
                found.update(dict.fromkeys(condition.column for condition in conditions))
        return list(found | dict.fromkeys((*self.columns, *self.fill_down, *self.group_by)))

    def fields_of(self, record: Record) -> Fields:
        """All fields of a record: its own, and of the common ones those that its type knows."""
        name = record.event.get("type", self.event.get("type"))
        entry = FACTS.get(name) if isinstance(name, str) else None
        known = entry.door.model_fields if entry else None
        common = {
            path: value
            for path, value in self.event.items()
            if known is None or not path.startswith("data.") or path.split(".")[1] in known
        }
        return {**common, **record.event}

    def _all_fields(self) -> list[Fields]:
        return [self.event, *(record.event for rule in self.rules for record in rule.made)]


def columns_of(value: Value | Scalar | None) -> list[str]:
    """The columns that a value is made of. Raises ValueError for a template that cannot be read."""
    template = value.template if isinstance(value, Value) else value
    if not isinstance(template, str):
        return []
    return [name for _, name, _, _ in Formatter().parse(template) if name is not None]


def read_mapping(path: FilePath) -> Mapping:
    """The mapping of a YAML file. Raises Malformed that names the line."""
    return parse_mapping(read_text(path), path.name)


def parse_mapping(text: str, name: str) -> Mapping:
    """The mapping of a YAML text. Raises Malformed that names the line."""
    document = load(text, name)
    if not isinstance(document.value, dict):
        raise document.error((), "a mapping with `event` and `rules` is expected")
    try:
        mapping = Mapping.model_validate(document.value)
    except ValidationError as error:
        raise document.invalid(error) from None
    _check_fields(mapping.event, ("event",), document)
    used: set[str] = set()
    for index, rule in enumerate(mapping.rules):
        for part, record in enumerate(rule.made):
            used.update(mapping.fields_of(record))
            where = ("rules", index) if rule.event else ("rules", index, "records", part)
            _check_fields(record.event, (*where, "event"), document)
            check_rule(mapping.fields_of(record), where, document)
    idle = next((path for path in mapping.event if used and path not in used), None)
    if idle is not None:
        raise document.error(("event", idle), f"{idle}: no type of event in the rules has such a field")
    return mapping


def _check_fields(fields: Fields, where: tuple[str | int, ...], document: Document) -> None:
    for path, value in fields.items():
        if not _PATH.fullmatch(path):
            hint = "id, source, type, subject, time, revision, traceparent, actor or data.<field> is expected"
            raise document.error((*where, path), f"{path!r} is no field of an event; {hint}")
        template = value.template if isinstance(value, Value) else value
        try:
            parts = list(Formatter().parse(template)) if isinstance(template, str) else []
        except ValueError as error:
            raise document.error((*where, path), f"{path}: {error}") from None
        for _, column, layout, conversion in parts:
            if column is not None and (not column or layout or conversion):
                raise document.error((*where, path), f"{path}: braces hold the name of a column and nothing else")
