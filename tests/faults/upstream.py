"""An upstream that retries everything until it is acknowledged, hangs up half-way, and sends again what it was
acknowledged already.
"""

import asyncio
import contextlib
import json
import ssl
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlsplit

from tests.faults.load import Json, Load, Sent

WORKERS = 4
MAX_EVENTS = 20
PAUSE_SECONDS = 0.15
"""Between two requests of a worker, on average."""
RETRY_SECONDS = 0.3
ANSWER_SECONDS = 15.0
HANGS_UP = 0.06
"""Of the requests, in the middle of the body; as many again before the answer."""
REPEATS = 0.1
LEAST_EVENTS = 100
"""So many are sent, however often the door was away."""
ACCEPTED, UNPROCESSABLE = 202, 422
HEAD_END = b"\r\n\r\n"


@dataclass
class Upstream:
    """`acknowledged` holds what a 202 said of each event: accepted or duplicate; `refused` by identity and revision
    the reason; `answers` counts by status, `none` without one.
    """

    urls: Sequence[str]
    token: str
    load: Load
    seed: int
    acknowledged: dict[tuple[tuple[str, ...], int], str] = field(default_factory=dict)
    refused: dict[tuple[tuple[str, ...], int], str] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    sent: list[Sent] = field(default_factory=list)
    max_pause_seconds: float = PAUSE_SECONDS * 2
    hangs_up: float = HANGS_UP
    context: ssl.SSLContext | None = None
    """By which the door is known, where it speaks TLS."""

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._ending = asyncio.Event()

    def end(self) -> None:
        """No new events once there are LEAST_EVENTS; what was begun is sent until it is acknowledged."""
        self._ending.set()

    async def run(self) -> None:
        await self._until_acknowledged(self.load.first())
        async with asyncio.TaskGroup() as together:
            for _ in range(WORKERS):
                together.create_task(self._work())

    async def _work(self) -> None:
        while len(self.sent) < LEAST_EVENTS or not self._ending.is_set():
            batch = self.load.some(self._random.randint(1, MAX_EVENTS))
            if self.sent and self._random.random() < REPEATS:
                batch += self._random.choices(self.sent, k=3)
            await self._until_acknowledged(batch)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), self._random.uniform(0, self.max_pause_seconds))

    async def _until_acknowledged(self, batch: list[Sent]) -> None:
        unique = list({(one.identity, one.revision): one for one in batch}.values())
        body = json.dumps([one.event for one in unique], ensure_ascii=False).encode()
        while True:
            status, answer = await self._ask(body)
            self.answers[str(status or "none")] += 1
            if status in {ACCEPTED, UNPROCESSABLE}:
                self._note(unique, answer)
                return
            await asyncio.sleep(self._random.uniform(0.5, 1.5) * RETRY_SECONDS)

    def _note(self, batch: list[Sent], answer: Json) -> None:
        for one, said in zip(batch, answer["events"], strict=True):
            name = (one.identity, one.revision)
            if said["status"] == "refused":
                self.refused[name] = said["code"]
            else:
                self.acknowledged.setdefault(name, said["status"])
        self.sent += batch

    async def _ask(self, body: bytes) -> tuple[int, Json]:
        """Status and answer; 0 where there was none, or nobody waited for it."""
        draw = self._random.random()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._exchange(
                    body, hang_up=draw < self.hangs_up, leave=0 <= draw - self.hangs_up < self.hangs_up
                )
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            return 0, {}

    async def _exchange(self, body: bytes, *, hang_up: bool, leave: bool) -> tuple[int, Json]:
        parts = urlsplit(self._random.choice(self.urls))
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=self.context)
        try:
            head = (
                f"POST /v1/events HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {self.token}\r\n"
                "content-type: application/cloudevents-batch+json\r\nconnection: close\r\n"
                f"content-length: {len(body)}\r\n\r\n"
            ).encode()
            writer.write(head + (body[: len(body) // 2] if hang_up else body))
            await writer.drain()
            if hang_up or leave:
                self.answers["hung up"] += 1
                if leave:
                    await asyncio.sleep(self._random.uniform(0, 0.02))  # so that the request is in work
                return 0, {}
            head_bytes = await reader.readuntil(HEAD_END)
            status_line, *lines = head_bytes.decode("latin-1").splitlines()
            fields = {name.strip().lower(): value for name, _, value in (line.partition(":") for line in lines)}
            # A door that is killed may have sent the head and not the body: that is no answer.
            rest = await reader.readexactly(int(fields.get("content-length", "0")))
        finally:
            writer.transport.abort() if hang_up or leave else writer.close()
        return int(status_line.split(" ", 2)[1]), json.loads(rest) if rest else {}
