"""What the doctor found last, for whoever looks at it in the console: one document, written by `guanxi doctor`."""

from collections.abc import Sequence
from datetime import datetime

from shared.mongo import Database, Document, transient_errors

COLLECTION = "doctor_findings"
MAX_KEPT = 200
"""Lines: more symptoms than that have one cause."""
_LAST = "last"


async def keep(database: Database, at: datetime, lines: Sequence[Document]) -> None:
    """Put these in place of the last ones. Raises Transient."""
    document = {"_id": _LAST, "at": at, "lines": list(lines[:MAX_KEPT])}
    async with transient_errors():
        await database[COLLECTION].replace_one({"_id": _LAST}, document, upsert=True)


async def kept(database: Database) -> list[Document]:
    """The last ones, each with when it was found; none where nobody has looked. Raises Transient."""
    async with transient_errors():
        found = await database[COLLECTION].find_one({"_id": _LAST})
    return [] if found is None else [{**line, "at": found["at"]} for line in found["lines"]]
