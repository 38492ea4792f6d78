"""Whether MongoDB answers, for health checks."""

from shared.errors import Transient, in_short
from shared.health import Check
from shared.mongo import Database, transient_errors


def mongo_check(database: Database) -> Check:
    """The check: its primary answers, as every read and write of the services needs it."""

    async def check() -> str | None:
        try:
            async with transient_errors():
                await database.command("ping")
        except Transient as error:
            return in_short(error)
        return None

    return check
