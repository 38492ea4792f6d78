"""What set-up brought about last, so that the next one tells a new version of guanxi from somebody else's change.

What is found and differs from what the code wants is brought up to date when it is as the last set-up left it; else
somebody changed it by hand, and set-up stops rather than undo or overlook that.
"""

import json
from collections.abc import Callable
from typing import Any

from shared.errors import Stop
from shared.mongo import Database, transient_errors

COLLECTION = "setup"
PERSON_KEY = "person key"
OF_DATA = (PERSON_KEY,)
"""Notes that say what the data was made with, and so belong to it: a backup holds these."""


def canonical(value: Any) -> str:
    """The same text for the same value, whatever the order of its keys."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


async def last_applied(database: Database, what: str) -> Any:
    """What the last set-up brought about, None when there was none."""
    async with transient_errors():
        document = await database[COLLECTION].find_one({"_id": what})
    return None if document is None else json.loads(document["value"])


async def note_applied(database: Database, what: str, value: Any) -> None:
    """Remember what was brought about."""
    async with transient_errors():
        await database[COLLECTION].update_one({"_id": what}, {"$set": {"value": canonical(value)}}, upsert=True)


async def must_change(
    database: Database, what: str, found: Any, wanted: Any, under_way: Callable[[Any], bool] = lambda _: False
) -> bool:
    """Whether `found` is to be changed into `wanted`; `found` None: it is not there. `under_way` says of what the last
    set-up left whether `found` lies between that and `wanted`, where a change takes several steps. What is as wanted
    but was not noted, since a set-up ended between the change and its note, is noted. Raises Stop when somebody else
    changed it.
    """
    last = await last_applied(database, what)
    if found is not None and canonical(found) == canonical(wanted):
        if last is not None and canonical(last) != canonical(found):
            await note_applied(database, what, wanted)
        return False
    if found is not None and last is not None and canonical(last) != canonical(found) and not under_way(last):
        raise Stop(
            f"{what} in MongoDB was changed by hand: it is {_short(found)}, but set-up wrote {_short(last)}. "
            f"Change it back; or remove {what!r} from the collection {COLLECTION!r}, to have it written again"
        )
    return True


def _short(value: Any, limit: int = 300) -> str:
    text = canonical(value)
    return text if len(text) <= limit else f"{text[:limit]}..."
