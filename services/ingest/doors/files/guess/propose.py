"""Proposes a mapping from a header and a sample of rows: each line with its reason, and what is unsure. Pure."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from services.ingest.doors.files.formats.cells import Cell, text_of
from services.ingest.doors.files.forms import NumberForm
from services.ingest.doors.files.guess import looks
from services.ingest.doors.files.guess.kinds import KINDS, WORDS_OF_FIELDS, KindOfFile
from services.ingest.doors.files.guess.vocabulary import TOTALS, VOID_WORDS, WORDS, fitness, folded
from shared.events.registry import FACTS

_DAYS = ("time", "due_on", "paid_on", "active_from", "active_until")
_NUMBERS = ("amount", "margin_rate", "score")
_WIDTH = 62


@dataclass(slots=True)
class Proposal:
    """The lines of a mapping. unsure: what a person must check."""

    kind: str
    lines: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)

    def add(self, indent: int, text: str, why: str = "", unsure: str = "") -> None:
        """One line, with its reason."""
        line = " " * indent + text
        note = f"CHECK: {unsure}" if unsure else why
        self.lines.append(f"{line:<{_WIDTH}}  # {note}" if note else line)
        if unsure:
            self.unsure.append(f"{text.strip().partition(':')[0]}: {unsure}")


@dataclass(slots=True)
class _File:
    """names: how a mapping names each column, by number if its name can't be used."""

    header: Sequence[str]
    names: list[str]
    columns: list[list[Cell]]
    found: dict[str, int] = field(default_factory=dict)
    totals: list[tuple[int, str]] = field(default_factory=list)
    has_footer: bool = False

    def name(self, concept: str) -> str:
        return self.names[self.found[concept]]

    def cells(self, concept: str) -> list[Cell]:
        return self.columns[self.found[concept]]

    def braces(self, concept: str) -> str:
        return f"{{{self.name(concept)}}}"


def propose(header: Sequence[str], rows: Sequence[Sequence[Cell]], *, source: str, time_zone: str) -> Proposal | None:
    """A mapping for a table; None if nothing in it is recognised. `rows` may be a sample."""
    kept = [row for row in rows if _is_total(row) is None and not _is_footer(row)]
    counts = Counter(header)
    names = [
        name if counts[name] == 1 and name and not set(name) & set("{}:!") else f"#{place}"
        for place, name in enumerate(header, start=1)
    ]
    file = _File(header, names, [[row[place] for row in kept] for place in range(len(header))])
    file.totals = [(place, text_of(row[place])) for row in rows if (place := _is_total(row)) is not None]
    file.has_footer = any(_is_footer(row) for row in rows)
    best = max(((kind, *_found(kind, file)) for kind in KINDS), key=lambda one: one[2], default=None)
    if best is None or best[2] == 0:
        return None
    kind, file.found, _ = best
    return _written(kind, file, source, time_zone)


def _found(kind: KindOfFile, file: _File) -> tuple[dict[str, int], int]:
    """Which column is which of a kind's concepts, and how well the file fits; 0 if a required concept is missing."""
    record = kind.record[1] if kind.record else ()
    told = tuple(concept for group in kind.telling for concept in group)
    concepts = dict.fromkeys([*kind.subject, *told, *kind.helping, *record, "time", "status"])
    pairs = [(fitness(name, concept), concept, place) for concept in concepts for place, name in enumerate(file.header)]
    found: dict[str, int] = {}
    for fit, concept, place in sorted(pairs, key=lambda pair: (-pair[0], pair[2])):
        taken = place in found.values() or concept in found
        if fit and not taken and _looks_right(concept, file.columns[place]):
            found[concept] = place
    if any(not any(one in found for one in group) for group in kind.telling):
        return found, 0
    fit = sum(2 for group in kind.telling if any(one in found for one in group))
    return found, fit * 2 + sum(concept in found for concept in kind.helping)


def _looks_right(concept: str, cells: list[Cell]) -> bool:
    if not any(cell != "" for cell in cells):
        return False
    if concept in _DAYS:
        return looks.dates(cells) is not None
    if concept in _NUMBERS:
        return looks.numbers(cells) is not None
    return True


def _is_total(row: Sequence[Cell]) -> int | None:
    """The column in which a row says that it is a total."""
    return next((place for place, cell in enumerate(row) if folded(text_of(cell)) in TOTALS), None)


def _is_footer(row: Sequence[Cell]) -> bool:
    """Whether a row has text only in its first cell, below a header of several columns."""
    return len(row) > 3 and row[0] != "" and not any(cell != "" for cell in row[1:])


def _written(kind: KindOfFile, file: _File, source: str, time_zone: str) -> Proposal:
    made = Proposal(kind.name)
    made.add(0, f"time_zone: {time_zone}", unsure="the time zone of the file's times" if _has_clock(file) else "")
    forms = _forms(made, file)
    if forms:
        made.lines += ["columns:", *forms]
    record = next((concept for concept in (kind.record[1] if kind.record else ()) if concept in file.found), None)
    grouped = _grouping(made, file, record)
    made.lines.append("event:")
    _identity(made, kind, file, record, source)
    made.lines.append("rules:")
    _skips(made, file)
    _event(made, kind, file, record, grouped=grouped)
    for word in ("invoices", "purchases"):
        if kind.name == word and "paid_on" in file.found and "due_on" in file.found:
            made.unsure.append(
                f"{file.name('paid_on')}: payments are separate events; see `records:` in docs/import.md"
            )
    return made


def _forms(made: Proposal, file: _File) -> list[str]:
    guesses: dict[str, looks.Guess] = {}
    for concept in sorted(file.found, key=lambda one: file.found[one]):
        cells = file.cells(concept)
        guess = looks.dates(cells) if concept in _DAYS else looks.numbers(cells) if concept in _NUMBERS else None
        if guess is not None:
            guesses[concept] = guess
    sure = {guess.value for concept, guess in guesses.items() if concept in _DAYS and not guess.unsure}
    lines = Proposal("")
    for concept, found in guesses.items():
        guess, key = _as_others(found, sure), _flow(file.name(concept))
        if isinstance(guess.value, NumberForm):
            said = guess.value.model_dump(exclude_defaults=True)
            lines.add(2, f"{key}: {{number: {_flow(said)}}}", guess.why, guess.unsure)
        elif guess.value is not None:
            century = f", century_from: {looks.CENTURY_FROM}" if "%y" in str(guess.value) else ""
            lines.add(2, f"{key}: {{date: {_flow(guess.value)}{century}}}", guess.why, guess.unsure)
        elif guess.unsure:
            made.unsure.append(f"{file.name(concept)}: {guess.unsure}")
    made.unsure += lines.unsure
    return lines.lines


def _as_others(guess: looks.Guess, sure: set[object]) -> looks.Guess:
    """Days with two possible readings are read like the file's other columns."""
    for value in (guess.value, guess.other):
        if guess.unsure and value is not None and value in sure:
            return looks.Guess(value, "like the file's other days")
    return guess


def _grouping(made: Proposal, file: _File, record: str | None) -> bool:
    """Whether rows are lines of records: ids that repeat, or are empty after the first line."""
    if record is None:
        return False
    cells = file.cells(record)
    given = [cell for cell in cells if cell != ""]
    blanks = [row for row, cell in enumerate(cells) if cell == "" and row > 0]
    continued = [concept for concept in file.found if concept not in {"amount", "product_line", "margin_rate"}]
    fill = [c for c in continued if all(file.cells(c)[row] == "" for row in blanks)] if blanks else []
    if fill and record in fill and given:
        names = ", ".join(_flow(file.name(concept)) for concept in fill)
        made.add(0, f"fill_down: [{names}]", f"{len(blanks)} rows continue the row above")
    repeated = len(given) - len(set(given))
    if repeated or (fill and record in fill):
        what = f"{repeated} rows repeat an id" if repeated else "they are lines of one record"
        made.add(0, f"group_by: {_flow(file.name(record))}", f"{what}: rows with the same one are one record")
        return True
    return False


def _identity(made: Proposal, kind: KindOfFile, file: _File, record: str | None, source: str) -> None:
    subject = next(concept for concept in kind.subject if concept in file.found)
    noun = kind.type.split(".")[1]
    if record is not None:
        made.add(2, f'id: "{noun}-{file.braces(record)}"', _why(file, record), looks.ids(file.cells(record)))
    else:
        parts = dict.fromkeys([subject, *(concept for concept in ("time",) if concept in file.found)])
        text = "-".join(file.braces(concept) for concept in parts)
        unsure = "no column has an id of the record; use columns that distinguish rows" if kind.record else ""
        made.add(2, f'id: "{noun}-{text}"', "one fact per row", unsure)
    made.add(2, f"source: {_flow(source)}", "the name of the upstream system; keep it the same in every import")
    name_only = "" if subject.endswith("_id") else "a name is not a safe id: it must be spelled the same everywhere"
    spoilt = looks.ids(file.cells(subject))
    made.add(2, f'subject: "{file.braces(subject)}"', _why(file, subject), spoilt or name_only)
    day = next((concept for concept in ("time", "active_from") if concept in file.found), None)
    if day is not None:
        made.add(2, f"time: {{column: {_flow(file.name(day))}}}", _why(file, day))
    else:
        made.add(2, 'time: "2026-01-01T00:00:00Z"', unsure="no column has the time; enter the day of the export")


def _skips(made: Proposal, file: _File) -> None:
    for place in sorted({place for place, _ in file.totals}):
        totals = sorted({word for at, word in file.totals if at == place})
        made.add(2, f"- when: {{column: {_flow(file.names[place])}, one_of: {_flow(totals)}}}")
        made.add(4, "skip: totals", "total rows")
    needed = next((concept for concept in ("amount", "time", "score") if concept in file.found), None)
    if file.has_footer and needed is not None:
        made.add(2, f"- when: {{column: {_flow(file.name(needed))}, empty: true}}")
        made.add(4, "skip: no record", unsure="lines after the table have text only in their first cell")
    if "status" in file.found:
        words = looks.words(file.cells("status"))
        void = [word for word in words if folded(word) in VOID_WORDS]
        if void:
            made.add(2, f"- when: {{column: {_flow(file.name('status'))}, one_of: {_flow(void)}}}")
            made.add(4, "skip: not in force", unsure=f"these do not count; the others are {', '.join(words)[:80]}")


def _event(made: Proposal, kind: KindOfFile, file: _File, record: str | None, *, grouped: bool) -> None:
    negative = kind.name == "purchases" and record is not None and _has_negative(file)
    if negative:
        made.add(2, f"- when: {{column: {_flow(file.name('amount'))}, below: 0}}", "refunded money")
        made.lines.append("    event:")
        made.add(6, "type: guanxi.purchase.refunded.v1")
        made.add(6, f'data.refund_id: "{file.braces(record or "")}"')
        made.add(6, f"data.amount: {_of_column(file.name('amount'), 'absolute: true', *_sum(grouped=grouped))}")
        _currency(made, kind, file)
    made.lines.append("  - event:")
    made.add(6, f"type: {kind.type}", f"the columns look like {kind.name}")
    if kind.record is not None:
        if record is not None:
            made.add(6, f'{kind.record[0]}: "{file.braces(record)}"', _why(file, record))
        else:
            subject = next(concept for concept in kind.subject if concept in file.found)
            text = "-".join(
                file.braces(c) for c in dict.fromkeys([subject, *(["time"] if "time" in file.found else [])])
            )
            made.add(6, f'{kind.record[0]}: "{text}"', unsure="no column has it")
    constants = {path: (value, check) for path, value, check in kind.constants}
    for path, concept in kind.fields:
        if concept in file.found:
            _field(made, path, concept, file, grouped=grouped)
        elif path in constants:
            made.add(6, f"{path}: {constants[path][0]}", unsure=constants[path][1])
        elif _required(kind.type, path):
            made.add(6, f'{path}: "?"', unsure="no column found; the event requires it")


def _field(made: Proposal, path: str, concept: str, file: _File, *, grouped: bool) -> None:
    why = _why(file, concept)
    if path in WORDS_OF_FIELDS:
        words = looks.words(file.cells(concept))
        meant = {word: _meaning(path, word) for word in words}
        if words:
            doubtful = [word for word, meaning in meant.items() if meaning is None]
            first = next(iter(WORDS_OF_FIELDS[path]))
            values = _flow({word: meaning or first for word, meaning in meant.items()})
            unsure = f"what {', '.join(doubtful)[:60]} means" if doubtful else ""
            made.add(6, f"{path}: {_of_column(file.name(concept), f'values: {values}')}", why, unsure)
            return
    if path == "data.amount":
        made.add(6, f"{path}: {_of_column(file.name(concept), *_sum(grouped=grouped))}", why)
    elif path == "data.currency":
        _currency(made, None, file)
    elif grouped and concept in {"product_line", "margin_rate"}:
        made.add(
            6, f"{path}: {_of_column(file.name(concept), 'take: first')}", why, "of several lines, the first is used"
        )
    else:
        made.add(6, f"{path}: {_of_column(file.name(concept))}", why)


def _currency(made: Proposal, kind: KindOfFile | None, file: _File) -> None:
    if "currency" not in file.found:
        value, check = next((value, check) for path, value, check in (kind or KINDS[0]).constants if "currency" in path)
        made.add(6, f"data.currency: {value}", unsure=check)
        return
    words = looks.words(file.cells("currency"))
    known = {"¥": "CNY", "￥": "CNY", "RMB": "CNY", "人民币": "CNY", "元": "CNY", "€": "EUR", "Euro": "EUR", "$": "USD",
             "£": "GBP", "美元": "USD", "欧元": "EUR"}  # fmt: skip
    values = {word: known.get(word, word) for word in words}
    extra = [f"values: {_flow(values)}"] if any(word in known for word in words) else []
    made.add(6, f"data.currency: {_of_column(file.name('currency'), *extra)}", _why(file, "currency"))


def _meaning(path: str, word: str) -> str | None:
    name = folded(word)
    return next((meaning for meaning, words in WORDS_OF_FIELDS[path].items() if name in words or name == meaning), None)


def _required(type_name: str, path: str) -> bool:
    field_name = path.split(".")[1]
    info = FACTS[type_name].door.model_fields.get(field_name)
    return info is not None and info.is_required()


def _has_clock(file: _File) -> bool:
    if "time" not in file.found:
        return False
    return any(":" in text_of(cell) for cell in file.cells("time"))


def _has_negative(file: _File) -> bool:
    return any(
        text_of(cell).strip()[:1] in {"-", "(", "\u2212"} or text_of(cell)[-1:] == "-" for cell in file.cells("amount")
    )


def _sum(*, grouped: bool) -> tuple[str, ...]:
    return ("take: sum",) if grouped else ()


def _of_column(name: str, *more: str) -> str:
    return "{" + ", ".join([f"column: {_flow(name)}", *more]) + "}"


def _why(file: _File, concept: str) -> str:
    place = file.found[concept]
    header = file.header[place]
    example = next((text_of(cell) for cell in file.columns[place] if cell != ""), "")
    surely = max(fitness(header, one) for one in WORDS if one == concept) >= 60
    return f"{'named like this' if surely else 'similar name'}; such as {' '.join(example.split())[:30]}"


def _flow(value: Any) -> str:
    """A value in YAML's flow style, which includes JSON; plain words without quotes."""
    if isinstance(value, str) and value.isascii() and value.replace("_", "").isalnum() and not value[0].isdigit():
        return (
            value
            if value.lower() not in {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}
            else f'"{value}"'
        )
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(str(key))}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
