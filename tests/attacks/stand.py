"""The door under one attack: its memory, and what other clients see before, during and after."""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from typing import Any
from uuid import uuid4

import httpx

from local.stack.paths import REPOSITORY
from tests.events.wire import event

CLIENTS = 4
EVERY_SECONDS = 0.05
ANSWER_SECONDS = 30.0
LOOK_SECONDS = 0.1
QUIET_SECONDS = 10.0
"""Before and after, at most."""
OTHER_ADDRESS = "127.0.0.2"
ENDED = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
"""What a client sees of a kept connection that the door has ended."""


@dataclass
class Phase:
    """What the other clients saw in a stretch of time, and the door's memory."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    peak_bytes: int = 0

    def quantile_ms(self, share: float) -> float:
        ordered = sorted(self.seconds)
        return 1000 * ordered[ceil(share * len(ordered)) - 1] if ordered else float("nan")

    def line(self) -> str:
        failed = {status: n for status, n in self.statuses.items() if status != "202"}
        return (
            f"{len(self.seconds):5} requests, p50 {self.quantile_ms(0.5):6.1f} ms, p99 {self.quantile_ms(0.99):7.1f} ms"
            f", memory {self.peak_bytes / 1e6:5.0f} MB" + (f", not taken: {failed}" if failed else "")
        )


@dataclass
class Report:
    """One attack."""

    name: str
    before: Phase
    during: Phase
    after: Phase
    attacker: dict[str, int]

    def lines(self) -> list[str]:
        return [
            f"{self.name}: {self.attacker}",
            f"  before {self.before.line()}",
            f"  during {self.during.line()}",
            f"  after  {self.after.line()}",
        ]


@dataclass
class Stand:
    """A door that runs. token: of the other clients; attackers: of who attacks, where the attack needs a key."""

    port: int
    token: str
    attackers: str
    rss_bytes: Callable[[], int]

    async def play(self, name: str, seconds: float) -> Report:
        """Watch, attack for so long, watch on, after the door has begun to work."""
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS, headers=self._headers()) as client:
            (await self._post(client, self._event())).raise_for_status()
        quiet = min(seconds, QUIET_SECONDS)
        before = await self._watch(quiet)
        attack = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.attacks.attacker", name, str(self.port), str(seconds), self.attackers),
            cwd=REPOSITORY,
            stdout=asyncio.subprocess.PIPE,
        )
        during = await self._watch(seconds, until=attack)
        out, _ = await attack.communicate()
        return Report(name, before, during, await self._watch(quiet), json.loads(out))

    async def _watch(self, seconds: float, until: asyncio.subprocess.Process | None = None) -> Phase:
        phase, ends_at = Phase(), time.monotonic() + seconds

        def goes_on() -> bool:
            return until.returncode is None if until else time.monotonic() < ends_at

        async with asyncio.TaskGroup() as together:
            for number in range(CLIENTS):
                together.create_task(self._client(number, phase, goes_on))
            while goes_on():
                phase.peak_bytes = max(phase.peak_bytes, self.rss_bytes())
                await asyncio.sleep(LOOK_SECONDS)
        return phase

    async def _client(self, number: int, phase: Phase, goes_on: Callable[[], bool]) -> None:
        """Half of them from the attacker's address; one of each half with a new connection for each request."""
        transport = httpx.AsyncHTTPTransport(
            local_address=OTHER_ADDRESS if number % 2 else None,
            limits=httpx.Limits(max_keepalive_connections=0 if number < CLIENTS // 2 else 1),
        )
        async with httpx.AsyncClient(transport=transport, timeout=ANSWER_SECONDS, headers=self._headers()) as client:
            while goes_on():
                began = time.perf_counter()
                status = await self._status(client, keeps=number >= CLIENTS // 2)
                phase.seconds.append(time.perf_counter() - began)
                phase.statuses[status] += 1
                await asyncio.sleep(EVERY_SECONDS)

    async def _status(self, client: httpx.AsyncClient, *, keeps: bool) -> str:
        """What a request ended with. As every sender should, one that keeps its connection sends an event again when
        that ends under the request: the door may end one that waits at any moment, this very one included.
        """
        sent = self._event()
        for may_have_ended in (keeps, False):
            try:
                return str((await self._post(client, sent)).status_code)
            except httpx.HTTPError as error:
                if not (may_have_ended and isinstance(error, ENDED)):
                    return type(error).__name__
        raise AssertionError("the second try returns")

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def _event(self) -> dict[str, Any]:
        name, now = uuid4().hex, datetime.now(UTC).isoformat()
        return event(id=name, subject=f"c-{name[:2]}", time=now, data={"purchase_id": name})

    async def _post(self, client: httpx.AsyncClient, sent: dict[str, Any]) -> httpx.Response:
        return await client.post(f"http://127.0.0.1:{self.port}/v1/events", json=sent)
