"""The HTTP door as an upstream uses it: batches of CloudEvents with an API key, over connections that are kept."""

import json
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import httpx

from local.demo.cloudevents import CloudEvent

BATCH_TYPE = "application/cloudevents-batch+json"
ANSWER_SECONDS = 30.0


class Door:
    """The door at a base URL such as http://127.0.0.1:8080, entered with an API key."""

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"authorization": f"Bearer {token}", "content-type": BATCH_TYPE},
            timeout=ANSWER_SECONDS,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def send(self, events: Sequence[CloudEvent]) -> bool:
        """Send a batch; True if all of it was accepted. Raises httpx.TransportError without an answer."""
        body = json.dumps(events, ensure_ascii=False).encode()
        try:
            answer = await self._client.post("/v1/events", content=body)
        except httpx.RemoteProtocolError:  # the door closed a connection that was idle; an event sent twice counts once
            answer = await self._client.post("/v1/events", content=body)
        return answer.status_code == httpx.codes.ACCEPTED
