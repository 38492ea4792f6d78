"""Runs a command's coroutine so that Ctrl-C, SIGTERM and a closed terminal let it clean up."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):  # noqa: N818  (not an error)
    """Somebody asked the command to end, by a signal; it has cleaned up."""


async def _cancelled_by_signals(main: Coroutine[Any, Any, _T]) -> _T:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(main)
    asked = False

    def ask() -> None:
        nonlocal asked
        if not asked:  # a second Ctrl-C must not tear the cleaning up
            asked = True
            task.cancel()

    for number in _ENDINGS:
        loop.add_signal_handler(number, ask)
    try:
        return await task
    except asyncio.CancelledError:
        if asked:
            raise Interrupted from None
        raise


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """Like asyncio.run; raises Interrupted when a signal ended it, after everything it started has ended."""
    return asyncio.run(_cancelled_by_signals(main))
