"""An import survives a restart of Kafka, MongoDB or a service: it retries for a while."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from typing import Any, TypeVar

from services.ingest.doors.files.ports import Ports
from shared.errors import Transient

RIDE_SECONDS = 180.0
"""How long to retry: a broker that checks its log after a crash needs a minute, a local stack five tries."""
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 5.0
_PORTS = ("inbox", "claims", "admitted", "live", "known")
"""Calls over the network; all can be repeated: an event sent twice counts once."""

T = TypeVar("T")


def _tell(line: str) -> None:
    sys.stderr.write(f"guanxi: {line}\n")


def riding(ports: Ports, *, seconds: float = RIDE_SECONDS, tell: Callable[[str], None] = _tell) -> Ports:
    """The same ports, each retried for `seconds` before Transient is raised."""
    names = [field.name for field in fields(ports) if field.name in _PORTS]
    ridden: dict[str, Any] = {name: _Riding(getattr(ports, name), seconds, tell) for name in names}
    return replace(ports, **ridden)


async def ride(call: Callable[[], Awaitable[T]], seconds: float, tell: Callable[[str], None]) -> T:
    """Return the answer, as soon as there is one."""
    loop = asyncio.get_running_loop()
    began, pause, asked = loop.time(), FIRST_PAUSE_SECONDS, 0
    while True:
        try:
            answer = await call()
        except Transient as error:
            waited = loop.time() - began
            if error.final or waited + pause > seconds:
                raise
            if not asked:
                tell(f"{error}; retrying for {seconds:.0f} s")
            asked += 1
            await asyncio.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)
        else:
            if asked:
                tell(
                    f"it responds again after {loop.time() - began:.0f} s; events sent twice count once, as duplicates"
                )
            return answer


class _Riding:
    """Any of the ports, with every call retried."""

    def __init__(self, port: Any, seconds: float, tell: Callable[[str], None]) -> None:
        self._port, self._seconds, self._tell = port, seconds, tell

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        question = getattr(self._port, name)

        async def ask(*words: Any) -> Any:
            return await ride(lambda: question(*words), self._seconds, self._tell)

        return ask
