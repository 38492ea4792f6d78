"""The one table: parts, lines, values with units, notes."""

import math
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

WIDTH = 100
_WHAT, _VALUE, _UNIT = 44, 10, 11


@dataclass(frozen=True, slots=True)
class Line:
    """One measured value."""

    what: str
    value: float
    unit: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the table: what it measured, how, in one sentence, and its lines."""

    title: str
    how: str
    lines: tuple[Line, ...]


def render(parts: Iterable[Part]) -> str:
    """The table as text of at most 100 columns, notes wrapped below their line."""
    out: list[str] = []
    for part in parts:
        out += ["", part.title, "-" * WIDTH, *wrapped(part.how, WIDTH, "")]
        for line in part.lines:
            head = f"  {_fill(line.what, _WHAT)}{number(line.value):>{_VALUE}} {line.unit:<{_UNIT}}"
            note = wrapped(line.note, WIDTH - 2 - _WHAT - _VALUE - 1 - _UNIT, "")
            out.append(f"{head}{note[0] if note else ''}".rstrip())
            out += [" " * (2 + _WHAT + _VALUE + 1 + _UNIT) + rest for rest in note[1:]]
    return "\n".join(out) + "\n"


def number(value: float) -> str:
    """Three digits that matter: 4,120 or 37.2 or 0.81."""
    if math.isnan(value):
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def wrapped(text: str, width: int, indent: str) -> list[str]:
    """Words of a text on lines of at most `width` columns."""
    lines: list[str] = []
    for word in text.split():
        if lines and _columns(lines[-1]) + 1 + _columns(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(indent + word)
    return lines


def _fill(text: str, width: int) -> str:
    return text + " " * max(1, width - _columns(text))


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
