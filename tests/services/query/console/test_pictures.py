"""Pictures: the same values make the same bytes (golden/); what is drawn is escaped, titled and without style."""

import os
from pathlib import Path
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.query.console.drawn import Drawn
from services.query.console.pictures import (
    Bar,
    Cell,
    Flow,
    Panel,
    Person,
    Picture,
    alluvial,
    bars,
    grid,
    multiples,
    power_map,
    sparkline,
    waterfall,
)
from services.query.console.pictures.svg import short
from services.query.console.screens import design
from services.query.console.words import words

GOLDEN = Path(__file__).parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"
ANYTHING = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=300)
COUNTS = st.integers(0, 10**6)


async def drawn(language: str) -> dict[str, Picture]:
    said = await design._head(None)  # type: ignore[arg-type]
    draw = Drawn(words(language, ZoneInfo("Asia/Shanghai")))
    return {
        "waterfall": draw.waterfall(said["factors"]),
        "movements": draw.movements(said["flows"], "2025-12-01", "2026-03-01"),
        "coverage": draw.coverage(said["weeks"], said["rows"], "/week?representative={}&week={}"),
        "staffing": draw.staffing(said["staffing"]),
        "satisfaction": draw.satisfaction(said["care"], "nps", (-100, 100)),
        "quarters": draw.quarters(said["answered"], said["quarters"], "nps", (-100, 100)),
        "power_map": draw.power_map(said["persons"]),
        "spark": draw.spark("Purchases", said["points"]),
    }


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_pictures_are_as_they_were(language: str) -> None:
    """GUANXI_GOLDEN=1 writes them anew: look at each before it is committed."""
    for name, picture in (await drawn(language)).items():
        path = GOLDEN / f"{name}-{language}.svg"
        if os.environ.get("GUANXI_GOLDEN"):
            path.write_text(picture.svg + "\n", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == picture.svg + "\n", name


def is_sound(picture: Picture) -> None:
    """Well-formed whatever the names are, titled, without style or script; and its table is a table."""
    root = ET.fromstring(picture.svg)  # noqa: S314 - our own
    assert root.findtext(f"{SVG}title") == picture.title
    for one in root.iter():
        assert one.tag.removeprefix(SVG) in {"svg", "title", "g", "a", "text", "rect", "path", "circle", "polyline"}
        assert not {"style", "onload", "onclick"} & set(one.attrib)
        assert "nan" not in str(one.attrib.get("d", ""))
    assert all(len(row) == len(picture.columns) for row in picture.rows)


@example('<b x="1">&\'', 1, 2)
@given(ANYTHING.filter(bool), COUNTS, COUNTS)
def test_whatever_the_names_and_numbers_are(name: str, some: int, more: int) -> None:
    is_sound(waterfall("t", ("a", "b", "c"), [Bar(name, some, more)], "all", str))
    is_sound(bars("t", ("a", "b", "c"), [Bar(name, some, more)], str))
    is_sound(bars("t", ("a", "b"), [Bar(name, some)], str))
    is_sound(
        alluvial(
            "t", ("a", "b", "c"), (name, name), {"x": name, "y": "y"}, [Flow("x", "y", some), Flow("y", "x", more)]
        )
    )
    is_sound(grid("t", ("a", "b"), [(name, [Cell(name, some / (more + 1), name)])]))
    is_sound(
        multiples("t", ("a", "b", "c", "d"), [Panel(name, "x", [(name, some, more), (name, None, 0)])], (0, 100), str)
    )
    is_sound(
        power_map("t", ("a", "b", "c", "d"), {"r": name}, {"": "?", "for": name}, [Person(name, "r", None, met=False)])
    )
    is_sound(sparkline("t", ("a", "b"), [(name, some), (name, more)], str))


def test_pictures_of_nothing() -> None:
    is_sound(waterfall("t", ("a", "b", "c"), [], "all", str))
    is_sound(bars("t", ("a", "b"), [], str))
    is_sound(alluvial("t", ("a", "b", "c"), ("", ""), {"x": "x"}, []))
    is_sound(grid("t", ("a",), []))
    is_sound(multiples("t", ("a", "b", "c", "d"), [], (0, 100), str))
    is_sound(sparkline("t", ("a", "b"), [], str))


def test_the_order_of_persons_does_not_move_them() -> None:
    people = [Person(name, "r", "for", met=True) for name in ("b", "a", "c")]
    one, other = (
        power_map("t", ("a", "b", "c", "d"), {"r": "R"}, {"for": "F"}, these) for these in (people, people[::-1])
    )
    assert one == other


def test_streams_leave_and_arrive_whole() -> None:
    flows = [Flow("x", "y", 3), Flow("y", "x", 5), Flow("x", "x", 2)]
    picture = alluvial("t", ("a", "b", "c"), ("", ""), {"x": "X", "y": "Y"}, flows)
    labels = [one.text for one in ET.fromstring(picture.svg).iter(f"{SVG}text")]  # noqa: S314 - our own
    assert [one for one in labels if one and one[:1] in "XY"] == ["X 5", "Y 5", "X 7", "Y 3"]


def test_long_names_are_cut_by_their_width() -> None:
    assert short("华芯微电子", 6) == "华芯…"
    assert short("abcdef", 6) == "abcdef"
