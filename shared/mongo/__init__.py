"""Set-up of Motor, and transactions; with the stores the only place that knows the driver (ADR on Motor)."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
    AsyncIOMotorDatabase,
)
from pymongo.errors import BulkWriteError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import Primary
from pymongo.write_concern import WriteConcern

from shared.errors import Transient, in_short
from shared.settings import Settings

Document = dict[str, Any]
Database = AsyncIOMotorDatabase[Document]
Session = AsyncIOMotorClientSession

SERVER_SELECTION_MS = 5_000
SOCKET_TIMEOUT_MS = 30_000
POOL_SIZE = 4
"""A process works on one batch at a time; the rest is for the sweep and for health checks."""
MAJORITY = WriteConcern(w="majority", j=True)
_DUPLICATE_KEY = 11000


def connect(settings: Settings, *, pool_size: int = POOL_SIZE) -> Database:
    """The database of the settings; connects at first use. Times are aware and in UTC; writes are acknowledged by a
    journalled majority. retryWrites is off, since each write here is fenced or idempotent and retried as a whole.
    """
    options: dict[str, Any] = {}
    if settings.mongo_username and settings.mongo_password:
        options |= {
            "username": settings.mongo_username,
            "password": settings.mongo_password.get_secret_value(),
            "authSource": settings.mongo_database,
        }
    if settings.mongo_ca_file:
        options |= {"tls": True, "tlsCAFile": str(settings.mongo_ca_file)}
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
        settings.mongo_uri.get_secret_value(),
        tz_aware=True,
        retryWrites=False,
        serverSelectionTimeoutMS=SERVER_SELECTION_MS,
        socketTimeoutMS=SOCKET_TIMEOUT_MS,
        maxPoolSize=pool_size,
        appname="guanxi",
        w="majority",
        journal=True,
        **options,
    )
    return client.get_database(settings.mongo_database)


@asynccontextmanager
async def transaction(database: Database) -> AsyncIterator[Session]:
    """One transaction: commits at the end of the block, aborts on an exception. The driver's errors become Transient;
    an uncertain commit too, and whoever sees it reads again where it stands (architecture.md, invariant 5).
    """
    try:
        async with (
            await database.client.start_session() as session,
            session.start_transaction(
                read_concern=ReadConcern("snapshot"), write_concern=MAJORITY, read_preference=Primary()
            ),
        ):
            yield session
    except PyMongoError as error:
        raise Transient(f"MongoDB: {in_short(error)}") from error


def by_majority(database: Database, name: str) -> AsyncIOMotorCollection[Document]:
    """A collection that is read and written as a majority has it, journalled."""
    return database.get_collection(name, read_concern=ReadConcern("majority"), write_concern=MAJORITY)


async def insert_new(collection: AsyncIOMotorCollection[Document], documents: Sequence[Document]) -> list[int]:
    """Insert what is not there; gives the places of what is. The driver's other errors are raised."""
    if documents:
        try:
            await collection.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            written = error.details["writeErrors"]
            if error.details["writeConcernErrors"] or any(one["code"] != _DUPLICATE_KEY for one in written):
                raise
            return [one["index"] for one in written]
    return []


@asynccontextmanager
async def transient_errors() -> AsyncIterator[None]:
    """Turns the driver's errors into Transient, for reads and writes outside a transaction."""
    try:
        yield
    except PyMongoError as error:
        raise Transient(f"MongoDB: {in_short(error)}") from error
