"""A policy adopted from the console, on a real MongoDB: of two people one wins and the other is told; what is stale is
told; who did it is in the audit log.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from local.stack.paths import REPOSITORY
from operations.jobs.app import Worker
from services.query.api.jobs_asked import AdoptAsked
from services.query.console.roles import Person
from services.query.console.store import SignIns
from shared.audit import Run, runs_of
from shared.jobs import Job, Requester
from shared.mongo.audit import entries
from shared.mongo.jobs import new_id
from shared.mongo.policies import adopt, all_adopted
from shared.policies.adoption import Adopted
from tests.operations.jobs.yard import Yard

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
FIRST = (REPOSITORY / "deploy" / "policies" / "default-cny.yaml").read_text(encoding="utf-8")
ON = datetime.now(UTC).date() + timedelta(days=10)
ANN, BEN, HEAD = Person("ann", "operator"), Person("ben", "operator"), Person("head", "head_of_sales")


def version(number: int, text: str = FIRST) -> str:
    return text.replace("version: 1\n", f"version: {number}\n", 1)


@pytest.fixture
async def worker(yard: Yard) -> AsyncIterator[Worker]:
    async with yard.worker() as made:
        for collection in ("policies", "audit"):
            yard.raw[collection].delete_many({})
        for person in (ANN, BEN, HEAD):
            await SignIns(made.database).begin(person, datetime.now(UTC))
        await adopt(made.database, Adopted("default-cny", 1, date(2000, 1, 1), FIRST), datetime.now(UTC))
        yield made


async def asked(
    yard: Yard, worker: Worker, person: Person, text: str, on: date = ON, latest: str = "default-cny/1"
) -> str:
    """A job in the queue."""
    del yard
    key = person.key(datetime.now(UTC))
    assert key is not None
    said = AdoptAsked(kind="adopt", policy=text, on=on, latest=latest).model_dump(mode="json")
    requester = Requester(key=key.id, scopes=key.scopes, rows=key.rows)
    job = Job(id=new_id(), kind="adopt", requester=requester, parameters=said, created_at=datetime.now(UTC))
    assert await worker.queue.add(job) is not None
    return job.id


async def done(yard: Yard, worker: Worker, *jobs: str) -> list[Job]:
    """They as they have ended, done by two workers at once."""
    async with yard.worker() as other:
        while any(yard.raw["jobs"].find_one({"_id": one, "status": {"$in": ["queued", "running"]}}) for one in jobs):
            await asyncio.gather(*(yard.step(one, "adopt") for one in (worker, other)))
    return [Job.model_validate(yard.raw["jobs"].find_one({"_id": one})) for one in jobs]


async def runs(worker: Worker) -> list[Run]:
    return runs_of(await entries(worker.database, limit=50))


async def test_who_adopts_is_in_the_audit_log_and_again_it_is_told_as_adopted_already(
    yard: Yard, worker: Worker
) -> None:
    (job,) = await done(yard, worker, await asked(yard, worker, ANN, version(2)))
    assert job.status == "done", job.error
    assert job.result is not None
    assert (job.result["policy"], job.result["version"], job.result["from"]) == ("default-cny", 2, ON.isoformat())
    assert job.result["is_new"]
    (run,) = await runs(worker)
    assert (run.name, run.user, run.command, run.exit_code) == ("ann", "worker", "policy adopt", 0)
    assert run.arguments == ("default-cny/2", f"--on {ON}")
    (again,) = await done(yard, worker, await asked(yard, worker, BEN, version(2)))
    assert again.result is not None
    assert not again.result["is_new"]
    assert [one.id for one, _ in await all_adopted(worker.database)] == ["default-cny/1", "default-cny/2"]


async def test_of_two_people_who_adopt_at_once_one_wins_and_the_other_is_told(yard: Yard, worker: Worker) -> None:
    texts = version(2), version(2, FIRST.replace("default-cny", "other-cny"))
    both = [await asked(yard, worker, person, text) for person, text in zip((ANN, BEN), texts, strict=True)]
    found = await done(yard, worker, *both)
    assert sorted(one.status for one in found) == ["done", "failed"]
    told = next(one.error for one in found if one.error)
    assert "since this policy was tried" in told["detail"]
    assert len(await all_adopted(worker.database)) == 2


@pytest.mark.parametrize(
    ("text", "on", "latest", "said"),
    [
        (version(2), ON, "default-cny/0", "default-cny/1 was adopted at"),
        (version(2), date(2026, 1, 2), "default-cny/1", "an hour's notice"),
        (version(1, FIRST + "\n# changed"), ON, "default-cny/1", "another text"),
        ("name: x\n", ON, "default-cny/1", "version"),
    ],
)
async def test_what_is_stale_or_no_policy_or_too_late_is_told_and_nothing_changes(
    yard: Yard, worker: Worker, text: str, on: date, latest: str, said: str
) -> None:
    (job,) = await done(yard, worker, await asked(yard, worker, ANN, text, on, latest))
    assert job.error is not None
    assert said in job.error["detail"]
    assert len(await all_adopted(worker.database)) == 1
    assert all(one.exit_code == 1 for one in await runs(worker))


async def test_a_role_that_may_not_adopt_does_not_whatever_its_job_says(yard: Yard, worker: Worker) -> None:
    (job,) = await done(yard, worker, await asked(yard, worker, HEAD, version(2)))
    assert job.error is not None
    assert "ops:write" in job.error["detail"]
    assert len(await all_adopted(worker.database)) == 1
