"""A process of a local stack that ends is named, started again a bounded number of times, and the others go on."""

import asyncio
from dataclasses import dataclass, field

import pytest

from local.stack.errors import StackError
from local.stack.supervise import MAX_RESTARTS, WITHIN_SECONDS, Restarts, in_words, keep_running


@dataclass
class Fake:
    """A part that ends as told."""

    name: str
    ends: list[int | None] = field(default_factory=list)
    hopeless: int | None = 2
    starts_badly: int = 0
    started: int = 0

    async def ended(self) -> int | None:
        if not self.ends:
            await asyncio.Event().wait()
        return self.ends.pop(0)

    def why_not_again(self, code: int | None) -> str | None:
        return "its settings are wrong" if code == self.hopeless else None

    async def start(self) -> None:
        self.started += 1
        if self.started <= self.starts_badly:
            self.ends.insert(0, 1)
            raise StackError("not ready within 60 s")

    def failure(self, what: str) -> StackError:
        return StackError(what)


async def at_once(_: float) -> None:
    await asyncio.sleep(0)


async def kept(*parts: Fake) -> tuple[str, list[str]]:
    """The end, and what was said."""
    said: list[str] = []
    async with asyncio.timeout(10):
        return str(await keep_running(parts, said.append, sleep=at_once)), said


async def test_it_says_which_one_ended_starts_it_again_and_the_others_go_on() -> None:
    tiering, ingest = Fake("tiering", [-9, None, 1]), Fake("ingest")
    said: list[str] = []
    keeping = asyncio.create_task(keep_running([ingest, tiering], said.append, sleep=at_once))
    async with asyncio.timeout(10):
        while tiering.started < 3:  # noqa: ASYNC110 - it happens in the other task
            await asyncio.sleep(0)
    assert not keeping.done()
    keeping.cancel()
    assert [line.partition(";")[0] for line in said] == [
        "tiering was killed by SIGKILL",
        "tiering was killed with its guard",
        "tiering ended with exit code 1",
    ]
    assert ingest.started == 0


async def test_one_that_keeps_ending_ends_the_stack() -> None:
    tiering = Fake("tiering", [1] * 100)
    end, said = await kept(Fake("ingest"), tiering)
    assert end == "tiering ended with exit code 1; already restarted 5 times in 10 minutes"
    assert tiering.started == len(said) == MAX_RESTARTS


async def test_one_whose_settings_are_wrong_is_not_started_again() -> None:
    end, said = await kept(Fake("tiering", [2]))
    assert end == "tiering ended with exit code 2; not restarted: its settings are wrong"
    assert said == []


async def test_one_that_does_not_start_is_tried_again() -> None:
    ingest = Fake("ingest", [-9], starts_badly=2)
    end, said = await kept(ingest, Fake("end", [0, 0, 0, 0, 0, 0, 2]))
    assert ingest.started == 3
    assert sum("did not start: not ready" in line for line in said) == 2
    assert end.startswith("end ended with exit code")


def test_restarts_of_long_ago_do_not_count() -> None:
    restarts = Restarts()
    assert [restarts.pause_seconds(at) for at in range(MAX_RESTARTS + 1)] == [1, 2, 4, 8, 16, None]
    assert restarts.pause_seconds(WITHIN_SECONDS + 0.5) == 16
    assert restarts.pause_seconds(10 * WITHIN_SECONDS) == 1


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "ended with exit code 0"), (-15, "was killed by SIGTERM"), (None, "was killed with its guard")],
)
def test_how_one_ended_is_said_in_words(code: int | None, words: str) -> None:
    assert in_words(code) == words
