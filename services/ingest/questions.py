"""What became of an event, for who sent it: from its claim, or from what is kept of those that were not admitted. And
what is wrong with a mapping, for who writes one.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from services.ingest.admit.admit import identity_of
from services.ingest.store import FATES, MongoClaims, fate_id
from shared.events.event import Position
from shared.mongo import Database, transient_errors

Document = dict[str, Any]


class Found(NamedTuple):
    """status: accepted, refused or duplicate; position: on the inbox; told: what is kept of a refusal, and
    of a record that is no customer's.
    """

    status: str
    position: Position
    told: Document


async def fate_of(database: Database, source: str, event_id: str) -> Found | None:
    """Of the event of this source and id. A record (a purchase, a visit) is claimed under its own id, not the event's:
    of it only what was not admitted is found here, and what is no customer's. Raises Transient.
    """
    async with transient_errors():
        ids = [fate_id(source, event_id, accepted=accepted) for accepted in (True, False)]
        found = {one["_id"]: one async for one in database[FATES].find({"_id": {"$in": ids}})}
    told = next((found[one] for one in ids if one in found), None)
    identity = identity_of(source, event_id, None)
    claim = (await MongoClaims(database).find([identity])).get(identity)
    if claim is not None:  # whatever else was sent under this id
        return Found("accepted", claim.entries[-1].position, {})
    return None if told is None else Found(told["status"], _position(told["position"]), told)


async def verdicts_at(database: Database, positions: Collection[Position]) -> list[str]:
    """Of the records at these places of the inbox, the verdicts on those that were not admitted. Raises Transient."""
    names = ["/".join(map(str, position[:3])) for position in positions]
    async with transient_errors():
        found = await database[FATES].find({"position": {"$in": names}}, {"status": 1}).to_list(len(names))
    return [one["status"] for one in found]


def what_is_wrong_with_mapping(text: str) -> list[str]:
    """Each problem of a mapping's text, with its line; none of what can be imported with."""
    from services.ingest.doors.files.mapping import what_is_wrong  # noqa: PLC0415 - so that query starts sooner

    return what_is_wrong(text, "mapping")


def _position(text: str) -> Position:
    return Position(*map(int, text.split("/")))
