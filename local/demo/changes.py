"""Writes to collections, as MongoDB reports them once a majority has them.

The change stream is read by plain commands: one round trip gives all that came since the last one, where a driver's
cursor hands out one change at a time.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from shared.mongo import Database, Session, transient_errors

MAX_CHANGES = 10_000
"""In one answer."""
WAIT_MS = 500
"""How long MongoDB waits for a change before it answers with none."""


class Changes:
    """The changes of some collections from `begin` on."""

    def __init__(self, database: Database, collections: Sequence[str]) -> None:
        self._database = database
        self._pipeline: list[dict[str, Any]] = [
            {"$changeStream": {}},
            {"$match": {"ns.coll": {"$in": list(collections)}}},
            {"$project": {"ns.coll": 1, "documentKey": 1}},
        ]
        self._cursor = 0
        self._session: Session | None = None

    async def begin(self) -> None:
        """What is written from here on is seen. Raises Transient."""
        async with transient_errors():
            self._session = await self._database.client.start_session()  # a cursor belongs to its session
            answer = await self._database.command(
                {"aggregate": 1, "pipeline": self._pipeline, "cursor": {"batchSize": 0}}, session=self._session
            )
        self._cursor = answer["cursor"]["id"]

    async def batches(self) -> AsyncIterator[list[tuple[str, Any]]]:
        """(collection, id of the document) of the changes so far, forever; empty when none came. Raises Transient."""
        while True:
            async with transient_errors():
                answer = await self._database.command(
                    {
                        "getMore": self._cursor,
                        "collection": "$cmd.aggregate",
                        "batchSize": MAX_CHANGES,
                        "maxTimeMS": WAIT_MS,
                    },
                    session=self._session,
                )
            yield [(change["ns"]["coll"], change["documentKey"]["_id"]) for change in answer["cursor"]["nextBatch"]]

    async def end(self) -> None:
        """Close the cursor. Raises Transient."""
        async with transient_errors():
            await self._database.command(
                {"killCursors": "$cmd.aggregate", "cursors": [self._cursor]}, session=self._session
            )
            if self._session is not None:
                await self._session.end_session()
