"""The API in this process over collections that the test writes itself, a queue, and workers: here, or as processes."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from local.stack.paths import REPOSITORY
from local.stack.ports import free_port
from operations.jobs.app import Worker
from services.query.api.resources import RESOURCES, Resource
from services.worker.service import SERVICE
from services.worker.settings import WorkerSettings
from shared.jobs import Job
from shared.keys import ApiKeys, Scope
from shared.keys.edit import create_key
from shared.mongo import Database, connect
from shared.mongo.jobs import Queue
from shared.mongo.schema import apply
from tests.services.query.test_real_paging import Bench, documents

Json = dict[str, Any]
CUSTOMERS = 25
KEYS: Mapping[str, tuple[Sequence[str], str]] = {
    "all": (list(Scope)[1:], "all"),
    "other": (list(Scope)[1:], "all"),
    "exporter": (["exports:read"], "all"),
    "secret": (["exports:read", "confidential:read"], "all"),
    "own": (["customers:read", "exports:read", "ops:read"], "own:R-1"),
    "reader": (["customers:read"], "all"),
    "ops": (["ops:read"], "all"),
}
EXPORT: Json = {"kind": "export", "resource": "customers", "format": "ndjson"}
PATIENCE_SECONDS = 60.0


class Yard(Bench):
    """Set up, and ways to ask."""

    def __init__(self, mongo_uri: str, folder: Path) -> None:
        super().__init__(mongo_uri, folder)
        self.mongo_uri, self.folder = mongo_uri, folder
        now = datetime.now(UTC)
        made = {
            who: create_key(folder / "keys.yaml", [], now=now, scopes=scopes, rows=rows)
            for who, (scopes, rows) in KEYS.items()
        }
        self.tokens = {who: token for who, (_, token) in made.items()}
        self.key_ids = {who: key.id for who, (key, _) in made.items()}
        self.processes: list[subprocess.Popen[bytes]] = []

    async def set_up(self) -> None:
        await super().set_up()
        database = connect(self.settings)
        await apply(database, SERVICE.schema, 1)
        database.client.close()
        values = {"net": 1, "rows": 2}
        for resource in map(named, ("customers", "concerns", "timeline", "movements", "grants", "plans")):
            for number in range(CUSTOMERS):
                for service, name, document in documents(resource, number, {**values, "order": number % 12}):
                    more = {"net_365d": f"{number * 1000}.10", "name": f"=客户{number}"}
                    owned = {"owned_by": [f"R-{number % 3}"]}
                    self.base(service, name).insert_one({**document, **more, **owned})

    async def ask(self, client: httpx.AsyncClient, asked: Any = EXPORT, key: str = "all", **headers: str) -> Any:
        """POST /v1/jobs."""
        content = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
        return await client.post("/v1/jobs", content=content, headers={**self.as_key(key), **headers})

    async def asked(self, client: httpx.AsyncClient, asked: Any = EXPORT, key: str = "all") -> str:
        """The id of a job that is queued now."""
        answer = await self.ask(client, asked, key)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['data']['id']}"
        return str(answer.json()["data"]["id"])

    async def get(self, client: httpx.AsyncClient, path: str, key: str = "all") -> httpx.Response:
        return await client.get(path, headers=self.as_key(key))

    async def result(self, client: httpx.AsyncClient, asked: Json, key: str = "all") -> tuple[Json, bytes]:
        """A job from asking to fetching, done by a worker here: its manifest and its result."""
        job = await self.asked(client, asked, key)
        async with self.worker() as worker:
            await self.step(worker, asked["kind"])
        found = (await self.get(client, f"/v1/jobs/{job}", key)).json()["data"]
        assert found["status"] == "done", found
        answer = await self.get(client, f"/v1/jobs/{job}/result", key)
        assert answer.status_code == httpx.codes.OK, answer.text
        return found["result"], answer.content

    def as_key(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[key]}"}

    @asynccontextmanager
    async def worker(self, **settings: Any) -> AsyncIterator[Worker]:
        made = WorkerSettings(
            mongo_uri=self.settings.mongo_uri,
            mongo_database=self.name,
            api_keys_file=self.settings.api_keys_file,
            spool_dir=self.folder,
            **settings,
        )
        database: Database = connect(made)
        yield Worker(made, ApiKeys(made.api_keys_file), database, database, Queue(database))
        database.client.close()

    async def step(self, worker: Worker, kind: str) -> Job | None:
        """What a worker does once."""
        job = await worker.take(kind)
        if job is not None:
            await worker.do(job)
        return job

    def start_worker(self, lease_seconds: float = 2.0) -> subprocess.Popen[bytes]:
        """A worker as a process of its own."""
        environment = {
            **os.environ,
            "GUANXI_MONGO_URI": self.mongo_uri,
            "GUANXI_MONGO_DATABASE": self.name,
            "GUANXI_API_KEYS_FILE": str(self.settings.api_keys_file),
            "GUANXI_HTTP_PORT": str(free_port()),
            "GUANXI_SPOOL_DIR": str(self.folder),
            "GUANXI_JOB_LEASE_SECONDS": str(lease_seconds),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "services.worker"], env=environment, cwd=REPOSITORY, stderr=subprocess.DEVNULL
        )
        self.processes.append(process)
        return process

    def stop_workers(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(timeout=PATIENCE_SECONDS)
        self.processes.clear()

    async def until(self, job: str, what: Any) -> Json:
        """Waits until a stored job is as asked for."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                found: Json = self.raw["jobs"].find_one({"_id": job}) or {}
                if what(found):
                    return found
                await asyncio.sleep(0.02)

    def empty_queue(self) -> None:
        self.raw["jobs"].delete_many({})
        self.raw["job_pieces"].delete_many({})


def named(name: str) -> Resource:
    return next(one for one in RESOURCES if one.name == name)
