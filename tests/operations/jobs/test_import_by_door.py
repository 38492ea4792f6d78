"""A file that was dropped into the console: it is judged, goes through the door as who asked, and each row is told."""

import gzip
import io
import json
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from operations.jobs import importing
from operations.jobs.door import TRIES, ByDoor
from operations.jobs.importing import _run, check_size, stored_name
from operations.jobs.made import Told
from services.ingest.admit import Claim
from services.ingest.doors.files.drafts import is_events_file
from services.ingest.doors.files.plan import Plan
from services.ingest.doors.http.door import create_door
from services.ingest.inbox import Appended, InboxRecord
from services.query.console.roles import Person
from shared.console import SOURCE
from shared.errors import Malformed, Transient
from shared.keys import ApiKey, ApiKeys
from shared.mongo.uploads import Upload
from tests.events.wire import event
from tests.services.ingest import fakes
from tests.services.ingest.doors.files.memory import HEADER, LONDON, MAPPING, Servers
from tests.services.ingest.judging import NOW

DAY = "2026-02-20"
SECRET = b"a secret of the worker"
PERSON_KEY = b"a secret of ingest alone"


@dataclass
class Inbox:
    """The door's inbox is what admission reads; away: writes that fail first."""

    servers: Servers
    away: int = 0

    async def write(self, records: Sequence[InboxRecord]) -> Sequence[Appended]:
        if self.away:
            self.away -= 1
            raise Transient("Kafka: no broker")
        return [Appended(*place, -1) for place in await self.servers.append(records)]


class Admission:
    """What the worker sees of it."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    async def find(self, identities: Sequence[bytes]) -> Mapping[bytes, Claim]:
        return await self._servers.world.find(identities)

    async def positions(self, partitions: Collection[int]) -> Mapping[int, int]:
        return await self._servers.positions(partitions)


class Hall:
    """A door, an admission behind it, and a worker before it."""

    def __init__(self, folder: Path) -> None:
        place = replace(fakes.PLACE, person_key=PERSON_KEY)
        self.folder, self.servers = folder, Servers(world=fakes.World(place=place))
        self.inbox = Inbox(self.servers)
        self.waited: list[float] = []
        self.told = Told()
        self.result = io.BytesIO()
        self.person = Person("op", "operator")
        self.generation: int | None = 1

    @property
    def key(self) -> ApiKey:
        key = self.person.key(NOW)
        assert key is not None
        return key

    def way(self, secret: bytes = SECRET) -> ByDoor:
        app = create_door(
            self.inbox,
            ApiKeys(self.folder / "keys.yaml"),
            zone=LONDON,
            now=lambda: NOW,
            claims=Admission(self.servers),
            generation=lambda: self.generation,
            secret=PERSON_KEY,
            import_key=SECRET,
        )
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://door")
        return ByDoor(client, secret, "op", Admission(self.servers), 1, lambda: NOW, self._pause)

    async def _pause(self, seconds: float) -> None:
        self.waited.append(seconds)

    async def run(
        self,
        content: str | bytes,
        mapping: str | None = MAPPING,
        name: str = "orders.csv",
        *,
        way: ByDoor | None = None,
    ) -> dict[str, Any]:
        path = self.folder / "dropped" / name
        path.parent.mkdir(exist_ok=True)
        (self.folder / "refused").unlink(missing_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        said: Any = dict.fromkeys(("_id", "key", "by", "sha256"), "") | {"name": name, "bytes": 0, "pieces": 0}
        upload = Upload.model_validate({**said, "at": NOW, "expires_at": NOW})
        self.result = io.BytesIO()
        return await _run(
            self, importing._Dropped(upload, path), mapping, way  # type: ignore[arg-type]
        )  # fmt: skip

    # As work
    @property
    def settings(self) -> Any:
        return self

    @property
    def zone(self) -> Any:
        return LONDON

    @property
    def file(self) -> io.BytesIO:
        return self.result


@pytest.fixture
def hall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hall:
    monkeypatch.setattr(importing, "Plan", partial(Plan, now=lambda: NOW))
    return Hall(tmp_path)


def rows(*numbers: int, customer: str = "C1") -> str:
    return HEADER + "".join(f"{one},{DAY} 10:{one % 60:02},{customer},{one}.50\n" for one in numbers)


async def test_each_row_is_sent_once_and_the_log_names_who_asked(hall: Hall) -> None:
    found = await hall.run(rows(*range(1, 1301)), way=hall.way())
    assert (found["counts"]["admitted"], found["counts"]["duplicates"], found["refusals"]) == (1300, 0, [])
    log = hall.servers.log()
    assert len(log) == 1300
    assert {(one.actor, one.key_id, one.source) for one in log} == {("op", "import", "shop")}
    again = await hall.run(rows(*range(1, 1301)), way=hall.way())
    assert (again["counts"]["admitted"], again["counts"]["duplicates"]) == (0, 1300), "as after a worker was killed"
    assert len(hall.servers.log()) == 1300
    assert hall.told.now.done == 1300


async def test_rows_of_one_file_that_repeat_each_other_count_once(hall: Hall) -> None:
    found = await hall.run(rows(1, 2) + rows(1).removeprefix(HEADER), way=hall.way())
    assert (found["counts"]["admitted"], found["counts"]["duplicates"]) == (2, 1)


async def test_what_is_refused_is_told_by_reason_and_given_back_as_it_was(hall: Hall) -> None:
    await hall.run(rows(1), way=hall.way())
    text = rows(1).replace("1.50", "9.99") + f"2,{DAY} noon,C1,2.00\n3,{DAY} 10:03,C1,3.00\n"
    found = await hall.run(text, way=hall.way())
    assert (found["counts"]["admitted"], found["counts"]["refused"]) == (1, 2)
    by_reason = {one["reason"]: one for one in found["refusals"]}
    assert (by_reason["conflicting_repeat"]["line"], by_reason["invalid_time"]["field"]) == (2, "time")
    lines = hall.result.getvalue().decode().splitlines()
    assert lines[0].startswith("no,at,customer,amount,refused_reason")
    assert any(line.startswith(f"2,{DAY} noon,C1,2.00,invalid_time") for line in lines)
    assert str(hall.folder) not in hall.result.getvalue().decode(), "where it lay is nobody's business"


async def test_a_preview_sends_nothing_and_shows_the_first_events(hall: Hall) -> None:
    found = await hall.run(rows(*range(1, 30)) + "x,y,z\n")
    assert (found["counts"]["fit"], found["counts"]["refused"], len(found["first"])) == (29, 1, 10)
    assert json.loads(found["first"][0])["id"] == "order-1"
    assert not any(hall.servers.inbox.values())


async def test_events_of_a_file_are_sent_with_their_numbers_as_written_and_who_imports(hall: Hall) -> None:
    one = event(source="erp", actor="somebody.else", time=(NOW - timedelta(days=1)).isoformat())
    raw = json.dumps(one).encode()
    found = await hall.run(raw + b"\n", None, "events.ndjson", way=hall.way())
    assert found["counts"]["admitted"] == 1
    (fact,) = hall.servers.log()
    assert fact.actor == "op", "what the door vouches for is who imported"


async def test_nobody_sends_in_the_consoles_name_nor_grants(hall: Hall) -> None:
    raw = json.dumps(event(source=SOURCE, time=(NOW - timedelta(days=1)).isoformat())).encode()
    found = await hall.run(raw, None, "events.ndjson", way=hall.way())
    assert [one["reason"] for one in found["refusals"]] == ["source_not_allowed"]
    hall.person = Person("head", "head_of_sales")
    found = await hall.run(rows(1), way=hall.way())
    assert [one["reason"] for one in found["refusals"]] == ["source_not_allowed"], "the role has lost the right"
    assert not any(hall.servers.inbox.values())


async def test_a_door_that_is_busy_is_asked_again_and_one_that_is_away_ends_the_attempt(hall: Hall) -> None:
    hall.inbox.away = 2
    assert (await hall.run(rows(1), way=hall.way()))["counts"]["admitted"] == 1
    assert len(hall.waited) == 2
    hall.inbox.away = TRIES
    with pytest.raises(Transient, match="could not be sent"):
        await hall.run(rows(2), way=hall.way())


async def test_a_signature_that_the_door_does_not_know_is_said(hall: Hall) -> None:
    with pytest.raises(Malformed, match="GUANXI_IMPORT_KEY"):
        await hall.run(rows(1), way=hall.way(b"another"))


async def test_a_door_that_can_not_say_where_events_are_is_asked_later(hall: Hall) -> None:
    hall.generation = None
    with pytest.raises(Transient, match="generation"):
        await hall.run(rows(1), way=hall.way())


def _upload(name: str) -> Upload:
    empty = {"bytes": 0, "sha256": "", "pieces": 0}
    return Upload.model_validate(
        {"_id": "u", "key": "k", "by": "u-1", "name": name, "at": NOW, "expires_at": NOW} | empty
    )


@pytest.mark.parametrize(
    ("content", "name", "mapping", "said"),
    [
        (b"%PDF-1.7 ...", "orders.csv", MAPPING, "PDF"),
        (b"a,b\n1,2\n", "orders.csv", MAPPING, "no column"),
        (b"PK\x03\x04 cut off", "orders.xlsx", MAPPING, "orders.xlsx"),
        (b"{}\n", "events.ndjson", MAPPING, "needs no mapping"),
        (b"a\n", "orders.csv", None, "needs a mapping"),
    ],
)
async def test_what_can_not_be_used_is_said_by_the_name_that_people_know(
    hall: Hall, content: bytes, name: str, mapping: str | None, said: str
) -> None:
    with pytest.raises(Malformed) as error:
        await hall.run(content, mapping, name)
    path = hall.folder / "dropped" / name
    told = importing._Dropped(_upload("<b>.csv"), path).told(error.value)
    assert said.replace(name, "<b>.csv") in str(told)
    assert str(hall.folder) not in str(told)


# Sizes and names


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("../../etc/passwd", "passwd"), ("..", "file"), ("", "file"), ("a\x00\n.csv", "a.csv"),
        ("客户 <b>😀.xlsx", "客户 <b>😀.xlsx"), (".hidden.ndjson", "hidden.ndjson"),
    ],
)  # fmt: skip
def test_a_file_lies_under_a_name_of_one_part(name: str, stored: str) -> None:
    assert stored_name(name) == stored


def test_a_long_name_keeps_its_end() -> None:
    name = stored_name("客" * 300 + ".ndjson.gz")
    assert len(name.encode()) <= importing.NAME_BYTES
    assert is_events_file(Path(name))


@pytest.mark.parametrize(
    ("inside", "most", "fits"),
    [
        (b"a,b\n" * 100, "MAX_UNPACKED_BYTES", False),
        (b"PK\x03\x04" * 100, "MAX_WORKBOOK_BYTES", False),
        (b"a", "", True),
    ],
)
def test_what_unpacks_to_too_much_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bytes, most: str, *, fits: bool
) -> None:
    for name in filter(None, [most]):
        monkeypatch.setattr(importing, name, 399)
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(inside))
    if fits:
        check_size(path)
        return
    with pytest.raises(Malformed, match="unpacks to more"):
        check_size(path)


@pytest.mark.parametrize("member", ["orders.csv", "[Content_Types].xml", "orders.xlsx"])
def test_what_an_archive_unpacks_to_is_known_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, member: str
) -> None:
    monkeypatch.setattr(importing, "MAX_UNPACKED_BYTES" if member == "orders.csv" else "MAX_WORKBOOK_BYTES", 99)
    path = tmp_path / "orders.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, b"0" * 100)
    with pytest.raises(Malformed, match="unpacks to more"):
        check_size(path)


def test_a_damaged_archive_is_left_to_who_reads_it(tmp_path: Path) -> None:
    for head in (b"PK\x03\x04", b"\x1f\x8b"):
        (tmp_path / "a").write_bytes(head + b"nonsense")
        check_size(tmp_path / "a")
