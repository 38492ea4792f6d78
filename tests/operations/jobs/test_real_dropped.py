"""Files that were dropped into the console, on a real MongoDB: kept within bounds, and tried by the worker for who
dropped them, also when they have left; not once their sessions are revoked, and for nobody else.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from operations.jobs.app import Worker
from services.query.api.jobs_asked import ImportPreviewAsked
from services.query.console.roles import Person
from services.query.console.sign_in import stored_as
from services.query.console.store import SignIns
from shared.jobs import PIECE_BYTES, Job, Requester
from shared.keys import ApiKey
from shared.mongo import uploads as uploading
from shared.mongo.jobs import new_id
from shared.mongo.uploads import MAX_UPLOADS_PER_KEY, Upload, Uploads
from tests.operations.jobs.yard import Yard

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
OPERATOR = Person("op", "operator")
KIND = "import_preview"


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), 300_001):
        yield content[at : at + 300_001]


def orders() -> bytes:
    now = datetime.now(UTC)
    days = [now - timedelta(days=3), now - timedelta(days=3000), now - timedelta(days=4)]
    lines = [f"{place},C-{place},{day.date()},{place}.50,CNY" for place, day in enumerate(days)]
    return "\n".join(["order_id,customer_id,order_date,amount,currency", *lines, ""]).encode()


def key_of(person: Person) -> ApiKey:
    key = person.key(datetime.now(UTC))
    assert key is not None
    return key


async def tried(yard: Yard, worker: Worker, upload: str, person: Person = OPERATOR) -> Job:
    """A job of this person, to its end."""
    key, asked = key_of(person), ImportPreviewAsked(kind="import_preview", upload=upload)
    job = Job(
        id=new_id(),
        kind=KIND,
        requester=Requester(key=key.id, scopes=key.scopes, rows=key.rows),
        parameters=asked.model_dump(mode="json"),
        created_at=datetime.now(UTC),
    )
    assert await worker.queue.add(job) is not None
    await yard.step(worker, KIND)
    found = await worker.queue.get(job.id, key.id)
    assert found is not None
    return found


async def dropped(worker: Worker, content: bytes, person: Person = OPERATOR, name: str = "客户.csv") -> Upload:
    made = await Uploads(worker.database).keep(key_of(person).id, person.id, name, chunks(content), datetime.now(UTC))
    assert made is not None
    return made


async def test_what_was_asked_for_is_done_after_who_asked_has_left_and_not_once_they_are_revoked(yard: Yard) -> None:
    async with yard.worker() as worker:
        sign_ins, now = SignIns(worker.database), datetime.now(UTC)
        session = stored_as(await sign_ins.begin(OPERATOR, now))
        kept = await dropped(worker, orders())
        await sign_ins.end(session)
        assert await sign_ins.find(session, now) is None, "its cookie is worth nothing"
        assert session not in [one.id for one in await sign_ins.of_all()]
        job = await tried(yard, worker, kept.id)
        assert (job.status, job.error) == ("done", None)
        assert job.result is not None
        assert (job.result["counts"]["fit"], job.result["counts"]["refused"]) == (2, 1)
        assert "guanxi.purchase.recorded.v1" in job.result["mapping"]
        refused = b"".join([piece async for piece in worker.queue.pieces(job)]).decode()
        assert "客户.csv" in refused
        assert str(yard.folder) not in refused
        await sign_ins.end_all(OPERATOR.id)
        assert (await tried(yard, worker, kept.id)).status == "failed"


async def test_a_file_is_there_for_who_dropped_it_alone(yard: Yard) -> None:
    other = Person("other", "operator")
    async with yard.worker() as worker:
        for person in (OPERATOR, other):
            await SignIns(worker.database).begin(person, datetime.now(UTC))
        kept = await dropped(worker, orders())
        job = await tried(yard, worker, kept.id, other)
        assert job.error is not None
        assert "not there any more" in job.error["detail"]


async def test_what_is_no_table_is_a_result_that_says_so(yard: Yard) -> None:
    async with yard.worker() as worker:
        await SignIns(worker.database).begin(OPERATOR, datetime.now(UTC))
        kept = await dropped(worker, b"%PDF-1.7 and so on", name="orders.xlsx")
        job = await tried(yard, worker, kept.id)
        assert job.result is not None
        assert job.result["problem"].startswith("orders.xlsx is a PDF")


@pytest.mark.parametrize("size", [1, PIECE_BYTES - 1, PIECE_BYTES, 2 * PIECE_BYTES + 1])
async def test_a_file_comes_back_as_it_was(yard: Yard, size: int) -> None:
    content = bytes(place % 251 for place in range(size))
    async with yard.worker() as worker:
        kept = await dropped(worker, content)
        store = Uploads(worker.database)
        assert await store.get(kept.id, kept.key) == kept.model_copy(
            update={"at": _ms(kept.at), "expires_at": _ms(kept.expires_at)}
        )
        assert await store.get(kept.id, "another") is None
        assert b"".join([piece async for piece in store.read(kept)]) == content
        assert kept.bytes == size


async def test_a_larger_file_leaves_nothing_and_the_oldest_of_many_goes(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.raw["uploads"].delete_many({})
    yard.raw["upload_pieces"].delete_many({})
    async with yard.worker() as worker:
        first = await dropped(worker, b"first")
        for _ in range(MAX_UPLOADS_PER_KEY):
            await dropped(worker, b"next")
        assert await Uploads(worker.database).get(first.id, first.key) is None
        assert yard.raw["upload_pieces"].count_documents({}) == MAX_UPLOADS_PER_KEY
        monkeypatch.setattr(uploading, "MAX_UPLOAD_BYTES", 2 * PIECE_BYTES)
        key = key_of(OPERATOR).id
        large = chunks(b"x" * (2 * PIECE_BYTES + 1))
        assert await Uploads(worker.database).keep(key, "op", "x", large, datetime.now(UTC)) is None
        assert yard.raw["upload_pieces"].count_documents({}) == MAX_UPLOADS_PER_KEY


def _ms(at: datetime) -> datetime:
    """As MongoDB keeps it."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
