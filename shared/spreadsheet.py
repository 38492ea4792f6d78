"""Texts as cells of a spreadsheet, never taken for a formula."""

import re

_FORMULA = re.compile(r"[\s\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff']*[=+\-@＝＋－＠]|[\t\r\n]")
"""What Excel, LibreOffice, Google's or WPS's sheets begin a formula with, in full width too: they pass over blanks and
signs without a width, and some over a quote that stands there already.
"""
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)


def safe_cell(text: str) -> str:
    """The text with an apostrophe in front if a spreadsheet would run it. Numbers stay numbers."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
