"""What a file is, by its first bytes and never by its name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "gzip", "zip", "workbook"]

HEAD_BYTES = 4096
"""How much of a file is read to find out what it is."""


@dataclass(frozen=True, slots=True)
class What:
    """kind: how to read it; name: what people call it."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """A file that can't be imported; `name`: what it is, `advice`: what to do."""

    name: str
    advice: str


_SAVE = "open it in Excel or LibreOffice and save it as .xlsx or CSV"
_UNPACK = "unpack it first; only .gz and .zip are read directly"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LOCKED = "EncryptedPackage".encode("utf-16-le")
_MAGIC: tuple[tuple[bytes, What | Unusable], ...] = (
    (b"\x1f\x8b", What("gzip", "a gzip archive")),
    (b"PK\x03\x04", What("zip", "a zip archive")),
    (b"PK\x05\x06", Unusable("an empty zip archive", "export the file again")),
    (_OLE, What("workbook", "an old Excel workbook (.xls)")),
    (b"%PDF", Unusable("a PDF document", "export the data as .xlsx or CSV; a PDF only looks like a table")),
    (b"{\\rtf", Unusable("a text document (RTF)", _SAVE)),
    (b"PAR1", Unusable("a Parquet file", "convert it to CSV first")),
    (b"SQLite format 3", Unusable("an SQLite database", "export the table as CSV")),
    (b"BZh", Unusable("a bzip2 archive", _UNPACK)),
    (b"\xfd7zXZ", Unusable("an xz archive", _UNPACK)),
    (b"7z\xbc\xaf", Unusable("a 7-Zip archive", _UNPACK)),
    (b"Rar!", Unusable("a RAR archive", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", Unusable("a Zstandard archive", _UNPACK)),
    (b"\x89PNG", Unusable("a picture", "export the data behind it as .xlsx or CSV")),
    (b"\xff\xd8\xff", Unusable("a picture", "export the data behind it as .xlsx or CSV")),
)


def what_is(head: bytes, *, whole: bytes = b"") -> What | Unusable:
    """What a file, or an archive's content, is by its first bytes. `whole` allows searching old workbooks for a
    password.
    """
    for magic, what in _MAGIC:
        if head.startswith(magic):
            if magic == _OLE and _LOCKED in whole:
                return Unusable("a workbook with a password", "save it without one")
            return what
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1024].lower()
    if b"urn:schemas-microsoft-com:office:spreadsheet" in head:
        return Unusable("an XML spreadsheet of Excel 2003", _SAVE)
    if start.startswith((b"<!doctype html", b"<html", b"<table", b"<meta", b"<head", b"<body")):
        return Unusable("a web page (HTML), despite its name", _SAVE)
    if start.startswith((b"<?xml", b"<!doctype")):
        return Unusable("an XML file", "export the data as .xlsx, CSV or NDJSON")
    if start.startswith(b"[") and start[1:].lstrip()[:1] in {b"{", b"["}:
        return Unusable("one JSON array", "write one event per line (jq -c '.[]') to a .ndjson file")
    return What("text", "text")


def what_zip_is(names: Sequence[str], mimetype: bytes) -> What | Unusable:
    """What a zip archive is, by the names in it; `mimetype` is the content of its file `mimetype`."""
    held = set(names)
    if mimetype.startswith(b"application/vnd.oasis.opendocument.spreadsheet"):
        return What("workbook", "an OpenDocument spreadsheet (.ods)")
    if mimetype:
        return Unusable("an OpenDocument file without sheets", "export the data as .ods, .xlsx or CSV")
    if "[Content_Types].xml" in held:
        if "xl/workbook.bin" in held:
            return What("workbook", "an Excel workbook (.xlsb)")
        if any(name.startswith("xl/") for name in held):
            return What("workbook", "an Excel workbook (.xlsx)")
        return Unusable("an Office document without sheets", "export the data as .xlsx or CSV")
    return What("zip", "a zip archive")


def only_member(names: Sequence[str]) -> str | Unusable:
    """The only file in a zip archive, apart from files that operating systems add."""
    files = [
        name
        for name in names
        if not name.endswith("/") and not name.startswith("__MACOSX/") and not name.rpartition("/")[2].startswith(".")
    ]
    if len(files) == 1:
        return files[0]
    shown = ", ".join(files[:5]) or "nothing"
    return Unusable(f"a zip archive of {len(files)} files ({shown})", "unpack it and name the files to import")
