"""An export: all rows of a list as a file, with the position that they stand for.

First the ids, in the order of the list, then the rows of those ids, as a page reads them. Both are read in one snapshot
while that may last (8 s): what is done by then is exact at its position. Otherwise the rest is read as it is by then:
the position is that of the snapshot's beginning, the manifest says `exact: false`, and the changes from the position on
complete it. An order in which customers move (by net, by due day) needs its ids in one snapshot, or an id might be
missed; where even that takes too long the export is refused.
"""

import json
import tempfile
from asyncio import get_running_loop
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import IO, Any, Self

from operations.jobs.formats import FORMATS
from operations.jobs.made import Made, Work
from services import SERVICES
from services.query.api import rights
from services.query.api.answers import shown
from services.query.api.columns import columns_of
from services.query.api.jobs_asked import ExportAsked, read_export, read_stored
from services.query.api.paging import ids_from, rows_of
from services.query.api.parameters import Asked
from services.query.api.questions import Questions
from services.query.api.resources import Resource
from services.query.standing import Standing
from services.query.store import Ask, Look, Reader
from shared.errors import Malformed, Transient
from shared.mongo import Database, Document, transaction
from shared.positions import Mark, Of, encode

SNAPSHOT_SECONDS = 8.0
"""MongoDB ends a transaction after 10 s (transactionLifetimeLimitSeconds)."""
MAX_ROWS = 5_000_000
"""Of one export, by ids: more is for followers of the changes, or in parts by filters."""
IDS_AT_ONCE = 5_000
ROWS_AT_ONCE, ROWS_OF_SEVERAL = 1_000, 100
"""Ids of one look for rows; fewer where an id has several rows: 100 representatives have 10,000 weeks in two years."""
STAYS = frozenset({"_id", "customer", "effective_on", "version", "offset"})
"""What an id is sorted by for good."""


class Snapshot(Reader):
    """Reads in one transaction while that may last, from then on what is there. `exact`: whether all was in it."""

    def __init__(self, database: Database, seconds: float = SNAPSHOT_SECONDS) -> None:
        super().__init__(database)
        self._seconds, self._until = seconds, 0.0
        self._stack = AsyncExitStack()
        self.exact = True

    async def __aenter__(self) -> Self:
        self._session = await self._stack.enter_async_context(transaction(self._database))
        self._until = get_running_loop().time() + self._seconds
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def positions(self, service: str, generation: int) -> dict[int, int]:
        """How far a service has come, as of the snapshot."""
        of = SERVICES.folds(service).positions
        return await of.stored(self._database, generation, self._session)

    async def _asked(self, what: tuple[str, str], ask: Ask) -> list[Document]:
        """As a reader does. Once the time is over, or MongoDB ended the transaction, without it."""
        if self._session is not None and get_running_loop().time() < self._until:
            try:
                return await super()._asked(what, ask)
            except Transient:
                pass  # asked again without it, where it says so itself
        await self._end()
        self.exact = False
        return await super()._asked(what, ask)

    async def _end(self) -> None:
        self._session = None
        try:
            await self._stack.aclose()
        except Transient:
            return  # it has only read


class Ids:
    """Ids in a file, since there may be many."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.count = 0

    def add(self, ids: Sequence[Any]) -> None:
        """Some more."""
        self._file.writelines(json.dumps(one) + "\n" for one in ids)
        self.count += len(ids)

    def some(self, most: int) -> Iterator[list[Any]]:
        """All of them, so many at a time."""
        self._file.seek(0)
        found: list[Any] = []
        for line in self._file:
            found.append(json.loads(line))
            if len(found) == most:
                yield found
                found = []
        if found:
            yield found


async def export(work: Work, *, snapshot_seconds: float = SNAPSHOT_SECONDS) -> Made:
    """The job. Raises Refusal for what is not exported, Malformed for too much, Transient while MongoDB is away."""
    asked_for = read_stored(work.job.parameters)
    assert isinstance(asked_for, ExportAsked), "by its kind"
    plain = Reader(work.database)
    look = Look(work.database)
    standing = await look.standing()
    places = await Questions(work.database, work.settings.zone, plain).places(standing)
    resource, asked = read_export(asked_for, places)
    generation = standing.generations[resource.services[0]]
    only = await _only(work, resource, plain, standing.generations)
    form = FORMATS[asked_for.format]
    columns = columns_of(resource.row, asked.fields)
    rows = 0
    with tempfile.TemporaryFile("w+", encoding="utf-8", dir=work.spool) as file:
        async with Snapshot(work.confidential if resource.confidential else work.database, snapshot_seconds) as reader:
            mark, exact = await _position(work, resource, reader, standing)
            ids = Ids(file)
            await _read_ids(work, resource, asked, reader, generation, only, ids)
            work.told.begin("writing rows", ids.count)
            with form.writer(work.file, columns) as writer:
                async for some, found in _read_rows(resource, asked, reader, generation, ids):
                    writer.write([shown(resource.written_out(row), asked.fields) for row in found])
                    rows += len(found)
                    work.told.add(some)
            exact = exact and reader.exact
    await _check_there(look, resource, generation, work)
    manifest = {
        "rows": rows,
        "position": encode(mark),
        "exact": exact,
        "resource": resource.name,
        "format": asked_for.format,
        "columns": [column._asdict() for column in columns],
    }
    return Made(f"{resource.name}.{asked_for.format}", form.media_type, manifest)


async def _only(work: Work, resource: Resource, reader: Reader, generations: Mapping[str, int]) -> list[Document]:
    """The condition of a key that may not read all rows."""
    rows = await rights.rows_of(work.key, reader, generations)
    if rows.representatives is None:
        return []
    theirs: Sequence[str] = rows.representatives
    if resource.rows_of == "customer":
        theirs = await rights.owned(rows, reader, generations)
    return [{resource.owner_key: {"$in": list(theirs)}}]


async def _position(work: Work, resource: Resource, reader: Snapshot, standing: Standing) -> tuple[Mark, bool]:
    """The position that the snapshot stands for, and whether it is exactly that. The user of confidential views may not
    read positions: they are looked at around the beginning of the snapshot, and are its own where they did not move.
    """
    (service,) = resource.services
    generation, log = standing.generations[service], standing.generations["log"]
    if not resource.confidential:
        return Mark(Of.LOG, log, await reader.positions(service, generation)), True
    of = SERVICES.folds(service).positions
    before = await of.stored(work.database, generation)
    await reader.read(resource.view, generation, [], 1)  # a snapshot begins with what is read first
    return Mark(Of.LOG, log, before), before == await of.stored(work.database, generation)


async def _read_ids(
    work: Work,
    resource: Resource,
    asked: Asked,
    reader: Snapshot,
    generation: int,
    only: Sequence[Document],
    ids: Ids,
) -> None:
    work.told.begin("reading ids", 0)
    stays = STAYS.issuperset(asked.order.sort)
    async for found in ids_from(reader, asked, generation, None, only, IDS_AT_ONCE):
        ids.add([one["_id"] for one in found])
        work.told.add(len(found))
        if ids.count > MAX_ROWS:
            raise Malformed(f"{resource.name} has over {MAX_ROWS:,} ids by these filters; export it in parts")
        if not stays and not reader.exact:
            raise Malformed(
                f"{resource.name} in the order {asked.order.name} does not fit into one snapshot of "
                f"{SNAPSHOT_SECONDS:.0f} s; export it in parts, by filters"
            )


async def _read_rows(
    resource: Resource, asked: Asked, reader: Reader, generation: int, ids: Ids
) -> AsyncIterator[tuple[int, list[Document]]]:
    """The rows of some ids at a time, in the order of the list; of how many ids they are."""
    for some in ids.some(ROWS_OF_SEVERAL if resource.leaf else ROWS_AT_ONCE):
        found = await rows_of(reader, resource, asked, generation, some)
        rows = [row for one in some for _, row in sorted(found.get(one, ()), key=lambda pair: pair[0])]
        yield len(some), rows


async def _check_there(look: Look, resource: Resource, generation: int, work: Work) -> None:
    """A view whose collection has been removed meanwhile is empty: that must not look like the end."""
    if not (await look.standing()).readable(resource.services[0], generation, work.now):
        raise Transient("the rows were rebuilt, and those that were read are gone")
