"""The driver's side of the simulated MongoDB: what guanxi's stores call, each call a request over the net."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from types import SimpleNamespace, TracebackType
from typing import Any, Self, cast

from pymongo import DeleteMany, InsertOne, UpdateOne
from pymongo.errors import AutoReconnect

from shared.mongo import Database
from tests.sim.mongo_server import BulkResult, Document, MongoServer, Operation, Transaction
from tests.sim.net import Net


def _away() -> Exception:
    return AutoReconnect("connection closed")


class SimDatabase:
    """Fits where a Motor database is expected, as far as guanxi's stores use one."""

    def __init__(self, server: MongoServer, net: Net) -> None:
        self.server, self.net = server, net
        self.client = self
        self.topology_description = SimpleNamespace(topology_type_name="ReplicaSetWithPrimary")

    def __getitem__(self, name: str) -> "SimCollection":
        return SimCollection(self, name)

    def get_collection(self, name: str, **_: Any) -> "SimCollection":
        """Concerns are majority throughout here."""
        return SimCollection(self, name)

    async def start_session(self) -> "SimSession":
        """Sessions cost no request."""
        return SimSession(self)


def as_database(database: SimDatabase) -> Database:
    """The simulated database under the driver's type."""
    return cast("Database", database)


class SimSession:
    """A session with at most one transaction; also the context manager that starts and ends it."""

    def __init__(self, database: SimDatabase) -> None:
        self._database = database
        self.transaction: Transaction | None = None

    def start_transaction(self, **_: Any) -> "SimTransaction":
        """The snapshot is that of the first operation."""
        self.transaction = None
        return SimTransaction(self, self._database)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """A session that ends leaves nothing behind."""


class SimTransaction:
    """Commits at the end of the block, aborts on an exception, as Motor's does."""

    def __init__(self, session: SimSession, database: SimDatabase) -> None:
        self._session, self._database = session, database

    async def __aenter__(self) -> None:
        """Nothing is sent yet."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        transaction = self._session.transaction
        if transaction is None:
            return
        server, net = self._database.server, self._database.net
        if error is None:
            await net.call("mongo", "commit", lambda: server.commit(transaction), _away)
        elif transaction.open:
            # The driver swallows what goes wrong here, and so does not wait for an answer that matters.
            net.call("mongo", "abort", lambda: server.abort(transaction), _away)


class SimCursor:
    """A query: one request when it is first read."""

    def __init__(
        self,
        collection: "SimCollection",
        wanted: Mapping[str, Any],
        projection: Mapping[str, int] | None,
        session: SimSession | None,
    ) -> None:
        self._collection, self._wanted, self._session = collection, wanted, session
        self._projection = projection
        self._order: list[tuple[str, int]] = []
        self._limit = 0

    def sort(self, order: list[tuple[str, int]] | str, direction: int = 1) -> Self:
        """By one field, ascending, those without it in front; or as they come."""
        self._order = [(order, direction)] if isinstance(order, str) else order
        return self

    def limit(self, limit: int) -> Self:
        """At most so many; 0 for all."""
        self._limit = limit
        return self

    async def to_list(self, length: int | None = None) -> list[Document]:
        """All documents."""
        found: list[Document] = await self._collection.query(self._wanted, self._session)
        for name, _ in self._order:
            if name != "$natural":
                found.sort(key=lambda document: (document.get(name) is not None, document.get(name)))
        if self._limit:
            del found[self._limit :]
        if self._projection is None:
            return found
        names = self._projection.keys() | {"_id"}
        return [{name: value for name, value in document.items() if name in names} for document in found]

    async def __aiter__(self) -> AsyncIterator[Document]:
        for document in await self.to_list():
            yield document


class SimCollection:
    """A collection's operations, each one request."""

    def __init__(self, database: SimDatabase, name: str) -> None:
        self._database, self._name = database, name

    def find(
        self,
        wanted: Mapping[str, Any] | None = None,
        projection: Mapping[str, int] | None = None,
        session: SimSession | None = None,
        **_: Any,
    ) -> SimCursor:
        """A query; the projection names top-level fields to be kept; batch sizes make no difference."""
        return SimCursor(self, wanted or {}, projection, session)

    async def find_one(self, wanted: Mapping[str, Any], _projection: object = None) -> Document | None:
        """The first that matches, whole."""
        found = await self.query(wanted, None)
        return found[0] if found else None

    def query(self, wanted: Mapping[str, Any], session: SimSession | None) -> Any:
        """One read."""
        server = self._database.server

        def effect() -> list[Document]:
            return server.find(self._name, wanted, _begun(server, session))

        return self._database.net.call("mongo", f"read:{self._name}", effect, _away)

    async def bulk_write(
        self, operations: Iterable[Operation], *, ordered: bool = True, session: SimSession | None = None
    ) -> BulkResult:
        """Outside a transaction a failing server may have done a part of it, whichever part comes first."""
        server, todo = self._database.server, list(operations)

        def effect() -> BulkResult:
            return server.bulk(self._name, todo, _begun(server, session))

        def half(parts: int) -> None:
            server.bulk(self._name, _some(todo, parts))

        return await self._database.net.call(
            "mongo", f"write:{self._name}", effect, _away, half=half if session is None and not ordered else None
        )

    async def update_one(self, wanted: Mapping[str, Any], change: Document, *, upsert: bool = False) -> BulkResult:
        """As one bulk write."""
        return await self.bulk_write([UpdateOne(wanted, change, upsert=upsert)])

    async def delete_many(self, wanted: Mapping[str, Any]) -> BulkResult:
        """As one bulk write: of what matches when it arrives."""
        return await self.bulk_write([DeleteMany(wanted)])

    async def count_documents(self, wanted: Mapping[str, Any]) -> int:
        """How many match."""
        return len(await self.query(wanted, None))

    async def insert_many(self, documents: Iterable[Document], *, ordered: bool = True) -> BulkResult:
        """Inserts, as one bulk write."""
        return await self.bulk_write([InsertOne(document) for document in documents], ordered=ordered)


def _some(todo: Sequence[Operation], parts: int) -> Sequence[Operation]:
    return todo[len(todo) * parts // 5 :]


def _begun(server: MongoServer, session: SimSession | None) -> Transaction | None:
    if session is None:
        return None
    if session.transaction is None:
        session.transaction = server.begin()
    return session.transaction
