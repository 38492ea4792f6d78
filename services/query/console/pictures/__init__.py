"""Pictures as SVG text, from plain values. Pure: the same values make the same bytes (golden files test that).

Colours are classes, which static/console.css fills for light, dark and print; nothing has a style attribute, so the
content policy needs no exception. Each picture comes with its numbers as a table, for whoever can't see it.
"""

from services.query.console.pictures.bars import Bar, bars, waterfall
from services.query.console.pictures.flows import Flow, alluvial
from services.query.console.pictures.grid import Cell, grid
from services.query.console.pictures.lines import Panel, multiples, sparkline
from services.query.console.pictures.people import Person, power_map
from services.query.console.pictures.svg import Picture

__all__ = (
    "Bar",
    "Cell",
    "Flow",
    "Panel",
    "Person",
    "Picture",
    "alluvial",
    "bars",
    "grid",
    "multiples",
    "power_map",
    "sparkline",
    "waterfall",
)
