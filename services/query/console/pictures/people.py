"""The power map: key persons by what they decide and how they stand to us."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import escape

from services.query.console.pictures.svg import Picture, drawing, element, short, text

LABEL, WIDE, LINE = 78.0, 97.0, 22.0


@dataclass(frozen=True, slots=True)
class Person:
    """role: what they decide; attitude: None where nobody has said; met: whether we ever met them."""

    name: str
    role: str
    attitude: str | None
    met: bool


def power_map(
    title: str,
    columns: Sequence[str],
    roles: Mapping[str, str],
    attitudes: Mapping[str, str],
    persons: Sequence[Person],
) -> Picture:
    """Rows are roles and columns attitudes, in the order given; persons in a cell by name. Hollow: never met."""
    placed: dict[tuple[str, str], list[Person]] = {(role, attitude): [] for role in roles for attitude in attitudes}
    for one in sorted(persons, key=lambda one: one.name):
        if (one.role, one.attitude or "") in placed:
            placed[one.role, one.attitude or ""].append(one)
    drawn = [
        text((LABEL + WIDE * at + WIDE / 2, 13), name, "label soft", "middle")
        for at, name in enumerate(attitudes.values())
    ]
    y = 22.0
    for role, said in roles.items():
        tall = max(34.0, 12 + LINE * max((len(placed[role, attitude]) for attitude in attitudes), default=1))
        drawn.append(text((LABEL - 10, y + 20), short(said, 10), "label", "end"))
        for at, attitude in enumerate(attitudes):
            x = LABEL + WIDE * at
            drawn.append(element("rect", x=x + 2, y=y + 2, width=WIDE - 4, height=tall - 4, rx=4, class_="cell"))
            for down, one in enumerate(placed[role, attitude]):
                line = y + 18 + down * LINE
                dot = f"stance-{attitude or 'unknown'}" + ("" if one.met else " hollow")
                mark = element("circle", cx=x + 13, cy=line - 1, r=4.5, class_=f"dot {dot}")
                name = text((x + 22, line + 4), short(one.name, 11))
                drawn.append(element("g", element("title", escape(one.name)), mark, name))
        y += tall
    table = tuple(
        (one.name, roles.get(one.role, one.role), attitudes.get(one.attitude or "", "–"), "●" if one.met else "○")
        for one in sorted(persons, key=lambda one: one.name)
    )
    return Picture(title, drawing(title, (LABEL + WIDE * len(attitudes), y), *drawn), tuple(columns), table)
