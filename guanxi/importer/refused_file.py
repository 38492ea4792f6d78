"""The file of refused rows: each as it was, with why; made at the first refusal."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from pydantic_core import to_json

from guanxi.importer.drafts import Origin
from shared.errors import Malformed, Stop
from shared.events.refusal import Refused

REASONS = ("refused_reason", "refused_field", "refused_hint", "refused_file", "refused_line", "refused_text")


def default_name(first: Path) -> str:
    """The name in the current folder: orders.csv.gz is refused into orders.refused.csv."""
    name = first.name.removesuffix(".gz")
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}.refused.{suffix}" if dot else f"{name}.refused"


class RefusedFile:
    """Takes refusals. For CSV files: their columns as they were, all files' together, so that the file can be
    mended and imported with the same mapping, followed by `REASONS`; `refused_text` has what is no row, such
    as an event of a file of events beside them. For files of events alone: one JSON object a line. Text is UTF-8.
    """

    def __init__(self, path: Path, files: Sequence[Path], headers: Sequence[Sequence[str]] | None) -> None:
        self.path = path
        self._files = [str(file) for file in files]
        self._headers = headers
        self._columns = list(dict.fromkeys(name for header in headers or () for name in header if name not in REASONS))
        self._file: IO[str] | None = None
        self._writer: Any = None
        if path.resolve() in {file.resolve() for file in files}:
            raise Malformed(f"{path} is one of the files to import; name another one for the refused rows")

    def write(self, origin: Origin, refused: Refused) -> None:
        """Add one refusal. Raises Stop when the file can't be written."""
        try:
            file = self._opened()
            if self._headers is None:
                file.write(to_json(self._event(origin, refused)).decode() + "\n")
            else:
                self._writer.writerow(self._row(origin, refused, self._headers[origin.file]))
        except OSError as error:
            raise Stop(f"{self.path}: {error.strerror}") from None

    def close(self) -> bool:
        """Complete the file; False when there was nothing to write."""
        if self._file is None:
            return False
        self._file.close()
        return True

    def _opened(self) -> IO[str]:
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8", newline="")
            if self._headers is not None:
                self._writer = csv.writer(self._file, lineterminator="\n")
                self._writer.writerow([*self._columns, *REASONS])
        return self._file

    def _event(self, origin: Origin, refused: Refused) -> dict[str, Any]:
        values = (refused.reason, refused.field, refused.hint, self._files[origin.file], origin.line, origin.row)
        return dict(zip(REASONS, values, strict=True))

    def _row(self, origin: Origin, refused: Refused, header: Sequence[str]) -> list[str]:
        is_row = isinstance(origin.row, list)
        cells = dict(zip(header, origin.row, strict=True)) if is_row else {}
        why = [refused.reason.value, refused.field, refused.hint, self._files[origin.file], str(origin.line)]
        return [*(cells.get(name, "") for name in self._columns), *why, "" if is_row else str(origin.row)]
