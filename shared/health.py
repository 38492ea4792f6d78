"""What a process says of itself: alive, ready, and why not."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

READY_LAG_RECORDS = 10_000
"""A reader further behind than this is not ready: what it shows is old."""

Check = Callable[[], Awaitable[str | None]]
"""Gives None when all is well, else one sentence that says what is not."""


@dataclass(slots=True)
class Health:
    """Collects the checks of a process; `stopped` is set once, by what can't go on."""

    service: str
    checks: list[Check] = field(default_factory=list)
    details: dict[str, Callable[[], Any]] = field(default_factory=dict)
    stopped: str | None = None

    async def problems(self) -> list[str]:
        """What keeps the process from being ready, in sentences; none when it is."""
        if self.stopped:
            return [self.stopped]
        if not self.checks:
            return ["starting: waiting for Kafka and MongoDB"]
        return [problem for check in self.checks if (problem := await check())]

    def routes(self) -> list[Route]:
        """`/livez` and `/readyz`, each 200 or 503 with JSON."""

        async def livez(_: Request) -> JSONResponse:
            body = {"service": self.service, "alive": self.stopped is None, "stopped": self.stopped}
            return JSONResponse(body, 503 if self.stopped else 200)

        async def readyz(_: Request) -> JSONResponse:
            problems = await self.problems()
            body = {"service": self.service, "ready": not problems, "problems": problems}
            body |= {name: detail() for name, detail in self.details.items()}
            return JSONResponse(body, 503 if problems else 200)

        return [Route("/livez", livez), Route("/readyz", readyz)]
