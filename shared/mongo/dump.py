"""Documents as BSON one after the other, as mongodump writes them, to and from collections and files."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import IO, Any

from bson import CodecOptions, decode_file_iter, encode
from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError

from shared.errors import Stop
from shared.mongo import Database, Document, transient_errors

_AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
_RAW: CodecOptions[Any] = CodecOptions(document_class=RawBSONDocument)
READ_AT_ONCE = 1_000


def pack(document: Document) -> bytes:
    """A document in BSON."""
    return encode(document)


def unpack_all(file: IO[bytes]) -> Iterator[Document]:
    """The documents of a file, one after the other."""
    yield from decode_file_iter(file, codec_options=_AWARE)


async def stored_collections(database: Database) -> list[str]:
    """The names of all collections, views and the server's own left out."""
    async with transient_errors():
        found = await (await database.list_collections(filter={"type": "collection"})).to_list(None)
    return sorted(one["name"] for one in found if not one["name"].startswith("system."))


async def read_all(database: Database, collection: str, query: Document | None = None) -> AsyncIterator[Document]:
    """The documents of a collection, in no order."""
    async with transient_errors():
        async for document in database[collection].find(query or {}, batch_size=READ_AT_ONCE):
            yield document


async def read_raw(database: Database, collection: str) -> AsyncIterator[bytes]:
    """The documents of a collection as BSON, in no order: for who looks at bytes, whatever field they stand in."""
    raw: Any = database.get_collection(collection, codec_options=_RAW)
    async with transient_errors():
        async for document in raw.find({}, batch_size=READ_AT_ONCE):
            yield bytes(document.raw)  # the driver gives a view of what it received


async def insert_all(database: Database, collection: str, documents: Sequence[Document]) -> None:
    """Write documents that are not there yet. Raises Stop when one is."""
    async with transient_errors():
        try:
            await database[collection].insert_many(list(documents), ordered=False)
        except BulkWriteError as error:
            raise Stop(f"{collection} is not empty: {error.details['writeErrors'][0]['errmsg']}") from error


async def count(database: Database, collection: str) -> int:
    """How many documents there are, about."""
    async with transient_errors():
        return int(await database[collection].estimated_document_count())
