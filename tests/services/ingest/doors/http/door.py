"""A door on an inbox in memory, and requests to it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from services.ingest.admit import Accepted, Claim, judge
from services.ingest.doors.http.door import create_door
from services.ingest.inbox import Appended, InboxRecord
from services.ingest.limits import DoorLimits
from shared.errors import Transient
from shared.events.event import Position
from shared.keys import ApiKeys
from shared.keys.edit import create_key
from tests.events.wire import event, raw
from tests.services.ingest.judging import NOW, ZONE, candidate

EVENT, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
JSON, LINES = "application/json", "application/x-ndjson"
OLD_KEY_DAY = datetime.fromisoformat("2026-01-01T00:00:00Z")


@dataclass
class MemoryInbox:
    """An inbox that keeps what is written, or does not answer."""

    records: list[InboxRecord] = field(default_factory=list)
    away: bool = False

    async def write(self, records: Sequence[InboxRecord]) -> Sequence[Appended]:
        if self.away:
            raise Transient("Kafka: no broker")
        self.records += records
        return [Appended(0, len(self.records), -1) for _ in records]

    def ids(self) -> list[str]:
        return [json.loads(record.value)["id"] for record in self.records]


@dataclass
class MemoryClaims:
    """Claims of events that were admitted before, or a store that does not answer."""

    claims: dict[bytes, Claim] = field(default_factory=dict)
    away: bool = False
    generation: int = 1

    def admit(self, *documents: dict[str, Any]) -> None:
        for offset, document in enumerate(documents):
            one = candidate(document)
            verdict = judge(self.claims.get(one.identity), one, Position(self.generation, 0, offset))
            assert isinstance(verdict, Accepted)
            assert verdict.claim is not None
            self.claims[one.identity] = verdict.claim

    async def find(self, identities: Sequence[bytes]) -> Mapping[bytes, Claim]:
        if self.away:
            raise Transient("MongoDB: no primary")
        return {identity: self.claims[identity] for identity in identities if identity in self.claims}


class Door:
    """The door under test. Its one key may send erp and everything that begins with crm/."""

    def __init__(
        self,
        folder: Path,
        *,
        claims: MemoryClaims | None = None,
        limits: DoorLimits | None = None,
        events_per_second: float | None = None,
        inbox: MemoryInbox | None = None,
        generation: int | None = None,
        secret: bytes = b"",
    ) -> None:
        self.keys_file = folder / "keys.yaml"
        _, self.token = create_key(
            self.keys_file, ["erp", "crm/*"], now=OLD_KEY_DAY, events_per_second=events_per_second
        )
        self.inbox = inbox or MemoryInbox()
        self.app = create_door(
            self.inbox,
            ApiKeys(self.keys_file),
            zone=ZONE,
            now=lambda: NOW,
            claims=claims,
            limits=limits,
            generation=lambda: generation,
            secret=secret,
        )

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://door")

    async def post(self, body: Any, media_type: str | None = JSON, **headers: str) -> httpx.Response:
        """POST /v1/events; a body that isn't bytes is sent as JSON."""
        content = body if isinstance(body, bytes) or hasattr(body, "__aiter__") else raw(body)
        named = {
            "Authorization": f"Bearer {self.token}",
            **({} if media_type is None else {"Content-Type": media_type}),
        }
        named |= {name.replace("_", "-").title(): text for name, text in headers.items()}
        sent = [(name.encode(), text.encode("latin-1")) for name, text in named.items()]
        async with self.client() as client:
            return await client.post("/v1/events", content=content, headers=sent)


def is_problem(answer: httpx.Response, status: int, code: str) -> bool:
    """Whether an answer is this problem, in RFC 9457's shape, without anything of our insides."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == f"urn:guanxi:problem:{body['code']}"
    assert body["status"] == answer.status_code
    assert body["title"]
    assert body["detail"]
    assert "Traceback" not in answer.text
    assert 'File "' not in answer.text
    return (answer.status_code, body["code"]) == (status, code)


def purchases(*ids: str) -> list[dict[str, Any]]:
    return [event(id=name, data={"purchase_id": name}) for name in ids]
