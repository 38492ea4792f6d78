"""The law of following: who is cut at any byte and comes back with the last id has every change exactly once by
(epoch, sequence), per customer in order and without a gap; whatever is told again, by whichever process, from wherever.
"""

import asyncio
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.services.query.changes_world import PARTITIONS, Client, FakeTopic, frames, read_on, running

CUSTOMERS = [f"C-{letter}" for letter in "abcdef"]


@dataclass(frozen=True)
class Visit:
    """What is told before and while a stream is open, at which byte it is cut, and the process that serves it."""

    before: tuple[tuple[str, int], ...]
    during: tuple[tuple[str, int], ...]
    cut_at: int
    tail: int
    backwards: bool
    anew: bool


TOLD = st.lists(st.tuples(st.sampled_from(CUSTOMERS), st.sampled_from([0, 0, 0, 1, 2])), max_size=12).map(tuple)
VISITS = st.lists(
    st.builds(Visit, TOLD, TOLD, st.integers(0, 3_000), st.integers(1, 12), st.booleans(), st.booleans()),
    max_size=6,
)


def tell(topic: FakeTopic, told: tuple[tuple[str, int], ...]) -> None:
    for customer, again in told:
        topic.tell(customer, again=again)


async def visit(topic: FakeTopic, client: Client, one: Visit) -> None:
    """A stream, cut at its byte; told meanwhile is what comes during."""
    topic.backwards = one.backwards
    if not one.anew:
        tell(topic, one.before)  # before this process begins to read
    async with running(topic, most=one.tail) as hub:
        if one.anew:
            tell(topic, one.before)
            await read_on(hub)
        stream = frames(hub, client.id)
        left, during = one.cut_at, one.during
        try:
            async with asyncio.timeout(0.05):
                async for frame in stream:
                    client.take(frame[:left])
                    left -= len(frame)
                    if left <= 0:
                        break
                    tell(topic, during[:3])
                    during = during[3:]
        except TimeoutError:
            pass  # there is no more to come
        await stream.aclose()
        client.cut()
        assert topic.reading == 0, "whoever is gone reads nothing"
        assert not hub.catching_up.locked()
    tell(topic, during)


@settings(max_examples=60, deadline=None)
@given(VISITS)
def test_who_is_cut_at_any_byte_has_each_change_once(visits: list[Visit]) -> None:
    async def walk() -> tuple[FakeTopic, Client]:
        topic = FakeTopic()
        client = Client()
        async with running(topic) as hub:
            stream = frames(hub, None)
            client.take(await anext(stream))  # from now on, while nothing is told
            await stream.aclose()
        for one in visits:
            await visit(topic, client, one)
        async with running(topic, most=3) as hub:
            async with asyncio.timeout(5):
                async for frame in frames(hub, client.id):
                    client.take(frame)
                    if len(client.had) >= len(topic.everything()):
                        break
        return topic, client

    topic, client = asyncio.run(walk())
    assert client.resets == []
    assert sorted(client.had) == topic.everything()
    for customer in CUSTOMERS:
        numbers = [number for name, _, number in client.had if name == customer]
        assert numbers == list(range(1, len(numbers) + 1))
        assert all(a < b for a, b in pairwise(numbers))
    assert {*topic.ends} == {*range(PARTITIONS)}
