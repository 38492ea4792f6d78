"""Bars: the waterfall of what makes a score, and what is asked for against what can be done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.query.console.pictures.svg import Picture, drawing, element, short, text

LABEL, TRACK, ROW = 128.0, 280.0, 26.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A row. most: what it could be, drawn as a ghost or a mark; known: whether it was measured; kind: its colour."""

    label: str
    value: float
    most: float | None = None
    known: bool = True
    kind: str = "accent"


def waterfall(
    title: str, columns: Sequence[str], parts: Sequence[Bar], total: str, say: Callable[[float], str]
) -> Picture:
    """What each part adds, each beginning where the one above ends; a ghost shows what it could add at most."""
    whole = sum(part.most or part.value for part in parts) or 1.0
    drawn, start = [], 0.0
    for at, part in enumerate(parts):
        y = at * ROW
        x, wide = LABEL + TRACK * start / whole, TRACK * part.value / whole
        ghost = TRACK * (part.most or 0.0) / whole
        drawn.append(text((LABEL - 10, y + 17), short(part.label, 19), "label" if part.known else "label soft", "end"))
        drawn.append(element("rect", x=x, y=y + 6, width=ghost, height=14, rx=2, class_="ghost"))
        if part.value:
            drawn.append(
                element(
                    "rect", x=x, y=y + 6, width=wide, height=14, rx=2, class_="block" if part.known else "block guessed"
                )
            )
        if at + 1 < len(parts):
            drawn.append(element("path", d=f"M{x + wide:.1f} {y + 6:.1f}V{y + ROW + 6:.1f}", class_="hair"))
        drawn.append(text((LABEL + TRACK + 58, y + 17), f"+{say(part.value)}", "number", "end"))
        start += part.value
    y = len(parts) * ROW
    drawn.append(element("path", d=f"M0 {y + 1:.1f}H{LABEL + TRACK + 60:.1f}", class_="rule"))
    drawn.append(text((LABEL - 10, y + 20), total, "label strong", "end"))
    drawn.append(element("rect", x=LABEL, y=y + 9, width=TRACK * start / whole, height=14, rx=2, class_="block total"))
    drawn.append(text((LABEL + TRACK + 58, y + 20), say(start), "number strong", "end"))
    rows = tuple((part.label, say(part.value), say(part.most or 0.0)) for part in parts)
    return Picture(
        title,
        drawing(title, (LABEL + TRACK + 60, y + 28), *drawn),
        tuple(columns),
        (*rows, (total, say(start), say(whole))),
    )


def bars(title: str, columns: Sequence[str], rows: Sequence[Bar], say: Callable[[float], str]) -> Picture:
    """Values as bars of one scale; `most` is a mark that each is measured against."""
    scale = max((max(one.value, one.most or 0.0) for one in rows), default=0.0) or 1.0
    drawn = []
    for at, one in enumerate(rows):
        y, over = at * (ROW + 6), one.most is not None and one.value > one.most
        drawn.append(text((LABEL - 10, y + 20), short(one.label, 19), anchor="end"))
        drawn.append(element("rect", x=LABEL, y=y + 7, width=TRACK, height=18, rx=2, class_="track"))
        wide = TRACK * one.value / scale
        drawn.append(element("rect", x=LABEL, y=y + 7, width=wide, height=18, rx=2, class_=f"fill-{one.kind}"))
        if over and one.most is not None:
            x = LABEL + TRACK * one.most / scale
            drawn.append(element("rect", x=x, y=y + 7, width=LABEL + wide - x, height=18, rx=2, class_="fill-bad"))
        if one.most is not None:
            x = LABEL + TRACK * one.most / scale
            drawn.append(element("path", d=f"M{x:.1f} {y + 3:.1f}V{y + 29:.1f}", class_="mark"))
        drawn.append(text((LABEL + TRACK + 58, y + 20), say(one.value), "number bad" if over else "number", "end"))
    with_most = any(one.most is not None for one in rows)
    table = tuple(
        (one.label, say(one.value), *(("–" if one.most is None else say(one.most),) if with_most else ()))
        for one in rows
    )
    return Picture(title, drawing(title, (LABEL + TRACK + 60, len(rows) * (ROW + 6)), *drawn), tuple(columns), table)
