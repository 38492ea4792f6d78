"""The console's events: taken by the door and by admission where query signed them, and from nobody else."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from services.ingest.doors.http.door import create_door
from shared.console import HEADER, IMPORT_KEY_ID, KEY_ID, SIGNED_SECONDS, SOURCE, sign
from shared.errors import Malformed
from shared.keys import ApiKeys, read_keys
from tests.events.wire import event, raw
from tests.services.ingest.doors.http.door import Door
from tests.services.ingest.fakes import PLACE, InboxRecord, World, read_log
from tests.services.ingest.judging import NOW, ZONE

SECRET = b"a secret of the console"
OF_IMPORTS = b"a secret of the worker"
SECONDS = int(NOW.timestamp())
BODY = raw(event(source=SOURCE, actor="li.wei"))


def door_with(folder: Path, console_key: bytes = SECRET) -> Door:
    door = Door(folder)
    door.app = create_door(
        door.inbox,
        ApiKeys(door.keys_file),
        zone=ZONE,
        now=lambda: NOW,
        secret=b"another secret",
        console_key=console_key,
        import_key=OF_IMPORTS,
    )
    return door


async def post(door: Door, body: bytes, **headers: str) -> httpx.Response:
    sent = {"Content-Type": "application/cloudevents+json", **headers}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=door.app), base_url="http://door") as client:
        return await client.post("/v1/events", content=body, headers=sent)


async def test_what_is_signed_is_taken_and_the_log_names_the_console(tmp_path: Path) -> None:
    door = door_with(tmp_path)
    answer = await post(door, BODY, **{HEADER: sign(BODY, SECONDS, SECRET)})
    assert answer.status_code == 202, answer.text
    (record,) = door.inbox.records
    assert record.headers[-1][1].startswith(f"{KEY_ID}.".encode())


@pytest.mark.parametrize(
    "header",
    [
        sign(BODY, SECONDS, b"another secret"),
        sign(BODY + b" ", SECONDS, SECRET),
        sign(BODY, SECONDS - SIGNED_SECONDS - 1, SECRET),
        sign(BODY, SECONDS + SIGNED_SECONDS + 1, SECRET),
        sign(BODY, SECONDS, SECRET)[:-1],
        "at=1 body= mac=",
        "",
    ],
)
async def test_a_signature_of_another_body_key_or_time_is_none(tmp_path: Path, header: str) -> None:
    door = door_with(tmp_path)
    assert (await post(door, BODY, **{HEADER: header})).status_code == 401
    assert not door.inbox.records


async def test_without_a_key_of_its_own_a_door_takes_no_signature(tmp_path: Path) -> None:
    door = door_with(tmp_path, b"")
    assert (await post(door, BODY, **{HEADER: sign(BODY, SECONDS, b"x")})).status_code == 401


async def test_what_is_signed_is_of_the_consoles_source_alone(tmp_path: Path) -> None:
    door = door_with(tmp_path)
    body = raw(event(source="erp"))
    assert (await post(door, body, **{HEADER: sign(body, SECONDS, SECRET)})).status_code == 403


async def test_what_the_worker_signs_is_of_any_source_but_the_consoles(tmp_path: Path) -> None:
    door = door_with(tmp_path)
    body = raw(event(source="erp", actor="li.wei"))
    assert (await post(door, body, **{HEADER: sign(body, SECONDS, OF_IMPORTS)})).status_code == 202
    (record,) = door.inbox.records
    assert (await post(door, BODY, **{HEADER: sign(BODY, SECONDS, OF_IMPORTS)})).status_code == 403
    assert len(door.inbox.records) == 1
    world = World(place=replace(PLACE, person_key=b"another secret", console_key=SECRET))
    await world.run({0: [InboxRecord(0, 0, record.value, record.key, record.headers)]})
    ((fact,),) = [[fact for _, fact in one] for one in read_log(world.topics["log"]) if one]
    assert (fact.actor, fact.key_id) == ("li.wei", IMPORT_KEY_ID)


async def test_without_a_key_for_imports_a_door_takes_none(tmp_path: Path) -> None:
    door = Door(tmp_path)
    body = raw(event(source="erp"))
    assert (await post(door, body, **{HEADER: sign(body, SECONDS, b"")})).status_code == 401
    assert (await post(door, body, **{HEADER: sign(body, SECONDS, OF_IMPORTS)})).status_code == 401


async def test_no_api_key_may_send_the_consoles_source(tmp_path: Path) -> None:
    door = door_with(tmp_path)
    text = door.keys_file.read_text(encoding="utf-8")
    door.keys_file.write_text(text.replace("- erp\n", '- "*"\n'), encoding="utf-8")
    answer = await post(door, BODY, Authorization=f"Bearer {door.token}")
    assert (answer.status_code, answer.json()["code"]) == (403, "source_not_allowed")
    door.keys_file.write_text(text.replace("- erp\n", f"- {SOURCE}\n"), encoding="utf-8")
    with pytest.raises(Malformed, match="no key may send it"):
        read_keys(door.keys_file)


async def test_admission_takes_the_consoles_events_by_the_door_alone(tmp_path: Path) -> None:
    door = door_with(tmp_path)
    await post(door, BODY, **{HEADER: sign(BODY, SECONDS, SECRET)})
    (record,) = door.inbox.records
    for headers, secret, accepted in (
        (record.headers, SECRET, 1),
        ([], SECRET, 0),
        (record.headers, b"", 0),
        (record.headers, b"a secret of another console", 0),
    ):
        world = World(place=replace(PLACE, person_key=b"another secret", console_key=secret))
        await world.run({0: [InboxRecord(0, 0, record.value, record.key, headers)]})
        facts = [fact for partition in read_log(world.topics["log"]) for _, fact in partition]
        assert [(fact.actor, fact.key_id) for fact in facts] == [("li.wei", KEY_ID)] * accepted
        assert sum(map(len, world.topics["rejected"])) == 1 - accepted
