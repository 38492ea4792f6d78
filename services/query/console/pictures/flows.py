"""The alluvial of movements: columns of tiers on two days, and the streams between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.query.console.pictures.svg import Picture, drawing, element, text

TOP, HEIGHT, GAP, NODE, LEFT, RIGHT = 34.0, 260.0, 15.0, 12.0, 104.0, 350.0
"""In pixels. The gap keeps the labels of two thin nodes apart."""
LEAST = 2.0
"""A single customer must still be seen, in pixels."""


@dataclass(frozen=True, slots=True)
class Flow:
    """So many went from a tier to another."""

    source: str
    target: str
    count: int


def alluvial(
    title: str,
    columns: Sequence[str],
    days: tuple[str, str],
    tiers: Mapping[str, str],
    flows: Sequence[Flow],
) -> Picture:
    """tiers: id to name, the highest first; days: above the columns. Streams keep the tiers' order on both sides."""
    order = list(tiers)
    found = [one for one in flows if one.count]
    sums = [{tier: sum(one.count for one in found if end(one) == tier) for tier in order} for end in (_source, _target)]
    whole = max(1, sum(one.count for one in found))
    unit = (HEIGHT - GAP * (len(order) - 1)) / whole
    tops = [_stacked(order, side, unit) for side in sums]
    next_ = [dict(side) for side in tops]
    drawn = [text((LEFT, 14), days[0], "label soft", "end"), text((RIGHT + NODE, 14), days[1], "label soft")]
    for one in sorted(found, key=lambda one: (order.index(one.source), order.index(one.target))):
        wide = one.count * unit
        a, b = next_[0][one.source], next_[1][one.target]
        next_[0][one.source] += wide
        next_[1][one.target] += wide
        thick = max(wide, LEAST)
        x0, x1, half = LEFT + NODE, RIGHT, (LEFT + NODE + RIGHT) / 2
        way = (
            f"M{x0:.1f} {a:.1f}C{half:.1f} {a:.1f} {half:.1f} {b:.1f} {x1:.1f} {b:.1f}"
            f"V{b + thick:.1f}C{half:.1f} {b + thick:.1f} {half:.1f} {a + thick:.1f} {x0:.1f} {a + thick:.1f}Z"
        )
        said = element("title", f"{tiers[one.source]} → {tiers[one.target]}: {one.count}")
        drawn.append(element("path", said, d=way, class_=f"stream tier-fill-{one.source}"))
    for side, x, where, anchor in ((0, LEFT, LEFT - 10, "end"), (1, RIGHT, RIGHT + NODE + 10, "start")):
        for tier in order:
            count, y = sums[side][tier], tops[side][tier]
            tall = max(count * unit, LEAST)
            drawn.append(element("rect", x=x, y=y, width=NODE, height=tall, rx=2, class_=f"tier-fill-{tier}"))
            if count:
                drawn.append(text((where, y + tall / 2 + 4), f"{tiers[tier]} {count}", "label", anchor))
    table = tuple((tiers[one.source], tiers[one.target], str(one.count)) for one in found)
    return Picture(title, drawing(title, (RIGHT + NODE + 104, TOP + HEIGHT + 8), *drawn), tuple(columns), table)


def _source(one: Flow) -> str:
    return one.source


def _target(one: Flow) -> str:
    return one.target


def _stacked(order: Sequence[str], sums: Mapping[str, int], unit: float) -> dict[str, float]:
    tops, y = {}, TOP
    for tier in order:
        tops[tier] = y
        y += sums[tier] * unit + GAP
    return tops
