"""/v1/changes: what changed, as a stream of server-sent events or page by page, to whom it is the business of.

Both hold one of the places for streams while they last, and none of those for requests. Whose rows a key may read is
judged when a change is sent, the key itself at each heartbeat.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from sse_starlette import EventSourceResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.query.api import rights
from services.query.api.asking import Asking
from services.query.api.parameters import check_names, one, shown, size_of, value_of, wait_seconds
from services.query.api.problems import Refusal, refusal
from services.query.api.resources import Filter, Kind
from services.query.changes import LOST, TYPES, Change, Ended, Lost, chosen
from services.query.changes_hub import Follower, Hub, Passed, begin
from services.query.limits import (
    CHUNK_BYTES,
    HEARTBEAT_SECONDS,
    MAX_IDS,
    MAX_PAGE_SCANNED,
    MAX_STREAMS,
    MAX_STREAMS_PER_KEY,
)
from services.query.store import Owners
from shared import metrics
from shared.errors import Malformed, Transient
from shared.events.nearest import nearest
from shared.keys import ApiKey
from shared.keys import Scope as May
from shared.limits import WorkPlaces
from shared.positions import Mark, Of, decode, encode
from shared.problems import retry_after

FROM, CUSTOMER, TYPE, SIZE = "from", "customer", "type", "size"
LAST_EVENT_ID = "last-event-id"
STREAM = "text/event-stream"
RECONNECT_MS = 2_000
"""After which a browser comes back when a stream has ended."""
GRACE_SECONDS = 5.0
"""For streams to end by themselves when the process does."""
HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
"""No proxy may keep, compress or buffer it."""
_ID = Filter("subject", Kind.ID)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Following:
    """What follows changes."""

    callers: rights.Callers
    hub: Hub
    owners: Owners
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    places: WorkPlaces = field(default_factory=lambda: WorkPlaces(MAX_STREAMS, MAX_STREAMS_PER_KEY))

    async def answer(self, asking: Asking) -> Response:
        """A stream for who accepts one, else a page. Raises Refusal."""
        passes, size = await self._asked(asking)
        mark = _position(asking)
        seconds = wait_seconds(asking.request.headers.get("prefer"))
        live = STREAM in asking.request.headers.get("accept", "").lower()
        self._check_place(asking.key)
        async with AsyncExitStack() as held:
            held.enter_context(self.places.one(asking.key.id))
            who = _Who(self, asking.request, asking.key, asking.rows)
            lost: Lost | None = None
            try:
                try:
                    follower = await begin(self.hub, mark, passes)
                except Lost as error:
                    lost, follower = error, Follower(self.hub, passes)
            except Transient as error:
                raise _unavailable(error) from None
            if lost is not None and not live:
                raise refusal("reset", _reset_words(lost), **self.reset(lost, follower))
            going = _Going(self.hub, passes, follower, lost, who)
            held.push_async_callback(going.close)
            if live:
                return Stream(self._frames(going), held.pop_all())
            return Page(going, size, seconds, held.pop_all(), asking.headers)

    async def _asked(self, asking: Asking) -> tuple[Callable[[Change], bool], int]:
        asked = asking.asked
        check_names(asked, {FROM, CUSTOMER, TYPE, SIZE}, {CUSTOMER, TYPE})
        customers, types = frozenset(asked.get(CUSTOMER, ())), frozenset(asked.get(TYPE, ()))
        for name, values in ((CUSTOMER, customers), (TYPE, types)):
            if len(values) > MAX_IDS:
                raise refusal("bad_value", f"{name} is given {len(values)} times; {MAX_IDS} at most", parameter=name)
        for customer in customers:
            value_of(CUSTOMER, _ID, customer)
        for kind in types:
            if kind not in TYPES:
                near = nearest(kind, TYPES)
                what = f"did you mean {near!r}?" if near else f"there are {', '.join(TYPES)}"
                raise refusal("bad_value", f"type is {shown(kind)}, which no change has; {what}", parameter=TYPE)
        if customers and asking.rows.representatives is not None:
            theirs = await self.owners.of(customers, asking.standing.generations["engagement"])
            if not all(theirs[customer] & {*asking.rows.representatives} for customer in customers):
                raise rights.not_found()
        return chosen(customers, types), size_of(one(asked, SIZE))

    def _check_place(self, key: ApiKey) -> None:
        """Raises Refusal where as many follow as may."""
        if self.places.taken >= self.places.most:
            raise refusal("too_many_streams", "too many follow changes here; come back later", retry_after(1))
        if self.places.of_key[key.id] >= self.places.most_per_key:
            hint = f"this key follows changes {self.places.of_key[key.id]} times; end one, or use another key"
            raise refusal("too_many_requests", hint, retry_after(1))

    def reset(self, lost: Lost, follower: Follower) -> dict[str, Any]:
        """What who is lost needs: where to read everything again, and where to follow from then."""
        tail = self.hub.tail
        position = encode(Mark(Of.LOG, tail.log_generation, tail.told))
        return {"reason": lost.why, "next": follower.token, "position": position}

    async def _frames(self, going: "_Going") -> AsyncIterator[bytes]:
        """The stream: changes, heartbeats, and a reset where something was lost."""
        clock = asyncio.get_running_loop().time
        begun = b"retry: %d\n" % RECONNECT_MS
        metrics.STREAMS.inc()
        try:
            # Who is lost gets no other id before the reset: cut in between, it would go on and know nothing of it.
            yield begun + (_id(going.follower.token) if going.lost is None else b"\n")
            beat_at = clock() + self.heartbeat_seconds
            while True:
                if going.lost is not None:
                    metrics.STREAM_RESETS.inc()
                    said = json.dumps(self.reset(going.lost, going.follower)).encode()
                    going.lost = None
                    yield _event(going.follower.token, b"reset", said)
                left = beat_at - clock()
                if left <= 0:
                    if not await going.who.still():
                        return
                    beat_at = clock() + self.heartbeat_seconds
                    yield _id(going.follower.token)
                    continue
                made = chunks(await going.next(left))
                while made:
                    yield made.pop(0)
                    if not made:
                        yield b""  # the library keeps what it sent last, and a thousand followers wait with that
        except Ended as error:
            log.info("a stream of changes ends: %s", error)
        except Transient as error:
            log.warning("a stream of changes ends: %s", error)
        finally:
            metrics.STREAMS.dec()


@dataclass(slots=True)
class _Who:
    """Who follows: the key is looked at again from time to time, and its rows with it."""

    of: Following
    request: Request
    key: ApiKey
    rows: rights.Rows

    async def still(self) -> bool:
        """Whether the key may read changes still. Raises Transient."""
        key = await self.of.callers.still(self.request, May.CUSTOMERS_READ)
        if key is None:
            return False
        self.key, self.rows = key, await self.of.callers.rows(key)
        return True

    async def theirs(self, passed: list[Passed]) -> list[Passed]:
        """Of these changes, those of customers that the key may read now. Raises Transient."""
        if self.rows.representatives is None or not passed:
            return passed
        standing = await self.of.callers.waiting.standing()
        customers = {one.change.customer for one in passed}
        owners = await self.of.owners.of(customers, standing.generations["engagement"])
        mine = {*self.rows.representatives}
        return [one for one in passed if owners[one.change.customer] & mine]


@dataclass(slots=True)
class _Going:
    """A follower on its way, begun again from now on where it got lost."""

    hub: Hub
    passes: Callable[[Change], bool]
    follower: Follower
    lost: Lost | None
    who: _Who

    async def next(self, seconds: float, most: int | None = None) -> list[Passed]:
        """As of Follower; where that is lost, `lost` says so. Raises Ended, Transient."""
        try:
            passed = await (self.follower.next(seconds) if most is None else self.follower.next(seconds, most))
        except Lost as error:
            await self.follower.close()
            self.follower, self.lost = Follower(self.hub, self.passes), error
            return []
        return await self.who.theirs(passed)

    async def close(self) -> None:
        """Give up what is held of Kafka."""
        await self.follower.close()


class Stream(EventSourceResponse):
    """The library ends it when the client goes or the process stops. Heartbeats are ours, since they carry an id: one
    that overtook a change would lose it.
    """

    def __init__(self, frames: AsyncIterator[bytes], held: AsyncExitStack) -> None:
        super().__init__(frames, headers=HEADERS, ping=0, shutdown_grace_period=GRACE_SECONDS)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and give up its place."""
        async with self._held:
            await super().__call__(scope, receive, send)


class Page(Response):
    """A page of changes, waited for outside the places for requests."""

    def __init__(self, going: _Going, size: int, seconds: int, held: AsyncExitStack, headers: dict[str, str]) -> None:
        applied = {"Preference-Applied": f"wait={seconds}"} if seconds else {}
        super().__init__(headers={**HEADERS, **applied, **headers}, media_type="application/json")
        self._going, self._size, self._seconds, self._held = going, size, seconds, held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, send it, and give up its place."""
        async with self._held:
            try:
                answer = Response(await self._body(), media_type="application/json")
            except Refusal as error:
                answer = error.problem.response()
            except (Ended, Transient) as error:
                answer = _unavailable(error).problem.response()
        for name, value in self.headers.items():
            answer.headers.setdefault(name, value)
        await answer(scope, receive, send)

    async def _body(self) -> bytes:
        going = self._going
        passed = await self._passed()
        follower = going.follower
        if going.lost is not None:
            raise refusal("reset", _reset_words(going.lost), **going.who.of.reset(going.lost, follower))
        page = {"size": self._size, "next": follower.token}
        rest = json.dumps({"page": page, "freshness": {"behind": follower.behind}}, separators=(",", ":"))
        return b'{"data":[%s],%s' % (b",".join(one.change.value for one in passed), rest[1:].encode())

    async def _passed(self) -> list[Passed]:
        """The first that pass, as many as a page takes; none where there are none in that time."""
        going, clock = self._going, asyncio.get_running_loop().time
        end = clock() + self._seconds
        while True:
            left = max(0.0, end - clock())
            passed = await going.next(left, self._size)
            follower = going.follower
            if going.lost is not None or passed or follower.looked_at >= MAX_PAGE_SCANNED:
                break
            if left <= 0 and follower.waits:
                raise refusal(
                    "too_many_streams", "too many catch up with changes here; come back later", retry_after(1)
                )
            if left <= 0 and follower.behind == 0:
                break
        if self._seconds and not await going.who.still():
            raise Refusal(rights.NO_KEY)
        return passed


def chunks(passed: Sequence[Passed]) -> list[bytes]:
    """Frames of changes, put together up to CHUNK_BYTES."""
    made: list[bytes] = []
    frames: list[bytes] = []
    size = 0
    for token, change in passed:
        frame = _event(token, b"change", change.value)
        if frames and size + len(frame) > CHUNK_BYTES:
            made.append(b"".join(frames))
            frames, size = [], 0
        frames.append(frame)
        size += len(frame)
    return [*made, b"".join(frames)] if frames else made


def _event(token: str, name: bytes, data: bytes) -> bytes:
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (token.encode(), name, data)


def _id(token: str) -> bytes:
    """Nothing that a client sees, but where it goes on from when it comes back."""
    return b"id: %s\n\n" % token.encode()


def _position(asking: Asking) -> Mark | None:
    """Where to begin. A browser that comes back asks with the `from` that it began with, so the id goes first. Raises
    Refusal.
    """
    begun = one(asking.asked, FROM)
    back = asking.request.headers.get(LAST_EVENT_ID)
    token, name = (back, "Last-Event-ID") if back else (begun, FROM)
    if token is None:
        return None
    try:
        mark = decode(token)
    except Malformed as error:
        raise refusal("bad_position", str(error), parameter=name) from None
    if mark.of is Of.INBOX:
        hint = "this is a position of the inbox; give one of the log (Guanxi-Position) or among the changes"
        raise refusal("bad_position", hint, parameter=name)
    return mark


def _reset_words(lost: Lost) -> str:
    return f"{LOST[lost.why]}; read everything again with after=<position>, then follow from next"


def _unavailable(error: Exception) -> Refusal:
    log.warning("changes were not answered: %s", error)
    return refusal("unavailable", "changes can't be followed now; ask again", retry_after(1))
