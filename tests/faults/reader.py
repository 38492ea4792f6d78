"""Somebody who sends an event, and asks the read API for what came of it with the position that the door answered.

The customer is nobody else's, so that its name says which of the events are in the answer.
"""

import asyncio
import contextlib
import ssl
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx

from tests.events.wire import envelope
from tests.faults.load import SOURCE, Json

CUSTOMER = "who-reads-what-was-written"
DAYS_AGO = 5
"""So that a door whose clock is late takes it as past."""
ANSWER_SECONDS = 15.0
WAIT_SECONDS = 5
RETRY_SECONDS = 0.3
PAUSE_SECONDS = 0.2
LEAST_READS = 3
"""So many writes are read, also where the fault left no quiet moment for one: then after it."""


@dataclass
class Reader:
    """door and api: their addresses; token: of a key that may send and read. read: how often what was sent was found
    in the answer; `broken` says what an answer left out; `answers` counts them by status, `none` without one.
    """

    door: str
    api: str
    token: str
    now: datetime
    read: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    context: ssl.SSLContext | None = None
    start: int = 0
    """As in Load."""

    def __post_init__(self) -> None:
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Nothing new is sent once LEAST_READS were looked at; what was sent is asked for until it is answered."""
        self._ending.set()

    async def run(self) -> None:
        head = {"authorization": f"Bearer {self.token}"}
        known = self.context or True
        async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_SECONDS, headers=head, verify=known) as client:
            number = self.start
            while number - self.start < LEAST_READS or not self._ending.is_set():
                number += 1
                sent = await self._answered(client, "POST", f"{self.door}/v1/events", json=self._event(number))
                asked = {"params": {"after": sent["position"], "include": "engagement"}}
                url = f"{self.api}/v1/customers/{CUSTOMER}"
                found = await self._answered(client, "GET", url, headers={"prefer": f"wait={WAIT_SECONDS}"}, **asked)
                self._look(found["data"], number)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), PAUSE_SECONDS)

    def _look(self, row: Json, number: int) -> None:
        names = {"tiering": row["name"], "engagement": row["engagement"]["name"]}
        late = [f"{service} says {name!r}" for service, name in names.items() if name != _name(number)]
        self.broken += [f"read your writes: after {_name(number)!r} {one}" for one in late]
        self.read += not late

    async def _answered(self, client: httpx.AsyncClient, method: str, url: str, **more: object) -> Json:
        """Asks again until there is a good answer: "not yet" (503) is no answer, and no lie either."""
        while True:
            try:
                answer = await client.request(method, url, **more)  # type: ignore[arg-type]
                self.answers[str(answer.status_code)] += 1
                if answer.is_success:
                    body: Json = answer.json()
                    return body
            except (httpx.HTTPError, ValueError):
                self.answers["none"] += 1
            await asyncio.sleep(RETRY_SECONDS)

    def _event(self, number: int) -> Json:
        time = self.now - timedelta(DAYS_AGO) + timedelta(seconds=number - self.start)
        said = {"name": _name(number)}
        return envelope("customer.registered", said, id=f"w{number}", source=SOURCE, subject=CUSTOMER, time=time)


def _name(number: int) -> str:
    return f"write {number}"
