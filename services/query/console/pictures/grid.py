"""The grid: rows by columns, each cell a shade and a number."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.query.console.pictures.svg import Picture, drawing, element, short, text

LABEL, WIDE, TALL, TOP = 120.0, 40.0, 26.0, 22.0
SHADES = 5


@dataclass(frozen=True, slots=True)
class Cell:
    """value: the number shown; share: 0 to 1, for the shade, None where nothing was due; href: where it leads."""

    value: str
    share: float | None = None
    href: str | None = None


def grid(title: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Cell | None]]]) -> Picture:
    """columns: the first is that of the rows' names. A cell that is None was not there at all."""
    drawn = [
        text((LABEL + at * WIDE + WIDE / 2, 13), name, "label soft small", "middle")
        for at, name in enumerate(columns[1:])
    ]
    for down, (name, cells) in enumerate(rows):
        y = TOP + down * TALL
        drawn.append(text((LABEL - 8, y + 17), short(name, 16), anchor="end"))
        for across, cell in enumerate(cells):
            if cell is None:
                continue
            x = LABEL + across * WIDE
            shade = "none" if cell.share is None else str(min(SHADES, int(max(0.0, min(1.0, cell.share)) * SHADES)))
            said = element("title", f"{short(name, 60)}, {columns[across + 1]}: {cell.value}")
            box = element(
                "rect", said, x=x + 1, y=y + 1, width=WIDE - 2, height=TALL - 2, rx=3, class_=f"shade-{shade}"
            )
            number = text((x + WIDE / 2, y + 17), cell.value, f"on-shade-{shade}", "middle")
            drawn.append(element("a", box, number, href=cell.href) if cell.href else element("g", box, number))
    table = tuple((name, *("–" if cell is None else cell.value for cell in cells)) for name, cells in rows)
    size = (LABEL + WIDE * (len(columns) - 1), TOP + TALL * len(rows) + 2)
    leads = any(cell is not None and cell.href for _, cells in rows for cell in cells)
    return Picture(title, drawing(title, size, *drawn, class_="broad", leads=leads), tuple(columns), table)
