"""Files that people drop: kept within bounds, tried before they are sent, sent once, by whose role may."""

import re
from html import unescape
from typing import Any

import httpx
import pytest

from services.query.console import importing
from services.query.console.dropped import MAX_FIELD_BYTES, MAX_HEAD_BYTES, NoForm, parts, shown_name
from services.query.console.frame import ROOT
from services.query.console.roles import Person
from services.query.console.screens.imports import MOST_MB, passes
from shared.console import SOURCE
from shared.mongo.uploads import MAX_UPLOAD_BYTES
from tests.services.query.console.world import HEAD, HOST, MANAGER, World

OPERATOR = Person("op", "operator")
MAPPING = """event:
  id: "o-{no}"
  source: shop
  subject: "{customer}"
  time: "{at}"
  type: guanxi.purchase.recorded.v1
  data.purchase_id: "{no}"
  data.amount: "{amount}"
rules:
  - event: {data.currency: GBP}
"""
NAME = "<script>alert(1)</script> \u202e客户😀.csv"
COUNTS = {"read": 12, "fit": 9, "admitted": 0, "duplicates": 0, "refused": 3, "joined": 0, "skipped": 0}
REFUSAL = {"reason": "missing_field", "field": "data.amount", "rows": 3, "line": 4, "hint": "needed <b>"}


def preview(**values: Any) -> dict[str, Any]:
    return {
        "file": NAME, "events": False, "problem": None, "mapping": MAPPING, "counts": COUNTS, "refusals": [REFUSAL],
        "guess": {"kind": "purchases", "said": "delimiter ;", "unsure": ["currency: GBP is a guess"]}, "kinds": 1,
        "skipped": [["totals", 1]], "notes": [], "damaged": [], "warnings": [], "said": [],
        "first": ['{"id": "o-1", "subject": "<i>"}'],
    } | values  # fmt: skip


def job(kind: str = "import_preview", status: str = "done", result: Any = None, error: Any = None) -> dict[str, Any]:
    return {
        "id": "J1", "kind": kind, "status": status, "parameters": {"kind": kind, "upload": "0" * 32}, "error": error,
        "result": result, "finished_at": None, "progress": {"done": 5, "total": 9, "text": "reading the file"},
    }  # fmt: skip


@pytest.fixture
async def world() -> World:
    world = World()
    await world.sign_in(OPERATOR)
    world.api.tables |= {"jobs": {"id": "J1"}, "jobs/J1": job(result=preview())}
    return world


async def drop(
    world: World, content: bytes, name: str = "orders.csv", origin: str | None = HOST, **fields: str
) -> httpx.Response:
    token = (await world.form("import"))["token"]
    headers = {"origin": origin} if origin else {}
    files = {"file": (name, content)}
    return await world.client.post(f"{ROOT}/import/file", data={"token": token, **fields}, files=files, headers=headers)


# The file


async def test_a_file_is_kept_whole_and_tried(world: World) -> None:
    content = b"no,at\r\n" + bytes(range(256)) * 3000
    answer = await drop(world, content, NAME)
    assert answer.headers["location"] == "/console/import?job=J1"
    ((kept, held),) = world.uploads.kept
    assert held == content
    assert (kept.by, kept.name) == ("op", "script> 客户😀.csv")
    assert world.api.posted == [{"kind": "import_preview", "upload": kept.id}]
    assert world.api.asked[-1][1] is not None
    assert world.api.asked[-1][1].id == kept.key, "the worker looks for it by whom the API knows"


@pytest.mark.parametrize(
    ("content", "said", "status"), [(b"", "the file is empty", 422), (b"x" * (MAX_UPLOAD_BYTES + 1), "50 MB", 413)]
)
async def test_what_is_empty_or_too_large_is_said_on_the_page(
    world: World, content: bytes, said: str, status: int
) -> None:
    answer = await drop(world, content)
    assert (answer.status_code, said in answer.text) == (status, True)
    assert 'enctype="multipart/form-data"' in answer.text, "another may be chosen at once"
    assert (world.uploads.kept, world.api.posted) == ([], [])
    assert MOST_MB == 50, "the sentence says so"


async def test_a_length_beyond_all_measure_is_not_even_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MAX_READ_BYTES", 100)
    assert (await drop(world, b"x" * 200)).status_code == 413


async def test_nothing_chosen_is_said(world: World) -> None:
    assert "choose a file" in (await drop(world, b"", "")).text


async def test_a_store_that_is_away_is_said(world: World) -> None:
    world.uploads.away = True
    assert "choose the file again" in (await drop(world, b"x")).text


@pytest.mark.parametrize("origin", [None, "http://evil.test"])
async def test_a_file_is_taken_from_our_own_page_alone(world: World, origin: str | None) -> None:
    assert (await drop(world, b"x", origin=origin)).status_code == 403
    assert "signed in again" in (await drop(world, b"x", token="guessed")).text
    assert world.uploads.kept == []


@pytest.mark.parametrize("person", [MANAGER, HEAD])
async def test_who_does_not_import_sees_and_does_nothing(world: World, person: Person) -> None:
    token = (await world.form("import"))["token"]
    await world.sign_in(person)
    assert (await world.get("import")).status_code == 403
    assert 'href="/console/import"' not in (await world.get("help")).text
    files = {"file": ("a.csv", b"x")}
    sent = await world.client.post(f"{ROOT}/import/file", data={"token": token}, files=files, headers={"origin": HOST})
    assert sent.status_code == 403
    own = (await world.form("help"))["token"]
    assert (await world.post("import", {"token": own, "job": "J1", "verb": "send"})).status_code == 403
    assert (world.uploads.kept, world.api.posted) == ([], [])


async def test_who_imports_may_send_other_systems_events_and_who_enters_may_not(world: World) -> None:
    for person, may in ((OPERATOR, True), (MANAGER, False), (HEAD, False)):
        key = person.key(world.now)
        assert key is not None
        assert key.may_send("erp") is may
        assert key.may_send(SOURCE)


# What would become of it


async def test_the_preview_shows_what_is_wrong_before_anything_is_sent(world: World) -> None:
    html = (await world.get("import?job=J1")).text
    for said in (
        "12 rows",
        "missing field",
        "needed &lt;b&gt;",
        "currency: GBP is a guess",
        "subject&#34;: &#34;&lt;i&gt;",
    ):
        assert said in html, said
    assert "<script>alert" not in html
    assert '<button name="verb" value="send">' in html
    assert "guanxi import FILE --map MAPPING.yaml --backfill" in html
    assert "/console/jobs/J1/result" in html


async def test_what_can_not_be_imported_says_why_and_keeps_the_mapping(world: World) -> None:
    found = preview(problem="orders.csv: no column 'Total 100%d'; it has <b>", counts=None, refusals=[])
    world.api.tables["jobs/J1"] = job(result=found)
    html = (await world.get("import?job=J1")).text
    assert "no column &#39;Total 100%d&#39;; it has &lt;b&gt;" in html
    assert 'value="send"' not in html
    assert "data.purchase_id" in html
    answer = await world.post("import", await form(world) | {"mapping": MAPPING, "verb": "send"})
    assert "nothing was sent" in answer.text
    assert world.api.posted == []


def test_what_passes() -> None:
    assert passes(job(result=preview()))
    for other in (
        job(result=preview(problem="x")), job(status="running"), job("import", result=preview()),
        job(result=preview(counts=COUNTS | {"fit": 0})),
    ):  # fmt: skip
        assert not passes(other)


async def form(world: World) -> dict[str, str]:
    html = (await world.get("import?job=J1")).text
    found = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', html))
    return found | {"job": "J1"}


async def test_a_mapping_with_everything_wrong_names_each_field(world: World) -> None:
    wrong = 'time_zone: Nowhere\nencoding: klingon\ncolumns: {A: {date: "%y"}}\nrules:\n  - {}\n'
    answer = await world.post("import", await form(world) | {"mapping": wrong, "verb": "try"})
    assert answer.status_code == 422
    for said in ("time_zone", "encoding", "columns.A", "century_from", "rules.0"):
        assert said in answer.text, said
    fields = (
        MAPPING.replace("data.amount", "data.amuont").replace('id: "o-{no}"', "colour: red").replace("source", "src")
    )
    answer = await world.post("import", await form(world) | {"mapping": fields, "verb": "try"})
    for said in ("lack id", "lack source", "data.amuont", "'colour'", "'src'", "data.amount, required"):
        assert said in unescape(answer.text), said
    assert "colour: red" in answer.text, "what was typed is still there"
    assert world.api.posted == []


async def test_a_corrected_mapping_is_tried_on_the_same_file_once(world: World) -> None:
    sent = await form(world) | {"mapping": MAPPING.replace("shop", "store"), "verb": "try"}
    for _ in range(2):
        assert (await world.post("import", sent)).headers["location"] == "/console/import?job=J1"
    assert world.api.posted[0] == {
        "kind": "import_preview", "upload": "0" * 32, "mapping": sent["mapping"].strip(),
    }  # fmt: skip
    assert world.api.once[0] == world.api.once[1], "sent twice it is one job"


# Sending


async def test_what_was_tried_is_sent_once(world: World) -> None:
    sent = await form(world) | {"mapping": MAPPING.replace("\n", "\r\n"), "verb": "send"}
    for _ in range(2):
        assert (await world.post("import", sent)).headers["location"] == "/console/import?job=J1"
    assert world.api.posted[0] == {"kind": "import", "upload": "0" * 32, "mapping": MAPPING.strip()}
    assert world.api.once == [b"import-J1"] * 2


async def test_a_mapping_that_was_not_tried_is_tried_first(world: World) -> None:
    other = await form(world) | {"mapping": MAPPING.replace("shop", "store"), "verb": "send"}
    where = (await world.post("import", other)).headers["location"]
    assert where == "/console/import?job=J1&said=changed"
    assert [one["kind"] for one in world.api.posted] == ["import_preview"]
    assert "Nothing was sent" in (await world.get(where.removeprefix("/console/"))).text


async def test_a_file_of_events_needs_no_mapping(world: World) -> None:
    world.api.tables["jobs/J1"] = job(result=preview(events=True, mapping=None, guess=None))
    html = (await world.get("import?job=J1")).text
    assert "<textarea" not in html
    await world.post("import", await form(world) | {"verb": "send"})
    assert world.api.posted == [{"kind": "import", "upload": "0" * 32}]


async def test_a_session_that_ends_loses_nothing_typed(world: World) -> None:
    sent = await form(world) | {"mapping": "event: mine <", "verb": "send"}
    world.sign_ins.sessions.clear()
    answer = await world.post("import", sent)
    assert answer.status_code == 401
    assert "event: mine &lt;" in answer.text
    assert "Your session has ended" in answer.text


async def test_progress_and_the_end(world: World) -> None:
    world.api.tables["jobs/J1"] = job("import", "running")
    html = (await world.get("import?job=J1")).text
    assert "data-again" in html
    assert "reading the file" in html
    counts = COUNTS | {"admitted": 7, "duplicates": 2}
    world.api.tables["jobs/J1"] = job("import", result=preview(counts=counts, guess=None))
    html = (await world.get("import?job=J1")).text
    assert "data-again" not in html
    assert "<b>7</b>" in html
    assert 'value="send"' not in html
    world.api.tables["jobs/J1"] = job("import", "failed", error={"code": "refused", "detail": "the file <is> gone"})
    assert "the file &lt;is&gt; gone" in (await world.get("import?job=J1")).text


async def test_another_kind_of_job_or_none_is_said(world: World) -> None:
    world.api.tables["jobs/J1"] = job("verify")
    assert "it is over for more than a day" in (await world.get("import?job=J1")).text
    answer = await world.post("import", await form(world) | {"mapping": MAPPING, "verb": "send"})
    assert answer.status_code == 422
    assert world.api.posted == []


# Reading the form


async def read(body: bytes, step: int, kind: str = "multipart/form-data; boundary=xX") -> list[tuple[str, Any, bytes]]:
    async def chunks() -> Any:
        for at in range(0, len(body), step):
            yield body[at : at + step]

    found = []
    async for part in parts(kind, chunks()):
        content = b""
        async for chunk in part.chunks:
            content += chunk
        found.append((part.name, part.filename, content))
    return found


BODY = (
    b'--xX\r\nContent-Disposition: form-data; name="token"\r\n\r\nabc\r\n'
    b'--xX\r\nContent-Disposition: form-data; name="file"; filename="a%22\xe5\xae\xa2.csv"\r\n'
    b"Content-Type: text/csv\r\n\r\n1\r\n--x\r\n\r\n--X\r\n--xX--\r\n"
)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
async def test_a_form_is_read_however_it_comes(step: int) -> None:
    assert await read(BODY, step) == [("token", None, b"abc"), ("file", 'a"客.csv', b"1\r\n--x\r\n\r\n--X")]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (BODY[:-20], "multipart/form-data; boundary=xX"),
        (BODY, "multipart/form-data"),
        (BODY, "application/json"),
        (b"--xX\r\n" + b"a" * (MAX_HEAD_BYTES + 9), "multipart/form-data; boundary=xX"),
        (b"--xX\r\nno name\r\n\r\n1\r\n--xX--", "multipart/form-data; boundary=xX"),
        (b"", "multipart/form-data; boundary=xX"),
        (b'--xX\r\nContent-Disposition: form-data; name="a"\r\n\r\n' * 20, "multipart/form-data; boundary=xX"),
    ],
)
async def test_what_is_no_form_is_none(body: bytes, kind: str) -> None:
    with pytest.raises(NoForm):
        await read(body, 100, kind)


async def test_a_field_is_short() -> None:
    async def chunks() -> Any:
        yield (
            b'--xX\r\nContent-Disposition: form-data; name="token"\r\n\r\n'
            + b"a" * (MAX_FIELD_BYTES + 1)
            + b"\r\n--xX--"
        )

    part = await anext(parts("multipart/form-data; boundary=xX", chunks()))
    with pytest.raises(NoForm):
        await part.text()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("C:\\a\\b.csv", "b.csv"),
        ("../../etc/passwd", "passwd"),
        ("\x00\n", ""),
        ("a" * 300 + ".csv", "a" * 116 + ".csv"),
    ],
)
def test_names_are_one_part_of_a_path(name: str, shown: str) -> None:
    assert shown_name(name) == shown
