"""Within a page the same question is asked of MongoDB once: its tiles share the answer. Nothing outlives the page."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
_ASKED: ContextVar[dict[Hashable, "asyncio.Task[Any]"] | None] = ContextVar("asked", default=None)


@contextmanager
def once(*, shared: bool = True) -> Iterator[None]:
    """A page. shared: False for one that waits for a position, since what was read before that came may be older."""
    token = _ASKED.set({} if shared else None)
    try:
        yield
    finally:
        _ASKED.reset(token)


async def asked_once(question: Hashable, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What `ask` gives, or gave for the same question on this page. Who gets it may not change it."""
    asked = _ASKED.get()
    if asked is None:
        return await ask()
    if question not in asked:
        asked[question] = asyncio.create_task(ask())
    answer: T = await asyncio.shield(asked[question])
    return answer
