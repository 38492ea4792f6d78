"""What people enter is sent through the HTTP door, like anybody's events, in signed requests (shared/console.py).

So there is one way in: the same judgement, answers, limits and positions as upstreams have.
"""

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from services.query.console.asking import Json, Trouble
from shared.console import HEADER, sign

EVENTS_PATH = "/v1/events"
READY_PATH = "/readyz"
SECONDS = 12.0
"""The door gives Kafka 10."""
_EVENT = "application/cloudevents+json"


@dataclass(frozen=True, slots=True)
class Sent:
    """The door's answer. answers: by event; position: what to wait for."""

    answers: list[Json]
    position: str | None


@dataclass(slots=True)
class Door:
    """The way to the HTTP door. url: None where forms are not offered; ca_file: of its certificate."""

    url: str | None
    secret: bytes
    now: Callable[[], datetime]
    ca_file: Path | None = None
    _client: httpx.AsyncClient | None = field(default=None, init=False)

    @property
    def open(self) -> bool:
        """Whether anything can be sent."""
        return bool(self.url and self.secret)

    async def send(self, event: Json) -> Sent:
        """Send one event. Raises Trouble where it is not known to be stored: sending it again is safe."""
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {HEADER: sign(body, int(self.now().timestamp()), self.secret), "Content-Type": _EVENT}
        try:
            answer = await self._connected().post(f"{self.url}{EVENTS_PATH}", content=body, headers=headers)
            said: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Trouble(HTTPStatus.SERVICE_UNAVAILABLE, "door", "the door of events does not answer") from error
        if "events" not in said:
            raise Trouble(answer.status_code, str(said.get("code")), str(said.get("detail")))
        return Sent(said["events"], said.get("position"))

    async def ready(self) -> Json:
        """Its checks by name, each "ok" or what is wrong. Raises Trouble while it does not answer."""
        if not self.url:
            raise Trouble(HTTPStatus.SERVICE_UNAVAILABLE, "door", "the console has no way to the door")
        try:
            said = (await self._connected().get(f"{self.url}{READY_PATH}")).json()
            return dict(said["checks"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise Trouble(HTTPStatus.SERVICE_UNAVAILABLE, "door", "the door of events does not answer") from error

    async def close(self) -> None:
        """Give up its connections."""
        if self._client is not None:
            await self._client.aclose()

    def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            verify = ssl.create_default_context(cafile=str(self.ca_file)) if self.ca_file else True
            self._client = httpx.AsyncClient(trust_env=False, timeout=SECONDS, verify=verify)
        return self._client
