"""Erasing a person on a real Kafka and a real MongoDB, and then a search of every store for the name."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from guanxi.cli import app
from operations.persons.export import export
from operations.persons.register import apply_again, of_person, read_register, to_line
from operations.persons.search import search
from services.ingest.admission import Admission, Place
from services.ingest.admit.erasing import REPLACED
from services.ingest.doors.http.vouching import vouch
from services.ingest.erasing import DONE_AFTER, Eraser
from services.ingest.erasures import ERASURES, PEOPLE
from services.ingest.store import CLAIMS, SAYING, MongoStore, fix_person_key
from shared.kafka.batches import Outgoing
from shared.mongo.texts import TEXTS
from shared.topics import INBOX, LOG, REJECTED
from tests.events.wire import event, raw
from tests.services.engagement.usual import scans
from tests.services.ingest.fakes import InboxRecord, read_log
from tests.services.ingest.judging import ZONE
from tests.services.ingest.real import PARTITIONS, Servers, servers_of

pytestmark = pytest.mark.real

NAME, SHORT, SECRET = "王小明", "张伟", b"key of a deployment"
NOW = datetime.now(UTC).replace(microsecond=0)
KEY, PERSON = "customer:00042", "p-7"
OF = {"key": KEY, "person_id": PERSON}
Json = dict[str, Any]


class Desk:
    """Admits what is sent, one batch each, and erases; `now` is the eraser's clock."""

    def __init__(self, servers: Servers) -> None:
        servers.settings = servers.settings.model_copy(update={"person_key": SecretStr(SECRET.decode())})
        self.servers, self.database, self.now = servers, servers.database, NOW
        log, rejected = LOG.full_name(servers.settings), REJECTED.full_name(servers.settings)
        place = Place(ZONE, 1, PARTITIONS, log, rejected, person_key=SECRET)
        store = MongoStore(self.database, 1, person_key=SECRET)
        self.admission = Admission(store, servers.appender(), place)
        self.eraser = Eraser(self.database, SECRET, ZONE, lambda: self.now)
        self.sent = 0

    async def admit(self, *events: Json) -> None:
        """As one batch of the inbox; PersonErased as the door vouches for it."""
        records = []
        for one in events:
            value = raw({**one, "time": NOW.isoformat()})
            headers = vouch("steward", value, SECRET) if "erased" in one["type"] else []
            records.append(InboxRecord(0, self.sent, value, None, headers, int(NOW.timestamp() * 1000)))
            self.sent += 1
        await self.admission.process({0: records})

    async def erase(self, person: str = PERSON, **data: Any) -> None:
        data = {"person_id": person, "requested_on": "2026-01-01", **data}
        await self.admit(event("person.erased", data, id=f"erase-{self.sent}"))
        await self.eraser.work()

    async def texts(self) -> dict[str, str | None]:
        return {one["_id"]: one.get("text") async for one in self.database["texts"].find({})}

    async def found(self, name: str) -> dict[str, int]:
        searched = await search(self.servers.settings, self.database, name)
        return {place.name: place.found for place in searched.found}

    async def logged(self) -> Sequence[Any]:
        partitions = read_log(await self.servers.read_outgoing(LOG))
        return [one for partition in partitions for _, one in partition]


@pytest.fixture
async def desk(stack_settings: dict[str, str]) -> AsyncIterator[Desk]:
    async with servers_of(stack_settings) as servers:
        yield Desk(servers)


def visit(name: str, attendees: list[Json], **data: Any) -> Json:
    return event("visit.logged", {"visit_id": name, "attendees": attendees, **data}, id=name)


def concern(name: str, about: str) -> Json:
    return event("concern.raised", {"concern_id": name, "about": about}, id=name)


def known() -> list[Json]:
    """What names the person at each place there is."""
    item = {"item": "pains", "text": "the CFO wants one supplier", "mentions": [PERSON]}
    return [
        event("key_person.assessed", {"person_id": PERSON, "name": NAME, "title": "CFO"}, id="k"),
        visit("v1", [{"person_id": PERSON, "name": NAME}], consensus=f"{NAME} agrees"),
        concern("c1", f"{NAME[0]} {NAME[1:]} is unhappy"),
        concern("c2", "nothing of anybody"),
        event("profile.revised", {"items": [item]}, id="profile"),
    ]


async def test_after_erasing_the_name_is_nowhere(desk: Desk) -> None:
    await desk.admit(*known())
    assert set(await desk.found(NAME)) == {"people", "texts"}
    assert (await export(desk.servers.settings, desk.database, KEY, PERSON))["name"] == NAME
    await desk.erase()
    assert await desk.found(NAME) == {}
    left = [*(await desk.texts()).values()]
    assert sorted(filter(None, left)) == sorted(
        [f"{REPLACED} agrees", f"{REPLACED} is unhappy", "nothing of anybody", "send a quotation"]
    )
    assert left.count(None) == 1, "the item that mentions the person leaves its mark"
    exported = await export(desk.servers.settings, desk.database, KEY, PERSON)
    assert (exported["erased"], exported["name"], exported["texts"]) == ("erase", None, [])
    said = [e.get("said") async for c in desk.database["claims"].find({"key": KEY}) for e in c["entries"]]
    assert said.count(None) >= 4, "no hash of what was erased is left"


async def test_a_name_sent_again_comes_no_further_than_the_inbox(desk: Desk) -> None:
    await desk.admit(*known())
    await desk.erase()
    before = len(await desk.logged())
    await desk.admit(
        *known(),
        visit("v2", [{"name": NAME, "department": "buying"}, {"person_id": PERSON, "name": NAME}]),
        concern("c3", f"says {NAME} again"),
    )
    assert await desk.found(NAME) == {}
    logged = await desk.logged()
    assert len(logged) == before + 2, "the repeats are duplicates whatever they say"
    (again,) = [one for one in logged if one.id == "v2"]
    assert [(one.person_id, one.department) for one in again.data.attendees] == [(None, "buying"), (PERSON, None)]


async def test_a_person_known_by_name_only_is_cut_from_the_name(desk: Desk) -> None:
    await desk.admit(visit("v1", [{"name": NAME}]), visit("v2", [{"name": NAME}]))
    first, second = (one.data.attendees[0].person_id for one in await desk.logged())
    assert first == second
    assert await of_person(desk.database, first) == [KEY]
    await desk.erase(first)
    assert [one async for one in desk.database["people"].find({"key": KEY})] == []
    await desk.admit(visit("v3", [{"name": NAME}]))
    assert (await desk.logged())[-1].data.attendees[0].person_id is None
    assert await desk.found(NAME) == {}


async def test_a_short_name_waits_for_a_steward_and_done_waits_for_that(desk: Desk) -> None:
    person = event("key_person.assessed", {"person_id": PERSON, "name": SHORT}, id="k")
    await desk.admit(person, concern("c1", f"{SHORT} calls"), concern("c2", f"{SHORT}业 is a company"))
    await desk.erase()
    (waiting,) = [one async for one in desk.database[ERASURES].find({})]
    assert len(waiting["confirm"]) == 2
    by_text = {text: name for name, text in (await desk.texts()).items()}
    desk.now += DONE_AFTER + timedelta(days=1)
    await desk.eraser.work()
    assert await desk.eraser.overdue() == 0, "a day is left"
    desk.now += timedelta(days=1)
    assert await desk.eraser.overdue() == 1
    assert await desk.eraser.confirm(OF, by_text[f"{SHORT} calls"], is_name=True)
    assert await desk.eraser.confirm(OF, by_text[f"{SHORT}业 is a company"], is_name=False)
    assert not await desk.eraser.confirm(OF, by_text[f"{SHORT} calls"], is_name=True)
    await desk.eraser.work()
    assert set((await desk.texts()).values()) == {f"{REPLACED} calls", f"{SHORT}业 is a company"}
    (done,) = [one async for one in desk.database[ERASURES].find({})]
    assert done["done_at"] is not None
    assert await desk.eraser.overdue() == 0


@pytest.mark.parametrize("key", ["", "the key of another deployment"])
async def test_a_command_that_has_another_key_stops_before_it_takes_work_for_done(
    desk: Desk, stack_settings: dict[str, str], key: str
) -> None:
    await fix_person_key(desk.database, SECRET)
    await desk.admit(*known())
    await desk.erase()
    before = [one async for one in desk.database[ERASURES].find({})]
    for words in (["due"], ["confirm", PERSON, "t-1", "--key", KEY, "--remove"]):
        environment = stack_settings | ({"GUANXI_PERSON_KEY": key} if key else {})
        done = await asyncio.to_thread(CliRunner().invoke, app, ["person", *words], env=environment)
        assert (done.exit_code, "GUANXI_PERSON_KEY differs" in done.output) == (1, True), done.output
    assert [one async for one in desk.database[ERASURES].find({})] == before


async def test_a_restriction_hides_and_its_end_erases(desk: Desk) -> None:
    await desk.admit(*known())
    until = (NOW + timedelta(days=30)).astimezone(ZONE).date()
    await desk.erase(mode="restrict", until=until.isoformat(), basis="pipl_47")
    shown = [one async for one in desk.database["people"].find({"key": KEY})]
    assert [("name" in one, one["kept"]["name"]) for one in shown] == [(False, NAME)]
    assert not any(text is not None and NAME in text for text in (await desk.texts()).values())
    assert (await export(desk.servers.settings, desk.database, KEY, PERSON))["name"] is None
    desk.now += timedelta(days=30)
    await desk.eraser.work()
    assert set(await desk.found(NAME)) == {"people", "texts"}, "kept through its last day"
    desk.now += timedelta(days=2)
    await desk.eraser.work()
    assert await desk.found(NAME) == {}


async def test_erasing_twice_or_somebody_unknown_changes_nothing_more(desk: Desk) -> None:
    await desk.admit(*known())
    await desk.erase()
    texts = await desk.texts()
    await desk.erase()
    await desk.erase("nobody")
    await desk.erase(mode="restrict", until=(NOW + timedelta(days=30)).astimezone(ZONE).date().isoformat())
    assert await desk.texts() == texts
    modes = {one["person_id"]: one["mode"] async for one in desk.database[ERASURES].find({})}
    assert modes == {PERSON: "erase", "nobody": "erase"}


async def test_one_who_is_a_representative_and_an_attendee_is_erased_as_both(desk: Desk) -> None:
    await desk.admit(*known(), event("representative.registered", {"name": NAME}, subject=PERSON, id="rep"))
    assert (await desk.found(NAME))["people"] == 2
    await desk.erase()
    assert await desk.found(NAME) == {"people": 1}, "the representative was not asked for"
    await desk.erase(also=[f"representative:{PERSON}"])
    assert await desk.found(NAME) == {}


async def test_a_restore_of_a_backup_from_before_erases_again(desk: Desk, tmp_path: Any) -> None:
    await desk.admit(*known())
    people = [one async for one in desk.database["people"].find({})]
    texts = [one async for one in desk.database["texts"].find({})]
    await desk.erase()
    file = tmp_path / "register.jsonl"
    file.write_text("".join([to_line(one) + "\n" async for one in desk.database[ERASURES].find({})]), encoding="utf-8")
    assert NAME not in file.read_text(encoding="utf-8")
    for name, documents in (("people", people), ("texts", texts), (ERASURES, [])):
        await desk.database[name].delete_many({})
        if documents:
            await desk.database[name].insert_many(documents)
    assert set(await desk.found(NAME)) == {"people", "texts"}
    again = await apply_again(desk.servers.settings, desk.database, read_register(file), NOW)
    assert again == (1, 1)
    assert await desk.found(NAME) == {}
    (sent,) = [one for partition in await desk.servers.read(INBOX) for one in partition]
    assert isinstance(sent.value, bytes)
    assert Outgoing(0, sent.key, sent.value, list(sent.headers)).key == KEY.encode()


async def test_restored_as_of_a_moment_whoever_was_erased_since_is_erased_on_the_log_too(desk: Desk) -> None:
    await desk.admit(*known())
    await desk.erase()
    asked = [one["asked_at"] async for one in desk.database[ERASURES].find({})]
    settings = desk.servers.settings
    assert await apply_again(settings, desk.database, [], NOW, asked_by=max(asked)) == (1, 0)
    assert await apply_again(settings, desk.database, [], NOW, asked_by=NOW - timedelta(days=1)) == (1, 1)
    (sent,) = [one for partition in await desk.servers.read(INBOX) for one in partition]
    assert sent.key == KEY.encode()


async def test_a_name_that_comes_first_with_an_erased_id_is_kept_out_and_known_from_then_on(desk: Desk) -> None:
    await desk.admit(concern("c0", f"{NAME} is unhappy"))
    await desk.erase()
    await desk.admit(visit("v1", [{"person_id": PERSON, "name": NAME}], consensus=f"{NAME} agrees"))
    await desk.admit(visit("v2", [{"name": NAME, "department": "IT"}], consensus=f"{NAME} agrees again"))
    assert await desk.found(NAME) == {"texts": 1}, "the text of before, until the eraser looks again"
    desk.now += timedelta(days=1)
    await desk.eraser.work()
    assert await desk.found(NAME) == {}
    (alone,) = [one for one in (entry.data for entry in await desk.logged()) if getattr(one, "visit_id", "") == "v2"]
    assert [(one.person_id, one.department) for one in alone.attendees] == [(None, "IT")]


async def test_what_is_asked_daily_is_found_by_an_index(desk: Desk) -> None:
    await desk.admit(*known())
    for of, asked in ((CLAIMS, {"key": KEY} | SAYING), (TEXTS, {"key": KEY}), (PEOPLE, {"key": KEY})):
        plan = await desk.database.command({"explain": {"find": of, "filter": asked}, "verbosity": "queryPlanner"})
        assert scans(plan) == [], of
