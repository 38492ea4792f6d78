"""When a backup was last made, and last found good: noted in MongoDB, for the doctor and an alert."""

from datetime import datetime
from typing import Literal

from shared.mongo import Database
from shared.mongo.applied import last_applied, note_applied

Done = Literal["made", "checked"]
DONE: tuple[Done, ...] = ("made", "checked")


async def note_backup(database: Database, done: Done, made_at: str) -> None:
    """Remember that the backup of this moment was made, or checked; an older one than the last changes nothing. Raises
    Transient.
    """
    last = await last_applied(database, _name(done))
    if last and datetime.fromisoformat(last) > datetime.fromisoformat(made_at):
        return
    await note_applied(database, _name(done), made_at)


async def last_backups(database: Database) -> dict[str, float]:
    """Of which moment the last one is, in seconds since 1970; 0 without any. Raises Transient."""
    noted = {done: await last_applied(database, _name(done)) for done in DONE}
    return {done: datetime.fromisoformat(at).timestamp() if at else 0.0 for done, at in noted.items()}


def _name(done: Done) -> str:
    return f"backup {done}"
