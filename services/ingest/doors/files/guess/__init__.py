"""A first mapping for a file: proposed with reasons and tried on its first rows."""

import itertools
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pydantic_core import to_json

from services.ingest.doors.files.convert import Converter, Piece, Skipped
from services.ingest.doors.files.drafts import is_events_file
from services.ingest.doors.files.formats.cells import Cell, stripped, text_of
from services.ingest.doors.files.formats.header import plain
from services.ingest.doors.files.formats.row import Row
from services.ingest.doors.files.formats.table import Layout, Ragged, Table
from services.ingest.doors.files.guess.propose import propose
from services.ingest.doors.files.guess.vocabulary import known_words
from services.ingest.doors.files.mapping import parse_mapping
from services.ingest.doors.files.times import LocalTimes
from shared.errors import Malformed
from shared.events.refusal import Refused

SAMPLE_ROWS = 1000
SHOWN_ROWS = 10
_HEADER_ROWS = 50


class Guess(NamedTuple):
    """A proposed mapping. kind: what the file seems to be; said: what was found in it; unsure: what a person must
    check; text: the mapping, each line with its reason; shown: what becomes of the first rows.
    """

    kind: str
    said: str
    unsure: list[str]
    text: str
    shown: list[str]


def guess_file(path: Path, zone: ZoneInfo) -> str:
    """The text of a mapping for a file, with the first rows as events in comments. Raises Malformed."""
    found = guess(path, zone)
    lines = [f"# Proposed mapping for {path.name}: {found.kind}." + (f" Found: {found.said}." if found.said else "")]
    if found.unsure:
        lines.append("# Check:")
        lines += [f"# - {one}" for one in found.unsure]
    lines += ["# The mapping format is described in docs/import.md", "", found.text, "", "# The first rows as events:"]
    lines += [f"# {one}" for one in found.shown]
    return "\n".join(lines)


def guess(path: Path, zone: ZoneInfo) -> Guess:
    """A mapping for a file. Raises Malformed."""
    if is_events_file(path):
        raise Malformed(f"{path} contains events; it needs no mapping")
    if not path.is_file():
        raise Malformed(f"{path}: no such file")
    table = Table(path, Layout(header="none"), (), best=known_words)
    read = [row for row in itertools.islice(table, SAMPLE_ROWS + _HEADER_ROWS) if isinstance(row, Row | Ragged)]
    rows = [row for row in map(_cells, read) if any(cell != "" for cell in row)]
    if not rows:
        raise Malformed(f"{path}: the file is empty")
    at = max(range(min(len(rows), _HEADER_ROWS)), key=lambda n: known_words([text_of(cell) for cell in rows[n]]))
    header = [plain(text_of(cell)) for cell in rows[at]]
    while len(header) > 1 and not header[-1] and not any(row[len(header) - 1 :][:1] not in ([], [""]) for row in rows):
        header.pop()
    sample = [(row + [""] * len(header))[: len(header)] for row in rows[at + 1 :]]
    proposal = propose(header, sample, source=path.name.partition(".")[0], time_zone=zone.key)
    if proposal is None:
        shown = ", ".join(filter(None, header))[:300]
        raise Malformed(
            f"{path}: could not tell what any column contains ({shown}); write the mapping by hand, see docs/import.md"
        )
    text = "\n".join(proposal.lines)
    return Guess(proposal.kind, table.said, proposal.unsure, text, _tried(path, text, header, sample, zone))


def _cells(row: Row | Ragged) -> list[Cell]:
    return stripped(row.row.cells if isinstance(row, Ragged) else row.cells)


def _tried(path: Path, text: str, header: list[str], sample: list[list[Cell]], zone: ZoneInfo) -> list[str]:
    mapping = parse_mapping(text, "the proposal")
    converter = Converter(mapping, header, LocalTimes(mapping.zone, business=zone), path)
    fill = [header.index(name) for name in mapping.fill_down if name in header]
    above: list[Cell] = []
    shown: dict[object, str] = {}
    records: dict[object, tuple[int, list[list[object]]]] = {}
    for number, cells in enumerate(sample):
        if above and all(cells[place] == "" for place in fill):
            for place in fill:
                cells[place] = above[place]
        above = cells
        for part, piece in enumerate(converter.pieces(cells)):
            if isinstance(piece, Piece):
                key: object = (piece.recipe, piece.key) if mapping.group_by and piece.key else (number, part)
                records.setdefault(key, (piece.recipe, []))[1].append(piece.made)
                shown.setdefault(key, "")
            elif isinstance(piece, Skipped):
                shown[number, part] = f"skipped: {piece.why}"
            else:
                shown[number, part] = f"refused: {piece.field}: {piece.hint}"
        if len(shown) > SHOWN_ROWS and not mapping.group_by:
            break
    for key, (recipe, made) in itertools.islice(records.items(), SHOWN_ROWS):
        document = converter.document(recipe, made)
        shown[key] = f"refused: {document.hint}" if isinstance(document, Refused) else to_json(document).decode()
    return list(shown.values())[:SHOWN_ROWS]
