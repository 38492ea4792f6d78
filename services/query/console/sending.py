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
from typing import TYPE_CHECKING, Any

from services.query.console.asking import Json, Trouble
from shared.console import HEADER, sign

if TYPE_CHECKING:
    import httpx

EVENTS_PATH = "/v1/events"
READY_PATH = "/readyz"
NO_ANSWER = "the door of events does not answer"
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
    _client: "httpx.AsyncClient | None" = field(default=None, init=False)

    @property
    def open(self) -> bool:
        """Whether anything can be sent."""
        return bool(self.url and self.secret)

    async def send(self, event: Json) -> Sent:
        """Send one event. Raises Trouble where it is not known to be stored: sending it again is safe."""
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {HEADER: sign(body, int(self.now().timestamp()), self.secret), "Content-Type": _EVENT}
        status, said = await self._answer("POST", EVENTS_PATH, content=body, headers=headers)
        if "events" not in said:
            raise Trouble(status, str(said.get("code")), str(said.get("detail")))
        return Sent(said["events"], said.get("position"))

    async def ready(self) -> Json:
        """Its checks by name, each "ok" or what is wrong. Raises Trouble while it does not answer."""
        if not self.url:
            raise Trouble(HTTPStatus.SERVICE_UNAVAILABLE, "door", "the console has no way to the door")
        _, said = await self._answer("GET", READY_PATH)
        try:
            return dict(said["checks"])
        except (KeyError, TypeError, ValueError) as error:
            raise Trouble(HTTPStatus.SERVICE_UNAVAILABLE, "door", NO_ANSWER) from error

    async def close(self) -> None:
        """Give up its connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _answer(self, method: str, path: str, **sent: Any) -> tuple[int, Json]:
        """Its status and JSON. Raises Trouble."""
        import httpx  # noqa: PLC0415 - query starts without it

        if self._client is None:
            verify = ssl.create_default_context(cafile=str(self.ca_file)) if self.ca_file else True
            self._client = httpx.AsyncClient(trust_env=False, timeout=SECONDS, verify=verify)
        try:
            answer = await self._client.request(method, f"{self.url}{path}", **sent)
            return answer.status_code, answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Trouble(HTTPStatus.SERVICE_UNAVAILABLE, "door", NO_ANSWER) from error
