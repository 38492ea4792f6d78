"""The mapping file: how the columns of a file become fields of events.

time_zone: Europe/London          # of times without an offset
encoding: gb18030                 # these five are detected unless set
delimiter: ";"
sheet: Orders                     # of a workbook: name or number
header: 5                         # the line with the column names; `none` if there is none
columns:                          # formats of single columns
  Betrag: {number: {decimal: ",", thousands: "."}}
  Datum: {date: ["%d.%m.%Y %H:%M", "%d.%m.%Y", serial]}
empty: ["-", "NULL"]              # what counts as an empty cell
ids: as_is                        # accept ids that look damaged, such as 1.23E+11
fill_down: [Nummer, Kunde]        # rows in which all of these are empty continue the row above
group_by: Nummer                  # rows with the same value in it are one record
event:                            # fields of all events, by dotted path
  id: "invoice-{Nummer}"          # a text with columns in braces; absent if one of them is empty
  time: {column: Datum}
  data.amount: {column: Betrag, take: sum}
rules:                            # the first one whose condition holds makes the row's event
  - when: {column: amount, below: 0}
    event:
      type: guanxi.purchase.refunded.v1
      data.amount: {column: amount, absolute: true}
  - when: {column: kind, begins_with: Total}
    skip: totals
  - records:                      # or several events from one row
      - event: {type: guanxi.purchase.recorded.v1}
      - when: {column: paid, empty: false}
        event: {type: guanxi.invoice.paid.v1}

A column is given by its name in the header or by its number: `column: 3`, "{#3}".
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from pathlib import Path as FilePath
from string import Formatter
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from services.ingest.doors.files.formats.encodings import known_encoding
from services.ingest.doors.files.formats.table import Layout
from services.ingest.doors.files.forms import ColumnForm, Ids, Layouts, Part, check_layouts, one_or_many
from services.ingest.doors.files.mapping_check import wrong_in_rule
from shared.errors import Malformed
from shared.events.registry import FACTS
from shared.yaml_lines import Document, load, read_text

Scalar = str | int | Decimal | bool
Kind = Literal["text", "integer", "number", "boolean", "instant", "day"]
Take = Literal["sum", "first", "last"]
_PATH = re.compile(
    r"(?:id|source|type|subject|time|revision|traceparent|actor|data(?:\.[a-z_][a-z0-9_]*|\.\d{1,3}|\.\*)+)"
)

MAX_EVENTS_PER_ROW = 20
MAX_RULES = 200
MAX_PROBLEMS = 50
"""Of a mapping, told at once: nobody mends more before trying again."""


def _by_number(column: object) -> object:
    if isinstance(column, bool):
        raise ValueError("YAML reads a bare yes, no, on or off as true or false; quote the name")  # noqa: TRY004
    return f"#{column}" if isinstance(column, int) else column


ColumnName = Annotated[str, BeforeValidator(_by_number)]
ColumnNames = Annotated[tuple[ColumnName, ...], BeforeValidator(lambda value: one_or_many(value, (str, int)))]


class Value(Part):
    """A field's value from one column, or from a text with columns in braces.

    as: text, integer, number, boolean, instant or day; default: what the event's field expects. format: of instants and
    days, for Python's strptime, or several to try in order, for this use of the column; absolute: without the sign;
    values: the event's words for the file's; default: for an empty cell; take: with group_by, the sum, the first or the
    last of the rows; without it they must be equal.
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
            raise ValueError("a value needs either a column or a text")
        if self.format is not None and self.kind in {"text", "integer", "number", "boolean"}:
            raise ValueError("format needs `as: instant` or `as: day`")
        if self.absolute and self.kind not in {None, "text", "integer", "number"}:
            raise ValueError("absolute needs a number")
        check_layouts(self.format or (), self.century_from)
        return self

    @property
    def template(self) -> str:
        """The value as a text with columns in braces."""
        return self.text if self.text is not None else f"{{{self.column}}}"


class Condition(Part):
    """A condition on one column. All given tests must hold. below and above compare numbers."""

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
            raise ValueError("a condition needs a test: below, above, equals, one_of, begins_with, empty")
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
            raise ValueError("a rule needs one of event, skip, records")
        return self

    @property
    def made(self) -> tuple[Record, ...]:
        """The events that the rule makes."""
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
            raise ValueError(f"{name!r} is not a time zone of the IANA database, such as Asia/Shanghai") from None

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str | None) -> str | None:
        found = known_encoding(name) if name is not None else None
        if name is not None and found is None:
            raise ValueError(f"{name!r} is not a known encoding, such as utf-8, gb18030, cp1252 or utf-16")
        return found

    @model_validator(mode="after")
    def _takes_go_with_groups(self) -> Self:
        if not self.group_by:
            for fields in self._all_fields():
                for path, value in fields.items():
                    if "*" in path.split(".") or (isinstance(value, Value) and value.take is not None):
                        raise ValueError(f"{path}: `take` and `*` need group_by, which says which rows are one record")
        return self

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone of times without an offset."""
        return ZoneInfo(self.time_zone) if self.time_zone else None

    @property
    def layout(self) -> Layout:
        """The layout of its files."""
        return Layout(self.encoding, self.delimiter, self.sheet, self.header)

    @cached_property
    def used(self) -> list[str]:
        """Every required column, in order."""
        found: dict[str, None] = {}
        for fields in self._all_fields():
            for value in fields.values():
                found.update(dict.fromkeys(columns_of(value)))
        for rule in self.rules:
            for conditions in (rule.when, *(record.when for record in rule.records)):
                found.update(dict.fromkeys(condition.column for condition in conditions))
        return list(found | dict.fromkeys((*self.columns, *self.fill_down, *self.group_by)))

    def fields_of(self, record: Record) -> Fields:
        """All fields of a record: its own, and those common ones that its type knows."""
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
    """The columns that a value is made from. Raises ValueError for an invalid template."""
    template = value.template if isinstance(value, Value) else value
    if not isinstance(template, str):
        return []
    return [name for _, name, _, _ in Formatter().parse(template) if name is not None]


def read_mapping(path: FilePath) -> Mapping:
    """Read the mapping in a YAML file. Raises Malformed with the line."""
    return parse_mapping(read_text(path), path.name)


def parse_mapping(text: str, name: str) -> Mapping:
    """Read the mapping in a YAML text. Raises Malformed with the line."""
    document = _loaded(text, name)
    try:
        mapping = Mapping.model_validate(document.value)
    except ValidationError as error:
        raise document.invalid(error) from None
    wrong = next(_wrong(mapping, document), None)
    if wrong is not None:
        raise wrong
    return mapping


def what_is_wrong(text: str, name: str) -> list[str]:
    """Each problem of a mapping's text, with its line, up to MAX_PROBLEMS; none of what can be imported with. Fields of
    events are looked at once the form is right.
    """
    try:
        document = _loaded(text, name)
    except Malformed as error:
        return [str(error)]
    try:
        mapping = Mapping.model_validate(document.value)
    except ValidationError as error:
        return list(dict.fromkeys(map(str, document.all_invalid(error))))[:MAX_PROBLEMS]
    return list(dict.fromkeys(map(str, _wrong(mapping, document))))[:MAX_PROBLEMS]


def _loaded(text: str, name: str) -> Document:
    document = load(text, name)
    if not isinstance(document.value, dict):
        raise document.error((), "expected a mapping with `event` and `rules`")
    return document


def _wrong(mapping: Mapping, document: Document) -> Iterator[Malformed]:
    """What is wrong with the fields of its events, by the models of the events."""
    yield from _wrong_fields(mapping.event, ("event",), document)
    used: set[str] = set()
    for index, rule in enumerate(mapping.rules):
        for part, record in enumerate(rule.made):
            used.update(mapping.fields_of(record))
            where = ("rules", index) if rule.event else ("rules", index, "records", part)
            yield from _wrong_fields(record.event, (*where, "event"), document)
            yield from wrong_in_rule(mapping.fields_of(record), where, document)
    for path in mapping.event:
        if used and path not in used:
            yield document.error(("event", path), f"{path}: no event type in the rules has this field")


def _wrong_fields(fields: Fields, where: tuple[str | int, ...], document: Document) -> Iterator[Malformed]:
    for path, value in fields.items():
        if not _PATH.fullmatch(path):
            hint = "expected id, source, type, subject, time, revision, traceparent, actor or data.<field>"
            yield document.error((*where, path), f"{path!r} is not a field of an event; {hint}")
        template = value.template if isinstance(value, Value) else value
        try:
            parts = list(Formatter().parse(template)) if isinstance(template, str) else []
        except ValueError as error:
            yield document.error((*where, path), f"{path}: {error}")
            continue
        for _, column, layout, conversion in parts:
            if column is not None and (not column or layout or conversion):
                yield document.error((*where, path), f"{path}: braces may contain only a column name")
