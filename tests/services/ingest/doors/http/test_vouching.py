"""Actor and key are kept to the log; a key only where the HTTP door vouches for it (doors/http/vouching.py)."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.ingest.admission import BACKFILL_HEADER
from services.ingest.doors.http.vouching import HEADER, vouch, vouched_key
from services.ingest.inbox import InboxRecord as Sent
from shared.events.event import Event
from shared.keys import Scope
from shared.keys.edit import create_key
from tests.events.wire import event, raw
from tests.services.ingest.doors.http.door import Door
from tests.services.ingest.fakes import PLACE, InboxRecord, World, read_log
from tests.services.ingest.judging import NOW

SECRET = b"a secret of some length"


async def through(*records: Sent, secret: bytes = SECRET) -> list[Event]:
    """What the log holds of records that the door wrote."""
    world = World(place=replace(PLACE, person_key=secret))
    await world.run({0: [InboxRecord(0, n, one.value, one.key, one.headers) for n, one in enumerate(records)]})
    return [event for partition in read_log(world.topics["log"]) for _, event in partition]


async def sent(folder: Path, secret: bytes = SECRET, **attributes: Any) -> tuple[Door, Sent]:
    door = Door(folder, secret=secret)
    assert (await door.post(event(**attributes))).status_code == 202
    return door, door.inbox.records[0]


async def test_actor_and_key_are_kept_to_the_log(tmp_path: Path) -> None:
    door, record = await sent(tmp_path, actor="u-17")
    (fact,) = await through(record)
    assert (fact.actor, fact.key_id) == ("u-17", door.token.split("_")[1])


async def test_without_a_secret_the_actor_is_only_claimed(tmp_path: Path) -> None:
    _, record = await sent(tmp_path, b"", actor="u-17")
    assert [name for name, _ in record.headers] == []
    (fact,) = await through(record)
    assert (fact.actor, fact.key_id) == ("u-17", None)


async def test_who_writes_the_inbox_himself_can_name_no_key(tmp_path: Path) -> None:
    door, record = await sent(tmp_path, actor="u-17")
    key_id = door.token.split("_")[1]
    (stolen,) = [text for name, text in record.headers if name == HEADER]
    other = raw(event(actor="boss", id="e-2", data={"purchase_id": "2"}))
    forged = [
        [(HEADER, key_id.encode())],
        [(HEADER, stolen)],
        [(HEADER, b"other" + stolen[stolen.index(b".") :])],
        *(([*vouch(key_id, other, wrong)]) for wrong in (b"another secret", b"x")),
        [(HEADER, b"\xff.\xff")],
        [(HEADER, b"")],
    ]
    for headers in forged:
        (fact,) = await through(Sent(b"customer:00042", other, headers))
        assert (fact.actor, fact.key_id) == ("boss", None), headers


GRANT = event("access.granted", id="g-1")
REVOKED = event("record.voided", {"kind": "grant", "record_id": "g-1"}, id="g-2")


async def test_grants_and_their_voids_come_from_a_stewards_key_at_the_http_door(tmp_path: Path) -> None:
    door = Door(tmp_path, secret=SECRET)
    for refused in (GRANT, REVOKED):
        (answer,) = (await door.post(refused)).json()["events"]
        assert (answer["status"], answer["code"]) == ("refused", "stewards_only")
    scopes = (Scope.EVENTS_WRITE, Scope.ACCESS_GRANT)
    _, door.token = create_key(door.keys_file, ["*"], now=NOW, scopes=scopes)
    assert (await door.post(GRANT)).status_code == (await door.post(REVOKED)).status_code == 202
    granted, revoked = await through(*door.inbox.records)
    assert revoked.replaces is not None
    assert (granted.type, revoked.type) == ("guanxi.access.granted.v1", "guanxi.record.voided.v1")


async def test_a_grant_that_no_door_vouches_for_is_refused_and_so_is_one_of_history(tmp_path: Path) -> None:
    assert not await through(Sent(b"customer:00042", raw(GRANT), []), Sent(b"customer:00042", raw(REVOKED), []))
    headers = [*vouch("abcd", raw(GRANT), SECRET), (BACKFILL_HEADER, PLACE.backfill_token)]
    assert not await through(Sent(b"customer:00042", raw(GRANT), headers))


def test_an_empty_secret_vouches_for_nothing() -> None:
    assert vouch("abcd", b"v", b"") == []
    assert vouched_key([(HEADER, b"abcd." + b"0" * 32)], b"v", b"") is None
    assert vouched_key([*vouch("abcd", b"v", SECRET)], b"v", SECRET) == "abcd"
    assert vouched_key([(HEADER, None)], b"v", SECRET) is None


@pytest.mark.parametrize("length", [16, 64, 200])
def test_secrets_of_any_length_serve(length: int) -> None:
    secret = b"s" * length
    assert vouched_key(vouch("abcd", b"v", secret), b"v", secret) == "abcd"


async def test_the_log_names_them_as_attributes(tmp_path: Path) -> None:
    door, record = await sent(tmp_path, actor="用户-7")
    world = World(place=replace(PLACE, person_key=SECRET))
    await world.run({0: [InboxRecord(0, 0, record.value, record.key, record.headers)]})
    (logged,) = [one for partition in world.topics["log"] for one in partition]
    document = json.loads(logged.value or b"")
    assert (document["actor"], document["keyid"]) == ("用户-7", door.token.split("_")[1])
