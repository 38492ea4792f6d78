"""Set-up of Motor, and transactions; with the stores the only place that knows the driver (ADR on Motor)."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

if find_spec("OpenSSL") is None:
    # pymongo finds out that it is missing only after it has loaded all of cryptography.x509, a seventh of every start.
    sys.modules.setdefault("pymongo.pyopenssl_context", None)  # type: ignore[arg-type]
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

from shared.errors import Transient, Undone, in_short
from shared.settings import Settings

Document = dict[str, Any]
Database = AsyncIOMotorDatabase[Document]
Session = AsyncIOMotorClientSession

SERVER_SELECTION_MS = 5_000
SOCKET_TIMEOUT_MS = 30_000
_PAUSES_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Between the tries of a transaction that another one disturbs."""
T = TypeVar("T")
POOL_SIZE = 4
"""A process works on one batch at a time; the rest is for the sweep and for health checks."""
SRV = "mongodb+srv"
"""The scheme of a URI whose servers a record of DNS names."""
MAJORITY = WriteConcern(w="majority", j=True)
_DUPLICATE_KEY = 11000


def client_options(settings: Settings) -> dict[str, Any]:
    """Who we are, by what MongoDB knows it, and over TLS or not; the URI says all else, and this too where the settings
    do not.
    """
    options: dict[str, Any] = {}
    if settings.mongo_tls or settings.mongo_ca_file or settings.mongo_cert_file:
        options["tls"] = True
    if settings.mongo_ca_file:
        options["tlsCAFile"] = str(settings.mongo_ca_file)
    if settings.mongo_cert_file:
        options |= {"authMechanism": "MONGODB-X509", "authSource": "$external"}
        options["tlsCertificateKeyFile"] = str(settings.mongo_cert_file)
        if settings.mongo_cert_password is not None:
            options["tlsCertificateKeyFilePassword"] = settings.mongo_cert_password.get_secret_value()
        return options
    if settings.mongo_username and settings.mongo_password:
        options |= {
            "username": settings.mongo_username,
            "password": settings.mongo_password.get_secret_value(),
        }
    source = settings.mongo_auth_source
    if source is None and "username" in options and not _names_its_source(settings.mongo_uri.get_secret_value()):
        source = settings.mongo_database
    return options if source is None else {**options, "authSource": source}


def _names_its_source(uri: str) -> bool:
    """Whether the URI says which database knows the user; one with mongodb+srv leaves it to a record of its name."""
    parts = urlsplit(uri)
    return parts.scheme == SRV or any(name.lower() == "authsource" for name, _ in parse_qsl(parts.query))


def connect(settings: Settings, *, pool_size: int = POOL_SIZE) -> Database:
    """The database of the settings; connects at first use. Times are aware and in UTC; writes are acknowledged by a
    journalled majority. retryWrites is off, since each write here is fenced or idempotent and retried as a whole.
    """
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
        **client_options(settings),
    )
    return client.get_database(settings.mongo_database)


@asynccontextmanager
async def transaction(database: Database) -> AsyncIterator[Session]:
    """One transaction: commits at the end of the block, aborts on an exception. The driver's errors become Transient;
    an uncertain commit too, and whoever sees it reads again where it stands (architecture.md, invariant 5). Raises
    Undone where all of it is undone for certain, as when another one writes the same.
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
        if error.has_error_label("TransientTransactionError"):
            raise Undone(f"MongoDB: {in_short(error)}") from error
        raise Transient(f"MongoDB: {in_short(error)}") from error


async def once_undisturbed(database: Database, work: Callable[[Session], Awaitable[T]]) -> T:
    """What the work gives, in one transaction; again, after a pause, where it was undone. For what a person asks, who
    may come between two commits of a busy process and would have to ask again. Raises Transient.
    """
    for pause in _PAUSES_SECONDS:
        with suppress(Undone):
            async with transaction(database) as session:
                return await work(session)
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - so that two do not meet again
    async with transaction(database) as session:
        return await work(session)


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
