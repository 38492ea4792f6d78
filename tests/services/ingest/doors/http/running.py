"""The ingest service as a process on real servers, and the command line beside it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from local.stack.paths import REPOSITORY
from local.stack.ports import free_port
from local.stack.process import Process
from shared.keys.edit import create_key
from tests.services.ingest.doors.http.door import OLD_KEY_DAY
from tests.services.ingest.real import PARTITIONS

START_SECONDS = 60.0
COMMAND_SECONDS = 90.0


@dataclass
class Ended:
    """A command's end."""

    code: int
    out: str
    err: str


@dataclass
class Ingest:
    """A running service."""

    environment: dict[str, str]
    url: str
    token: str
    process: Process

    async def post(self, body: Any, path: str = "/v1/events") -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            return await client.post(self.url + path, json=body, headers={"Authorization": f"Bearer {self.token}"})

    async def guanxi(self, *words: str | Path, stdin: bytes | None = None) -> Ended:
        """Runs `guanxi <words>` against the same servers to its end."""
        running = await self.begin(*words)
        async with asyncio.timeout(COMMAND_SECONDS):
            out, err = await running.communicate(stdin)
        return Ended(running.returncode or 0, out.decode(), err.decode())

    async def begin(self, *words: str | Path) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "guanxi", *map(str, words)),
            env={**self.environment, "GUANXI_API_KEY": self.token},
            cwd=REPOSITORY,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )


@asynccontextmanager
async def ingest(
    settings: Mapping[str, str], folder: Path, *, ready: bool = True, tree: Path = REPOSITORY, **overrides: str
) -> AsyncIterator[Ingest]:
    """Starts the service; waits until it is ready, or, where it can't be, until its port answers."""
    port, keys = free_port(), folder / "keys.yaml"
    _, token = create_key(keys, ["*"], now=OLD_KEY_DAY)
    environment = {
        **os.environ,
        **settings,
        "GUANXI_PARTITIONS": str(PARTITIONS),
        "GUANXI_HTTP_HOST": "127.0.0.1",
        "GUANXI_HTTP_PORT": str(port),
        "GUANXI_API_KEYS_FILE": str(keys),
        **overrides,
    }
    url = f"http://127.0.0.1:{port}"
    process = await Process.start(
        "ingest",
        [sys.executable, "-m", "services.ingest"],
        log=folder / "ingest.log",
        env=environment,
        cwd=tree,
    )

    async def answers() -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
            try:
                answer = await client.get(f"{url}/readyz")
            except httpx.TransportError:
                return False
        return answer.status_code == httpx.codes.OK or not ready

    try:
        await process.until(answers, what="ready", timeout_s=START_SECONDS)
        yield Ingest(environment, url, token, process)
    finally:
        await process.stop()
