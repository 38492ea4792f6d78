"""One page of a resource: ids in the order of an index, then their rows. A row that does not move comes exactly once.

The place where a page ends is the values of the order's fields, so that it stays the same place whatever comes and goes
around it. Rows beneath one id are put in order here.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.query.api.parameters import Asked
from services.query.api.resources import Resource
from services.query.limits import MAX_PARENTS
from services.query.store import Reader

Document = dict[str, Any]
Values = tuple[Any, ...]
CHUNK = 100
"""Ids of one look for rows."""
USUAL_WEEKS = 13
"""Of a representative that somebody asks for: a quarter."""


@dataclass(frozen=True, slots=True)
class Place:
    """Behind a row: the order's values at its id, and its own leaf while more rows of that id may follow."""

    after: Values
    leaf: Values | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as the view has them; next: where to go on, None at the end."""

    rows: list[Document]
    next: Place | None


def ranges(sort: Mapping[str, int], place: Place | None) -> list[Document]:
    """The conditions whose results, one after the other, are all ids from a place on: first those that agree with it in
    all fields but the last, at the end those beyond it in the first. Each is a range of the index. In a field that
    descends, MongoDB has those without a value last; one that ascends always has a value.
    """
    if place is None:
        return [{}]
    names = list(sort)
    found: list[Document] = []
    for depth in reversed(range(len(names))):
        same = dict(zip(names[:depth], place.after[:depth], strict=True))
        name, value = names[depth], place.after[depth]
        last = depth == len(names) - 1
        beyond = "$gt" if sort[name] > 0 else "$lt"
        if last and place.leaf is not None:
            beyond += "e"
        if value is not None:
            found.append({**same, name: {beyond: value}})
            if sort[name] < 0 and not last:
                found.append({**same, name: None})
    return found


async def read_page(
    reader: Reader,
    resource: Resource,
    asked: Asked,
    generation: int,
    place: Place | None,
    only: Sequence[Document] = (),
) -> Page:
    """A page from a place on, of the rows that `only` leaves as well. Raises Transient."""
    rows: list[tuple[Place, Document]] = []
    looked = 0
    async for ids in ids_from(reader, asked, generation, place, only, _chunk(resource, asked)):
        found = await rows_of(reader, resource, asked, generation, [one["_id"] for one in ids])
        for one in ids:
            after = tuple(one.get(name) for name in asked.order.sort)
            looked += 1
            for leaf, row in sorted(found.get(one["_id"], ()), key=lambda pair: pair[0]):
                if place is not None and place.leaf is not None and after == place.after and leaf <= place.leaf:
                    continue
                rows.append((Place(after, leaf if resource.leaf else None), row))
                if len(rows) > asked.size:
                    return Page([row for _, row in rows[: asked.size]], rows[asked.size - 1][0])
            if looked >= MAX_PARENTS:
                return Page([row for _, row in rows], Place(after))
    return Page([row for _, row in rows], None)


def _chunk(resource: Resource, asked: Asked) -> int:
    """Ids of one look. Who has as many rows as there are weeks fills a page with few of them."""
    least = asked.size + 1
    if resource.leaf == ("week",) and "$eq" not in asked.of_rows.get("week", {}):
        least = -(-least // USUAL_WEEKS)
    return min(CHUNK, least)


async def ids_from(
    reader: Reader,
    asked: Asked,
    generation: int,
    place: Place | None,
    only: Sequence[Document],
    chunk: int,
) -> AsyncIterator[list[Document]]:
    """The ids from a place on, some at a time."""
    order = asked.order
    waiting = ranges(order.sort, place)
    while waiting:
        conditions = [one for one in (*asked.keys, *only, waiting[0]) if one]
        found = await reader.read(order.keys, generation, conditions, chunk)
        if found:
            yield found
        if len(found) < chunk:
            waiting.pop(0)
        else:
            waiting = ranges(order.sort, Place(tuple(found[-1].get(name) for name in order.sort)))


async def rows_of(
    reader: Reader, resource: Resource, asked: Asked, generation: int, ids: Sequence[Any]
) -> dict[Any, list[tuple[Values, Document]]]:
    """The rows of some ids, by id, with the leaf of each."""
    conditions: list[Document] = [{resource.parent: {"$in": list(ids)}}]
    if asked.of_rows:
        conditions.insert(0, asked.of_rows)
    found: dict[Any, list[tuple[Values, Document]]] = {}
    if resource.view == "rep_weeks":
        fields = {*asked.fields, *resource.leaf, resource.parent}
        rows = await reader.weeks(generation, ids, [asked.of_rows] if asked.of_rows else [], fields)
    else:
        rows = await reader.read(resource.view, generation, conditions)
    for row in rows:
        leaf = tuple(row.get(name) for name in resource.leaf)
        found.setdefault(row[resource.parent], []).append((leaf, row))
    return found
