"""The files of refused rows: each row unchanged, with the reason; created at the first refusal."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from pydantic_core import to_json

from services.ingest.doors.files.drafts import PACKED_SUFFIXES, Origin, is_events_file
from services.ingest.doors.files.formats.cells import text_of
from services.ingest.doors.files.plan import Input
from services.ingest.doors.files.refused_columns import REASONS
from shared.errors import Malformed, Stop
from shared.events.refusal import Refused

Header = Sequence[str] | None


def default_name(first: Path) -> str:
    """The name in the current folder: refused rows of orders.csv.gz and orders.xlsx go to orders.refused.csv."""
    name = first.name
    for packed in PACKED_SUFFIXES:
        name = name.removesuffix(packed)
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        return f"{name}.refused"
    return f"{stem}.refused.{suffix if is_events_file(first) else 'csv'}"


class RefusedFiles:
    """One file per mapping, so that it can be corrected and imported with it, and one for events: the first is `path`,
    the second is `path` with -2 before its suffix, and so on.
    """

    def __init__(self, path: Path, inputs: Sequence[Input], headers: Sequence[Header]) -> None:
        files: dict[int, list[int]] = {}
        for file, one in enumerate(inputs):
            files.setdefault(id(one.mapping), []).append(file)
        self._of_file: dict[int, RefusedFile] = {}
        self._all: list[RefusedFile] = []
        for number, members in enumerate(files.values(), start=1):
            name = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
            if name.resolve() in {one.path.resolve() for one in inputs}:
                raise Malformed(f"{name} is one of the files to import; choose another file for the refused rows")
            refused = RefusedFile(name, {file: (inputs[file].name, headers[file]) for file in members})
            self._all.append(refused)
            self._of_file.update(dict.fromkeys(members, refused))

    def write(self, origin: Origin, refused: Refused) -> None:
        """Add the rows of one refusal. Raises Stop if the file can't be written."""
        for one in (origin, *origin.more):
            self._of_file[one.file].write(one, refused)

    def close(self) -> None:
        """Complete the files."""
        for one in self._all:
            one.close()

    @property
    def written(self) -> list[Path]:
        """The non-empty files."""
        return [one.path for one in self._all if one.begun]


class RefusedFile:
    """Writes refusals. For files with columns: the columns of all files together, followed by `REASONS`; `refused_text`
    has lines that are not rows. For files of events: one JSON object per line. Text is UTF-8.

    files: name and header of each, by index.
    """

    def __init__(self, path: Path, files: dict[int, tuple[str, Header]]) -> None:
        self.path = path
        self.begun = False
        self._files = files
        self._places = {file: _numbered(header) for file, (_, header) in files.items() if header is not None}
        columns = (column for columns in self._places.values() for column in columns)
        self._columns = list(dict.fromkeys(column for column in columns if column[0] not in REASONS))
        self._file: IO[str] | None = None
        self._writer: Any = None

    def write(self, origin: Origin, refused: Refused) -> None:
        """Add one row. Raises Stop if the file can't be written."""
        try:
            file = self._opened()
            if self._writer is None:
                file.write(to_json(self._event(origin, refused)).decode() + "\n")
            else:
                self._writer.writerow(self._row(origin, refused))
        except OSError as error:
            raise Stop(f"{self.path}: {error.strerror}") from None

    def close(self) -> None:
        """Complete the file."""
        if self._file is not None:
            self._file.close()

    def _opened(self) -> IO[str]:
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8", newline="")
            self.begun = True
            if self._places:
                self._writer = csv.writer(self._file, lineterminator="\n")
                self._writer.writerow([*(name for name, _ in self._columns), *REASONS])
        return self._file

    def _event(self, origin: Origin, refused: Refused) -> dict[str, Any]:
        name = self._files[origin.file][0]
        values = (refused.reason, refused.field, refused.hint, name, origin.line, origin.row)
        return dict(zip(REASONS, values, strict=True))

    def _row(self, origin: Origin, refused: Refused) -> list[str]:
        row = origin.row
        is_row = not isinstance(row, str)
        cells = dict(zip(self._places[origin.file], map(text_of, row), strict=True)) if is_row else {}
        why = [refused.reason.value, refused.field, refused.hint, self._files[origin.file][0], str(origin.line)]
        return [*(cells.get(column, "") for column in self._columns), *why, "" if is_row else str(row)]


def _numbered(header: Sequence[str]) -> list[tuple[str, int]]:
    """Columns, distinguished by how often their name occurred before."""
    seen: dict[str, int] = {}
    found = []
    for name in header:
        seen[name] = seen.get(name, 0) + 1
        found.append((name, seen[name]))
    return found
