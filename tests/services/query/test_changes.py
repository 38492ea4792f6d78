"""Following changes without servers: one reader for all, who is too slow, who is lost, what is bounded."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack, aclosing
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.types import Message

from services.feed.rules.table import TABLE
from services.query import changes_hub
from services.query.api import rights
from services.query.api.changes import Page, Stream, _Going, _Who, chunks
from services.query.changes import CHANGED, TYPES, Ended, Lost, Tail, chosen, read_change
from services.query.changes_hub import Follower, Hub, Passed, begin, take
from services.query.limits import CHUNK_BYTES, MAX_BEHIND, MAX_CATCHING_UP
from shared import metrics
from shared.errors import Malformed, Transient
from shared.fold.telling import MARK_EVERY_RECORDS
from shared.kafka.scan import Bounds
from shared.keys import ApiKey, Denied, Scope
from shared.positions import Mark, Of, decode, encode
from tests.services.query.changes_world import (
    PARTITIONS,
    Client,
    FakeMarks,
    FakeTopic,
    everything,
    following,
    frames,
    place,
    read_on,
    running,
)

CUSTOMERS = [f"C-{number}" for number in range(7)]


def full(number: int = 30) -> FakeTopic:
    topic = FakeTopic()
    for n in range(number):
        topic.tell(CUSTOMERS[n % len(CUSTOMERS)])
    return topic


def changes_token(*ends: int, generation: int = 1) -> str:
    return encode(Mark(Of.CHANGES, generation, dict(enumerate(ends))))


async def all_of(follower: Follower, most: int = 7) -> list[tuple[str, int]]:
    """Customer and sequence of all that comes until nothing is known any more."""
    found = []
    while follower.behind:
        for _, change in await follower.next(1, most):
            found.append((change.customer, int(json.loads(change.value)["sequence"])))
    return found


def test_the_types_are_those_that_the_feed_tells() -> None:
    assert {*TYPES} == {CHANGED, *(kind for kind, entry in TABLE.items() if entry.public)}


# ------------------------------------------------------------------------------------------------------------- fan-out


async def test_a_thousand_followers_share_one_reader_and_hold_nothing_of_their_own() -> None:
    topic = full(0)
    async with running(topic) as hub:
        followers = [await begin(hub, None, everything) for _ in range(1_000)]
        asked = [asyncio.create_task(follower.next(30)) for follower in followers]
        await asyncio.sleep(0)
        topic.tell("C-1")
        found = await asyncio.gather(*asked)
        assert topic.reading == 0
        assert {id(passed[0].change) for passed in found} == {id(found[0][0].change)}
        assert {passed[0].token for passed in found} == {hub.tail.token(1)}


async def test_filters_choose_and_the_position_goes_on_past_what_they_leave_out() -> None:
    topic = full(0)
    async with running(topic) as hub:
        follower = await begin(hub, None, chosen({"C-1"}, {"guanxi.tier.changed.v1"}))
        topic.tell("C-1", "guanxi.tier.changed.v1")
        topic.tell("C-2", "guanxi.tier.changed.v1")
        topic.tell("C-1")
        await read_on(hub)
        assert [one.change.customer for one in await follower.next(1)] == ["C-1"]
        assert place(follower) == topic.ends


async def test_the_tail_holds_so_many_changes_and_bytes_and_no_more() -> None:
    topic = full(100)
    tail = Tail(1, 1, dict.fromkeys(range(PARTITIONS), 0), {}, most=10)
    take(tail, [one for some in topic.records.values() for one in some])
    assert (tail.end, len(tail.some(tail.first, 1_000))) == (100, 10)
    tail = Tail(1, 1, dict.fromkeys(range(PARTITIONS), 0), {}, most_bytes=1_000)
    take(tail, [one for some in topic.records.values() for one in some])
    assert 0 < sum(len(one.change.value) for one in tail.some(tail.first, 1_000)) <= 1_000


async def test_what_is_no_change_is_passed_over() -> None:
    topic = full(0)
    async with running(topic) as hub:
        follower = await begin(hub, None, everything)
        for garbage in (b"", b"{}", b'{"subject":1}', b"[", topic.tell("C-1").replace(b",", b",\n", 1)):
            topic.put(0, garbage)
        topic.tell("C-2")
        await read_on(hub)
        assert sorted(await all_of(follower)) == [("C-1", 1), ("C-2", 1)]


@pytest.mark.parametrize("value", [None, b"\xff", b'{"subject":"C","type":"t","position":"x"}'])
def test_garbage_is_malformed(value: bytes | None) -> None:
    with pytest.raises(Malformed):
        read_change(0, 0, value)


def test_a_chunk_is_bounded() -> None:
    change = read_change(0, 0, FakeTopic().tell("C-1"))
    large = change._replace(value=change.value + b" " * CHUNK_BYTES)
    some = [*[Passed("t", change)] * 1_000, Passed("t", large), Passed("t", change)]
    made = chunks(some)
    assert b"".join(made).count(b"event: change") == len(some)
    assert [len(one) > CHUNK_BYTES for one in made].count(True) == 1  # the large one, alone


# -------------------------------------------------------------------------------------------------------- slow and lost


async def test_who_falls_behind_is_ended_and_comes_back_without_a_gap() -> None:
    topic = full(0)
    async with running(topic, most=5) as hub:
        slow = await begin(hub, None, everything)
        topic.tell("C-1")
        await read_on(hub)
        assert len(await slow.next(1)) == 1
        token = slow.token
        for _ in range(20):
            topic.tell("C-1")
            await read_on(hub)
        assert slow.token == token, "a heartbeat now must not skip what was dropped"
        with pytest.raises(Ended):
            await slow.next(1)
        back = await begin(hub, decode(token), everything)
        assert await all_of(back) == [("C-1", number) for number in range(2, 22)]


LOST: list[tuple[str, str]] = [
    (changes_token(10, 10, 10, generation=2), "another_epoch"),
    (changes_token(10, 10), "unknown"),
    (changes_token(10, 10, 10, 10), "unknown"),
    (changes_token(10, 10, 99), "unknown"),
    (changes_token(0, 9, 9), "too_old"),
    (encode(Mark(Of.LOG, 2, {0: 3})), "unknown"),
    (encode(Mark(Of.LOG, 1, {0: 3})), "too_old"),
    (encode(Mark(Of.LOG, 1, {})), "too_old"),
]


@pytest.mark.parametrize(("token", "why"), LOST, ids=[f"{n}-{why}" for n, (_, why) in enumerate(LOST)])
async def test_who_is_lost_gets_one_reset_and_then_what_comes(token: str, why: str) -> None:
    topic = full(40)
    topic.begins[0] = 3
    async with running(topic, most=3) as hub:
        client = Client()
        async with aclosing(frames(hub, token)) as stream:
            client.take(await anext(stream))
            assert client.id is None, "cut now, it comes back as it came"
            client.take(await anext(stream))
            (reset,) = client.resets
            assert reset["reason"] == why
            assert reset["next"] == client.id
            assert decode(reset["position"]) == Mark(Of.LOG, 1, {0: 40})
            topic.tell("C-0")
            client.take(await anext(stream))
            assert [customer for customer, *_ in client.had] == ["C-0"]
            assert len(client.resets) == 1


async def test_over_the_limit_behind_is_a_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes_hub, "MAX_BEHIND", 10)
    topic = full(20)
    async with running(topic, most=2) as hub:
        with pytest.raises(Lost, match="too_far_behind"):
            await begin(hub, decode(changes_token(0, 0, 0)), everything)
        ends = topic.ends
        at = decode(changes_token(ends[0] - 3, ends[1] - 3, ends[2] - 3))
        assert len(await all_of(await begin(hub, at, everything))) == 9
    assert MAX_BEHIND == 100_000


async def test_a_place_that_another_process_has_reached_is_waited_for() -> None:
    topic = full(10)
    async with running(topic) as hub:
        ahead = {partition: end + 1 for partition, end in topic.ends.items()}
        asked = asyncio.create_task(begin(hub, Mark(Of.CHANGES, 1, ahead), everything))

        async def bounds() -> Any:
            return Bounds(dict(topic.begins), dict(ahead))

        topic.bounds = bounds  # type: ignore[method-assign]
        await asyncio.sleep(0)
        assert not asked.done()
        for customer in CUSTOMERS:
            topic.tell(customer)
        follower = await asked
        await read_on(hub)
        assert len(await all_of(follower)) == len(CUSTOMERS) - PARTITIONS


async def test_a_topic_that_is_cut_while_somebody_catches_up_resets() -> None:
    topic = full(40)
    async with running(topic, most=2) as hub:
        client = Client(id=changes_token(0, 0, 0))
        async with aclosing(frames(hub, client.id)) as stream:
            client.take(await anext(stream))
            client.take(await anext(stream))
            assert client.had
            topic.begins = topic.ends
            while not client.resets:
                client.take(await anext(stream))
        assert [one["reason"] for one in client.resets] == ["too_old"]


async def until_ended(follower: Follower) -> None:
    while True:
        await follower.next(1)


async def test_another_epoch_ends_the_streams_and_resets_who_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes_hub, "HEARTBEAT_SECONDS", 0.0)
    monkeypatch.setattr(changes_hub, "RETRY_SECONDS", 0.0)
    topic = full(5)
    marks = FakeMarks(topic)
    async with running(topic, marks) as hub:
        before = hub.tail
        follower = await begin(hub, None, everything)
        marks.epoch = 7
        with pytest.raises(Ended):
            await until_ended(follower)
        while hub._tail is before:  # noqa: ASYNC110 - it says nothing when it has begun anew
            await asyncio.sleep(0)
        with pytest.raises(Lost, match="another_epoch"):
            await begin(hub, decode(follower.token), everything)


# ------------------------------------------------------------------------------------------------ positions of the log


async def test_a_position_of_the_log_that_the_tail_knows_begins_right_behind_it() -> None:
    topic = full(5)
    async with running(topic) as hub:
        for _ in range(6):
            topic.tell("C-1")
        await read_on(hub)
        follower = await begin(hub, Mark(Of.LOG, 1, {0: 8}), everything)
        assert await all_of(follower) == [("C-1", number) for number in (5, 6, 7)]
        assert topic.most_reading == 0
        nothing_more = await begin(hub, Mark(Of.LOG, 1, {0: 11}), everything)
        assert nothing_more.behind == 0


async def test_an_older_one_begins_at_the_latest_mark_before_it_or_at_the_topics_beginning() -> None:
    topic = full(30)
    marks = FakeMarks(topic, marks={(1, 0): [(0, (0, 0, 0)), (10, (3, 4, 2)), (20, (6, 7, 6))]})
    async with running(topic, marks) as hub:
        for end, at in ((12, {0: 3, 1: 4, 2: 2}), (29, {0: 6, 1: 7, 2: 6}), (9, {0: 0, 1: 0, 2: 0})):
            assert place(await begin(hub, Mark(Of.LOG, 1, {0: end}), everything)) == at
        marks.marks = {}
        assert len(await all_of(await begin(hub, Mark(Of.LOG, 1, {0: 12}), everything))) == 30
        # A partition that is not named had no record yet.
        assert len(await all_of(await begin(hub, Mark(Of.LOG, 1, {}), everything))) == 30
        # Nothing more was told of the log than up to there.
        assert place(await begin(hub, Mark(Of.LOG, 1, {0: 30}), everything)) == topic.ends


async def test_a_position_of_an_earlier_log_begins_by_its_own_marks() -> None:
    topic = full(30)
    marks = FakeMarks(topic, log_generation=2, marks={(1, 0): [(10, (3, 4, 2))]})
    async with running(topic, marks) as hub:
        follower = await begin(hub, Mark(Of.LOG, 1, {0: 9_999}), everything)
        assert place(follower) == {0: 3, 1: 4, 2: 2}


def test_marks_lie_closer_than_who_follows_from_one_may_be_behind() -> None:
    assert MARK_EVERY_RECORDS <= MAX_BEHIND


# ------------------------------------------------------------------------------------------------------- catching up


async def test_so_many_catch_up_at_a_time_and_the_others_wait() -> None:
    topic = full(60)
    async with running(topic, most=1) as hub:
        start = decode(changes_token(0, 0, 0))
        followers = [await begin(hub, start, everything) for _ in range(MAX_CATCHING_UP + 5)]
        for follower in followers[:MAX_CATCHING_UP]:
            assert await follower.next(1)
        waiting = followers[-1]
        assert await waiting.next(0) == []
        assert waiting.waits
        assert waiting.token == changes_token(0, 0, 0), "its heartbeats lose nothing"
        found = await asyncio.gather(*(all_of(follower) for follower in followers))
        assert {len(one) for one in found[MAX_CATCHING_UP:]} == {60}
        assert topic.most_reading == MAX_CATCHING_UP


async def test_catching_up_takes_so_long_and_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    topic = full(60)
    async with running(topic, most=1) as hub:
        start = decode(changes_token(0, 0, 0))
        follower = await begin(hub, start, everything)
        assert await follower.next(1)
        monkeypatch.setattr(changes_hub, "CATCH_UP_SECONDS", -1.0)
        with pytest.raises(Ended):
            await follower.next(1)
        await follower.close()
        assert topic.reading == 0
        assert hub.catching_up._value == MAX_CATCHING_UP


# ------------------------------------------------------------------------------------------------- heartbeats and ends


KEY = ApiKey(
    id="abcd2345", hash="sha256:" + "0" * 64, created=datetime(2026, 1, 1, tzinfo=UTC), scopes=(Scope.CUSTOMERS_READ,)
)


class Keys:
    def __init__(self) -> None:
        self.found: ApiKey | Denied = KEY

    def find(self, authorization: str | None, now: datetime) -> ApiKey | Denied:
        return self.found


class Waits:
    generations = {"engagement": 1}  # noqa: RUF012 - a stand-in

    async def standing(self) -> "Waits":
        return self


class OwnersNow:
    """Whose customers are, as it is now."""

    def __init__(self) -> None:
        self.owned = {"C-1": frozenset({"R-1"}), "C-2": frozenset({"R-2"})}

    async def of(self, customers: Any, generation: int) -> dict[str, frozenset[str]]:
        return {one: self.owned.get(one, frozenset()) for one in customers}


class Request:
    headers = {"authorization": "Bearer x"}  # noqa: RUF012 - a stand-in
    scope: dict[str, Any] = {}  # noqa: RUF012


def going(hub: Hub, follower: Follower, rows: rights.Rows = rights.ALL, beat: float = 0.0) -> Any:
    of = following(hub, heartbeat_seconds=beat)
    parts: tuple[Any, Any, Any] = (Keys(), None, Waits())
    of.callers = rights.Callers(*parts, lambda: datetime.now(UTC))
    of.owners = OwnersNow()  # type: ignore[assignment]
    request: Any = Request()
    return _Going(hub, everything, follower, None, _Who(of, request, KEY, rows))


async def test_a_heartbeat_carries_the_id_alone_and_a_revoked_key_ends_the_stream() -> None:
    topic = full(3)
    async with running(topic) as hub:
        one = going(hub, await begin(hub, None, everything))
        of = one.who.of
        stream = of._frames(one)
        await anext(stream)
        assert metrics.REGISTRY.get_sample_value("guanxi_change_streams") == 1
        assert await anext(stream) == f"id: {one.follower.token}\n\n".encode()
        of.callers.keys.found = KEY.model_copy(update={"scopes": (Scope.OPS_READ,)})
        assert [frame async for frame in stream] == []
        assert metrics.REGISTRY.get_sample_value("guanxi_change_streams") == 0
        stream = of._frames(one)
        await anext(stream)
        of.callers.keys.found = Denied("revoked")
        assert [frame async for frame in stream] == []


async def test_whose_rows_is_judged_when_a_change_is_sent() -> None:
    topic = full(0)
    async with running(topic) as hub:
        one = going(hub, await begin(hub, None, everything), rights.Rows(("R-1",)), beat=10_000)
        owners = one.who.of.owners

        async def told(*customers: str) -> list[str]:
            for customer in customers:
                topic.tell(customer)
            await read_on(hub)
            return [passed.change.customer for passed in await one.next(1)]

        assert await told("C-1", "C-2", "C-3") == ["C-1"]
        owners.owned = {"C-2": frozenset({"R-1", "R-2"})}
        assert await told("C-1", "C-2", "C-3") == ["C-2"]


async def test_streams_end_when_the_process_does() -> None:
    topic = full(3)
    stops = False
    hub = Hub(topic, FakeMarks(topic), lambda: stops)
    task = asyncio.create_task(hub.run())
    while hub._tail is None:  # noqa: ASYNC110 - it says nothing when it has begun
        await asyncio.sleep(0)
    stream = frames(hub, None)
    await anext(stream)
    asked = asyncio.create_task(anext(stream, b"the end"))
    await asyncio.sleep(0)
    stops = True
    assert await asked == b"the end"
    with pytest.raises(Transient):
        await begin(hub, None, everything)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def asked(response: Any, until: Callable[[bytes], bool] | None = None) -> tuple[int, dict[str, str], bytes]:
    """Calls a response as a server does; who asked goes away once it has what it wants."""
    sent: list[Message] = []
    gone = asyncio.Event()

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        if until is not None and until(body()):
            gone.set()

    def body() -> bytes:
        return b"".join(one.get("body", b"") for one in sent)

    await response({"type": "http", "method": "GET"}, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, body()


async def test_a_stream_gives_its_place_up_when_the_client_goes() -> None:
    topic = full(40)
    async with running(topic, most=1) as hub:
        of = following(hub, heartbeat_seconds=10_000)
        follower = await begin(hub, decode(changes_token(0, 0, 0)), everything)
        one = going(hub, follower)
        held = stack_of(of.places.one(KEY.id), one.close)
        assert of.places.taken == 1
        status, headers, _ = await asked(Stream(of._frames(one), held), lambda body: b"event: change" in body)
        assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert headers["x-accel-buffering"] == "no"
        assert headers["cache-control"] == "no-store, no-transform"
        assert (of.places.taken, topic.reading) == (0, 0)


def stack_of(place: AbstractContextManager[None], close: Callable[[], Awaitable[None]]) -> AsyncExitStack:
    stack = AsyncExitStack()
    stack.enter_context(place)
    stack.push_async_callback(close)
    return stack


async def test_a_page_waits_and_says_where_to_go_on() -> None:
    topic = full(40)
    async with running(topic, most=2) as hub:
        had: list[str] = []
        token = changes_token(0, 0, 0)
        while True:
            one = going(hub, await begin(hub, decode(token), everything))
            stack = stack_of(one.who.of.places.one(KEY.id), one.close)
            status, _, body = await asked(Page(one, 7, 0, stack, {}))
            page = json.loads(body)
            assert status == 200
            assert len(page["data"]) <= 7
            had += [change["subject"] for change in page["data"]]
            token = page["page"]["next"]
            if not page["data"]:
                break
        assert page["freshness"] == {"behind": 0}
        assert len(had) == 40
        one = going(hub, await begin(hub, decode(token), everything))
        stack = stack_of(one.who.of.places.one(KEY.id), one.close)
        waiting = asyncio.create_task(asked(Page(one, 7, 30, stack, {})))
        await asyncio.sleep(0)
        topic.tell("C-1")
        status, headers, body = await waiting
        assert [change["subject"] for change in json.loads(body)["data"]] == ["C-1"]
        assert headers["preference-applied"] == "wait=30"
