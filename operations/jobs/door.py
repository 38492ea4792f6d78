"""Sends what a file holds through the HTTP door, in requests that the worker signs (docs/adr/0039-...).

The door judges and stores each event as anybody's; what admission made of it is read from the claims afterwards.
"""

import asyncio
import json
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import httpx
import msgspec

from services.ingest.admit import Accepted, Candidate, Claim, Duplicate, admit, judge
from services.ingest.doors.files.outcomes import Outcome, Prepared, Underway, wait_for
from services.ingest.doors.files.ports import STALL_SECONDS, Admitted
from services.ingest.doors.kafka.wire import from_kafka
from services.ingest.inbox import SeenClaims
from services.ingest.limits import MAX_BODY_BYTES, MAX_EVENTS
from services.worker.settings import WorkerSettings
from shared.console import HEADER, sign
from shared.errors import Malformed, Transient
from shared.events.event import Position
from shared.events.refusal import Reason, Refused
from shared.positions import Mark, Of, decode

PATH = "/v1/events"
SECONDS = 15.0
"""The door gives Kafka 10."""
TRIES = 30
"""Of one request, while the door is busy or away: a minute or so. Then the job is tried again as a whole."""
MAX_PAUSE_SECONDS = 5.0
RECENT_EVENTS = 20_000
"""Events whose repeats are known before their claims can be read: more than an import has under way."""
_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.REQUEST_TIMEOUT})
_NOWHERE = Position(-1, -1, -1)
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Store(SeenClaims, Admitted, Protocol):
    """What admission has done."""


@dataclass(slots=True)
class ByDoor:
    """A way to the inbox. actor: as the log names who imports; store: of admission; generation: of the inbox;
    now: the wall clock, UTC; pause: waits for so many seconds.
    """

    client: httpx.AsyncClient
    secret: bytes
    actor: str
    store: Store
    generation: int
    now: Callable[[], datetime]
    pause: Callable[[float], Any] = asyncio.sleep
    stall_seconds: float = STALL_SECONDS
    _recent: OrderedDict[tuple[bytes, int, bytes], None] = field(default_factory=OrderedDict)

    async def send(self, events: Sequence[Prepared]) -> Underway:
        """Send them, some at a time, each when those before are stored. Raises Transient."""
        repeats = await self._repeats(events)
        ends: dict[int, int] = {}
        answers: list[Mapping[str, Any]] = []
        for bodies in _requests([self._as_sent(one) for one in events]):
            said = await self._post(b"\n".join(bodies))
            answers += said["events"]
            for partition, end in self._ends(said).items():
                ends[partition] = max(ends.get(partition, 0), end)
        assert len(answers) == len(events), "one answer each"
        return _Passing(events, answers, repeats, ends, self.store, self.stall_seconds)

    async def _repeats(self, events: Sequence[Prepared]) -> list[bool]:
        """Which of them are known already, or were sent before by this import."""
        claims = await self.store.find(list({one.candidate.identity: None for one in events}))
        found = []
        for one in events:
            candidate = one.candidate
            place = candidate.identity, candidate.revision, candidate.content
            found.append(place in self._recent or _is_in(claims.get(candidate.identity), candidate))
            self._recent[place] = None
        while len(self._recent) > RECENT_EVENTS:
            self._recent.popitem(last=False)
        return found

    def _as_sent(self, one: Prepared) -> bytes:
        """The event with who imports it, numbers as they are written."""
        document = from_kafka(one.value, ())
        assert not isinstance(document, Refused), "it was judged"
        return _encode({**document, "actor": self.actor})

    async def _post(self, body: bytes) -> dict[str, Any]:
        """The door's answer to each event. Raises Transient, and Malformed where it does not know us."""
        said = "the door of events does not answer"
        for _ in range(TRIES):
            wait = MAX_PAUSE_SECONDS
            try:
                headers = {
                    HEADER: sign(body, int(self.now().timestamp()), self.secret),
                    "Content-Type": "application/x-ndjson",
                }
                answer = await self.client.post(PATH, content=body, headers=headers)
                found: dict[str, Any] = answer.json()
            except (httpx.HTTPError, json.JSONDecodeError):
                await self.pause(wait)
                continue
            if "events" in found:
                return found
            said = str(found.get("detail", said))
            if answer.status_code not in _BUSY:
                break
            asked = answer.headers.get("retry-after", "")
            await self.pause(min(float(asked) if asked.isdigit() else wait, wait))
        else:
            raise Transient(f"events could not be sent: {said}")
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            raise Malformed("the door does not know the worker's signature: GUANXI_IMPORT_KEY is another one there")
        raise Malformed(f"the door does not take the events: {said}")

    def _ends(self, said: Mapping[str, Any]) -> Mapping[int, int]:
        """What to wait for. Raises Transient where the door can't say it yet."""
        if not said["accepted"]:
            return {}
        mark = None if said["position"] is None else decode(said["position"])
        if mark is None or (mark.of, mark.generation) != (Of.INBOX, self.generation):
            raise Transient("the door does not know the inbox's generation yet, or it is another one now")
        assert isinstance(mark, Mark)
        return mark.ends


@dataclass(frozen=True, slots=True)
class _Passing:
    events: Sequence[Prepared]
    answers: Sequence[Mapping[str, Any]]
    repeats: Sequence[bool]
    ends: Mapping[int, int]
    store: Store
    stall_seconds: float

    @property
    def stored(self) -> int:
        return len(self.events)

    async def outcomes(self, *, now: datetime, zone: ZoneInfo) -> Sequence[Outcome]:
        if self.ends:
            await wait_for(self.store, self.ends, self.stall_seconds)
        wanted = {one.candidate.identity: None for one in self.events if one.candidate.claimed}
        claims = await self.store.find(list(wanted))
        return [
            _outcome(one, answer, claims.get(one.candidate.identity), now, zone, repeated=repeated)
            for one, answer, repeated in zip(self.events, self.answers, self.repeats, strict=True)
        ]


def _outcome(
    one: Prepared, answer: Mapping[str, Any], claim: Claim | None, now: datetime, zone: ZoneInfo, *, repeated: bool
) -> Outcome:
    if answer["status"] == "refused":
        return Refused(Reason(answer["code"]), answer["field"] or "", answer["hint"] or "")
    candidate = one.candidate
    if answer["status"] == "duplicate":
        return Duplicate(candidate.revision)
    if not candidate.claimed:
        return Accepted(None, None)
    if _is_in(claim, candidate):
        return Duplicate(candidate.revision) if repeated else Accepted(None, None)
    verdict = judge(claim, candidate, _NOWHERE)
    if isinstance(verdict, Refused):
        return verdict
    # Admission refused it by itself: as the clock went on, by its age. By the same rules it is refused again.
    again = admit(from_kafka(one.value, ()), now=now, zone=zone)
    if isinstance(again, Refused):
        return again
    return Refused(Reason.INVALID_FIELD, "", "refused by admission; the screen Refused says why")


def _is_in(claim: Claim | None, candidate: Candidate) -> bool:
    """Whether this revision was accepted with this content. Its texts are not compared: their hash is keyed."""
    entries = () if claim is None else claim.entries
    return any((one.revision, one.content) == (candidate.revision, candidate.content) for one in entries)


def _requests(events: Sequence[bytes]) -> Iterator[list[bytes]]:
    """As many in each as the door takes."""
    held: list[bytes] = []
    size = 0
    for one in events:
        if held and (len(held) == MAX_EVENTS or size + len(one) + 1 > MAX_BODY_BYTES):
            yield held
            held, size = [], 0
        held.append(one)
        size += len(one) + 1
    if held:
        yield held


@asynccontextmanager
async def door_client(settings: WorkerSettings) -> AsyncIterator[tuple[httpx.AsyncClient, bytes]]:
    """The way to the door, and what signs. Raises Malformed where this deployment has none."""
    if settings.import_key is None or not settings.door_url:
        missing = "GUANXI_IMPORT_KEY" if settings.import_key is None else "GUANXI_DOOR_URL"
        raise Malformed(f"files are not imported from the console here: the worker has no {missing}; use guanxi import")
    ca_file = settings.door_ca_file
    verify = ssl.create_default_context(cafile=str(ca_file)) if ca_file else True
    async with httpx.AsyncClient(base_url=settings.door_url, trust_env=False, timeout=SECONDS, verify=verify) as client:
        yield client, settings.import_key.get_secret_value().encode()
