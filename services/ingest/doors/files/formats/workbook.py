"""Rows of a sheet of a workbook (xlsx, xls, xlsb, ods). The workbook is read into memory, so its size is limited."""

import io
from collections.abc import Iterator, Sequence
from typing import cast

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum

from services.ingest.doors.files.formats.cells import Cell
from services.ingest.doors.files.formats.packed import Stored
from services.ingest.doors.files.formats.row import Row
from shared.errors import Malformed


class Workbook:
    """An opened workbook. Raises Malformed if it can't be read."""

    def __init__(self, stored: Stored) -> None:
        self.stored = stored
        try:
            self._book = CalamineWorkbook.from_filelike(io.BytesIO(stored.whole()))
            self.sheets = [sheet.name for sheet in self._book.sheets_metadata if sheet.typ is SheetTypeEnum.WorkSheet]
        except CalamineError as error:
            raise Malformed(f"{stored.path}: {stored.what.name}, but damaged: {error}") from None
        if not self.sheets:
            raise Malformed(f"{stored.path}: {stored.what.name} without a sheet")

    def name_of(self, sheet: str | int) -> str:
        """The name of a sheet given by name, or by number from 1. Raises Malformed, listing the sheets."""
        if isinstance(sheet, int) and 1 <= sheet <= len(self.sheets):
            return self.sheets[sheet - 1]
        if isinstance(sheet, str) and sheet in self.sheets:
            return sheet
        raise Malformed(f"{self.stored.path}: no sheet {sheet!r}; it has {', '.join(self.sheets)}")

    def rows(self, sheet: str) -> "SheetRows":
        """The rows of a sheet. Raises Malformed."""
        try:
            return SheetRows(self._book.get_sheet_by_name(sheet))
        except CalamineError as error:
            raise Malformed(f"{self.stored.path}, sheet {sheet}: damaged: {error}") from None


class SheetRows:
    """The non-empty rows of a sheet, with Excel's row numbers; can be read repeatedly."""

    def __init__(self, sheet: CalamineSheet) -> None:
        self._sheet = sheet

    def __iter__(self) -> Iterator[Row]:
        if self._sheet.start is None:
            return
        for number, cells in enumerate(self._sheet.iter_rows(), start=1):
            if _holds_anything(cells):
                yield Row(number, cast("list[Cell]", cells))


def _holds_anything(cells: Sequence[object]) -> bool:
    return any(cell != "" for cell in cells)
