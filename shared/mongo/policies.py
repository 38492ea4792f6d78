"""Policies that were adopted: append-only, with the file's text, so that every process decides by the same ones."""

from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from shared.errors import Stop
from shared.mongo import Database, transient_errors

COLLECTION = "policies"


@dataclass(frozen=True, slots=True)
class Adopted:
    """An adopted policy: `text` is the YAML file as it was; `effective_on` the business day from which it holds."""

    name: str
    version: int
    effective_on: date
    text: str


async def adopt(database: Database, policy: Adopted, at: datetime) -> bool:
    """Keep a policy; False when the same one is there already. Raises Stop when the name and version stand for another
    text, since a version in force is never edited (domain.md, Tiering).
    """
    document_id = f"{policy.name}/{policy.version}"
    digest = sha256(policy.text.encode()).hexdigest()
    async with transient_errors():
        try:
            await database[COLLECTION].insert_one(
                {
                    "_id": document_id,
                    "name": policy.name,
                    "version": policy.version,
                    "effective_on": policy.effective_on.isoformat(),
                    "text": policy.text,
                    "sha256": digest,
                    "adopted_at": at,
                }
            )
        except DuplicateKeyError:
            found = await database[COLLECTION].find_one({"_id": document_id})
            if found is None or found["sha256"] != digest:
                raise Stop(
                    f"policy {document_id} has been adopted with another text; give the changed file a higher version"
                ) from None
            return False
    return True


async def adopted(database: Database) -> list[Adopted]:
    """All adopted policies, the one that takes effect first in front."""
    async with transient_errors():
        cursor = database[COLLECTION].find().sort([("effective_on", ASCENDING), ("adopted_at", ASCENDING)])
        return [
            Adopted(d["name"], d["version"], date.fromisoformat(d["effective_on"]), d["text"]) async for d in cursor
        ]
