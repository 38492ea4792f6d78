"""Small workbooks made by hand: what Excel and LibreOffice write, and nothing else.

books/orders.xls was written with xlwt, books/orders.xlsb byte by byte after [MS-XLSB]; both hold `ORDERS`.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from xml.sax.saxutils import escape

EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a wall clock
Value = str | float | bool | date | datetime | time | None
Rows = Sequence[Sequence[Value]]

ORDERS: Rows = [
    ["no", "at", "customer", "amount"],
    ["0008", datetime(2026, 2, 20, 10, 0), "华芯", 5.5],  # noqa: DTZ001
    ["0009", date(2026, 2, 20), "C1", 6.0],
]

_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_ODS = "application/vnd.oasis.opendocument.spreadsheet"


def xlsx(**sheets: Rows) -> bytes:
    """A workbook of these sheets, as Excel writes it."""
    numbered = list(enumerate(sheets.items(), start=1))
    names = "".join(f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"/>' for n, (name, _) in numbered)
    related = "".join(_relation(f"rId{n}", "worksheet", f"worksheets/sheet{n}.xml") for n, _ in numbered)
    formats = "".join(f'<xf numFmtId="{number}"/>' for number in (0, 14, 22, 21))
    files = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"/>',
        "_rels/.rels": _relations(_relation("rId1", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _relations(related + _relation("rIdS", "styles", "styles.xml")),
        "xl/styles.xml": f'<styleSheet xmlns="{_SHEET}"><cellXfs count="4">{formats}</cellXfs></styleSheet>',
    }
    for number, (_, rows) in numbered:
        data = "".join(f'<row r="{n}">{_cells(n, row)}</row>' for n, row in enumerate(rows, start=1))
        files[f"xl/worksheets/sheet{number}.xml"] = (
            f'<worksheet xmlns="{_SHEET}"><sheetData>{data}</sheetData></worksheet>'
        )
    return zipped(files)


def ods(rows: Rows) -> bytes:
    """A workbook of one sheet, as LibreOffice writes it."""
    data = "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows)
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = (
        f"<office:document-content {spaces}><office:body><office:spreadsheet>"
        f'<table:table table:name="Orders">{data}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    manifest = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    return zipped({"mimetype": _ODS, "content.xml": content, "META-INF/manifest.xml": manifest})


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    """A zip archive of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def _relations(inside: str) -> str:
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{inside}</Relationships>'


def _relation(name: str, kind: str, target: str) -> str:
    return f'<Relationship Id="{name}" Type="{_OFFICE}/{kind}" Target="{target}"/>'


def _cells(row: int, values: Sequence[Value]) -> str:
    return "".join(_cell(f"{chr(65 + place)}{row}", value) for place, value in enumerate(values))


def _cell(where: str, value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f'<c r="{where}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    if isinstance(value, bool):
        return f'<c r="{where}" t="b"><v>{int(value)}</v></c>'
    style, number = _styled(value)
    return f'<c r="{where}" s="{style}"><v>{number!r}</v></c>'


def _styled(value: float | date | datetime | time) -> tuple[int, float]:
    if isinstance(value, datetime):
        return 2, (value - EPOCH).total_seconds() / 86_400
    if isinstance(value, date):
        return 1, (datetime.combine(value, time()) - EPOCH).days
    if isinstance(value, time):
        return 3, (value.hour * 3600 + value.minute * 60 + value.second) / 86_400
    return 0, value


def _ods_cell(value: Value) -> str:
    if value is None:
        return "<table:table-cell/>"
    if isinstance(value, str):
        said = 'office:value-type="string"'
    elif isinstance(value, date):
        said = f'office:value-type="date" office:date-value="{value.isoformat()}"'
    else:
        said = f'office:value-type="float" office:value="{value}"'
    return f"<table:table-cell {said}><text:p>{escape(str(value))}</text:p></table:table-cell>"
