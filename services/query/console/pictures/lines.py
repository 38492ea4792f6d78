"""Lines: small multiples on one scale, each point with how many answers it stands on; and a line in a sentence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.query.console.pictures.svg import Picture, drawing, element, text

WIDE, TALL, ACROSS = 155.0, 110.0, 3
FEW = 5
"""Fewer answers than that say little: the point is hollow."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A small picture: its name, and (column, value, n) for each point; value None where nobody answered."""

    name: str
    kind: str
    points: Sequence[tuple[str, float | None, int]]


def multiples(
    title: str,
    columns: Sequence[str],
    panels: Sequence[Panel],
    scale: tuple[float, float],
    say: Callable[[float], str],
    across: int = ACROSS,
) -> Picture:
    """All panels have one scale: from the lowest value to the highest, 0 with them, within `scale`. across: how many
    stand beside one another; fewer are wider, for many points.
    """
    wide = WIDE * ACROSS / across
    values = [value for panel in panels for _, value, _ in panel.points if value is not None]
    low, high = max(scale[0], min([0.0, *values])), min(scale[1], max([0.0, *values]))
    high = high if high > low else scale[1]
    drawn = []
    for at, panel in enumerate(panels):
        x0, y0 = (at % across) * wide, (at // across) * (TALL + 22)
        drawn.append(text((x0 + 8, y0 + 14), panel.name, "label strong"))
        zero = _y(max(low, min(high, 0.0)), low, high, y0)
        drawn.append(element("path", d=f"M{x0 + 8:.1f} {zero:.1f}H{x0 + wide - 16:.1f}", class_="rule"))
        step = (wide - 56) / max(1, len(panel.points) - 1)
        places = [
            (x0 + 22 + step * i, None if value is None else _y(value, low, high, y0), value, n, name)
            for i, (name, value, n) in enumerate(panel.points)
        ]
        way, pen = "", "M"
        for x, y, *_ in places:
            way, pen = (way, "M") if y is None else (f"{way}{pen}{x:.1f} {y:.1f}", "L")
        if way:
            drawn.append(element("path", d=way, class_=f"course stroke-{panel.kind}"))
        for x, y, value, n, name in places:
            drawn.append(text((x, y0 + TALL + 8), f"{n}", "label soft small", "middle"))
            if y is not None and value is not None:
                hollow = "hollow" if n < FEW else f"tier-fill-{panel.kind}"
                said = element("title", f"{panel.name}, {name}: {say(value)} (n={n})")
                drawn.append(element("circle", said, cx=x, cy=y, r=3.5, class_=f"dot {hollow} stroke-{panel.kind}"))
        last = next(
            ((x, y, value) for x, y, value, *_ in reversed(places) if y is not None and value is not None), None
        )
        if last is not None:
            drawn.append(text((last[0], last[1] - 8), say(last[2]), "number", "middle"))
    deep = -(-len(panels) // across) * (TALL + 22)
    table = tuple(
        (panel.name, name, "–" if value is None else say(value), str(n))
        for panel in panels
        for name, value, n in panel.points
    )
    return Picture(title, drawing(title, (across * wide, deep), *drawn), tuple(columns), table)


def sparkline(
    title: str, columns: Sequence[str], points: Sequence[tuple[str, float]], say: Callable[[float], str]
) -> Picture:
    """A line as high as the text; its last point is marked."""
    values = [value for _, value in points]
    low, high = min(values, default=0.0), max(values, default=1.0)
    step = 84 / max(1, len(values) - 1)
    at = [
        (3 + step * i, 17 - 14 * ((value - low) / (high - low) if high > low else 0.5))
        for i, value in enumerate(values)
    ]
    drawn = (
        [element("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in at), class_="course stroke-accent")]
        if at
        else []
    )
    if at:
        drawn.append(element("circle", cx=at[-1][0], cy=at[-1][1], r=2.5, class_="fill-accent"))
    table = tuple((name, say(value)) for name, value in points)
    return Picture(title, drawing(title, (90, 20), *drawn, class_="spark"), tuple(columns), table)


def _y(value: float, low: float, high: float, top: float) -> float:
    return top + 26 + (TALL - 42) * (1 - (value - low) / (high - low))
