"""Whether MongoDB answers, for health checks."""

from shared.errors import Transient
from shared.health import Check
from shared.mongo import Database, transient_errors

MAX_WORDS_CHARS = 200


def mongo_check(database: Database) -> Check:
    """The check: its primary answers, as every read and write of the services needs it."""

    async def check() -> str | None:
        try:
            async with transient_errors():
                await database.command("ping")
        except Transient as error:
            return str(error).partition(" (configured")[0][:MAX_WORDS_CHARS]  # the driver goes on for a screen
        return None

    return check
