"""Links by which people sign in to the console."""

from datetime import UTC, datetime

from services.query.console.roles import Person
from services.query.console.store import SignIns
from shared.mongo import connect
from shared.settings import Settings

EVERYTHING = Person("operator", "everything")
"""Who sits at the machine."""


async def sign_in_link(settings: Settings, url: str, person: Person) -> str:
    """A link for somebody, good once. url: where the console is reached. Raises Transient."""
    database = connect(settings)
    try:
        secret = await SignIns(database).issue(person, datetime.now(UTC))
    finally:
        database.client.close()
    return f"{url.rstrip('/')}/console/sign-in/{secret}"
