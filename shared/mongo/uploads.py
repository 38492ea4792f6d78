"""Files that people drop into the console, in pieces, for a day: what a job of the worker reads.

As results of jobs are kept (docs/adr/0026-...): each piece with an expiry of its own. All methods raise Transient.
"""

import secrets
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from hashlib import sha256

from pydantic import BaseModel, ConfigDict, Field
from pymongo import DESCENDING

from shared.jobs import PIECE_BYTES
from shared.mongo import Database, transient_errors
from shared.mongo.schema import Index

COLLECTION, PIECES = "uploads", "upload_pieces"
COLLECTIONS = (COLLECTION, PIECES)
INDEXES = (
    Index(COLLECTION, ("key", "at"), generational=False),
    Index(COLLECTION, ("expires_at",), expire_after_seconds=0, generational=False),
    Index(PIECES, ("expires_at",), expire_after_seconds=0, generational=False),
)
MAX_UPLOAD_BYTES = 50 * 1024 * 1024
"""Of one file: some 500,000 rows. Larger ones are for the command line, which reads them where they are."""
KEPT = timedelta(days=1)
"""A file is dropped, corrected and imported on one day; what is left over must not stay."""
PIECES_OUTLIVE = timedelta(hours=1)
"""A piece is written before the file is whole, and must not go before it."""
MAX_UPLOADS_PER_KEY = 5
"""Files of one person; the oldest goes before its day is over."""
MAX_NAME_CHARS = 120


class Upload(BaseModel):
    """A file. key: by which the API knows who dropped it; by: as the log names them; name: as they call it."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    id: str = Field(alias="_id")
    key: str
    by: str
    name: str
    bytes: int
    sha256: str
    pieces: int
    at: datetime
    expires_at: datetime


class Uploads:
    """All files."""

    def __init__(self, database: Database) -> None:
        self._uploads, self._pieces = database[COLLECTION], database[PIECES]

    async def keep(self, key: str, by: str, name: str, chunks: AsyncIterator[bytes], now: datetime) -> Upload | None:
        """Keep a file as it comes; None, and nothing of it, where it has more than MAX_UPLOAD_BYTES. What is cut off
        half way expires.
        """
        upload = secrets.token_hex(16)
        digest, size, pieces, held = sha256(), 0, 0, bytearray()
        async for chunk in chunks:
            size += len(chunk)
            if size > MAX_UPLOAD_BYTES:
                await self._drop(upload, pieces)
                return None
            digest.update(chunk)
            held += chunk
            while len(held) >= PIECE_BYTES:
                await self._put(upload, pieces, bytes(held[:PIECE_BYTES]), now)
                del held[:PIECE_BYTES]
                pieces += 1
        if held:
            await self._put(upload, pieces, bytes(held), now)
            pieces += 1
        kept = Upload(
            id=upload,
            key=key,
            by=by,
            name=name,
            bytes=size,
            sha256=digest.hexdigest(),
            pieces=pieces,
            at=now,
            expires_at=now + KEPT,
        )
        async with transient_errors():
            await self._uploads.insert_one(kept.model_dump(by_alias=True))
        await self._drop_old(key)
        return kept

    async def get(self, upload: str, key: str) -> Upload | None:
        """A file of this person."""
        async with transient_errors():
            found = await self._uploads.find_one({"_id": upload, "key": key})
        return None if found is None else Upload.model_validate(found)

    async def read(self, upload: Upload) -> AsyncIterator[bytes]:
        """Its pieces, as far as they are there: whoever reads compares bytes and hash."""
        for number in range(upload.pieces):
            async with transient_errors():
                found = await self._pieces.find_one({"_id": _piece(upload.id, number)})
            if found is None:
                return
            yield found["data"]

    async def _put(self, upload: str, number: int, piece: bytes, now: datetime) -> None:
        document = {"_id": _piece(upload, number), "data": piece, "expires_at": now + KEPT + PIECES_OUTLIVE}
        async with transient_errors():
            await self._pieces.insert_one(document)

    async def _drop(self, upload: str, pieces: int) -> None:
        names = [_piece(upload, number) for number in range(pieces)]
        async with transient_errors():
            await self._uploads.delete_one({"_id": upload})
            await self._pieces.delete_many({"_id": {"$in": names}})

    async def _drop_old(self, key: str) -> None:
        async with transient_errors():
            found = self._uploads.find({"key": key}).sort("at", DESCENDING).skip(MAX_UPLOADS_PER_KEY)
            old = [Upload.model_validate(one) for one in await found.to_list(MAX_UPLOADS_PER_KEY)]
        for one in old:
            await self._drop(one.id, one.pieces)


def _piece(upload: str, number: int) -> str:
    return f"{upload}/{number}"
