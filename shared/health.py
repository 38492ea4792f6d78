"""What a process says of itself: alive, ready, and why not."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from shared import metrics

READY_LAG_RECORDS = 10_000
"""A reader further behind than this is not ready: its views are old."""
READY_LAG_SECONDS = 60.0
"""A reader that may have left a record unread for longer is not ready, however few there are."""
CHECK_SECONDS = 1.5
"""How long an answer of a store is waited for: images' health checks give up after 2.5 s."""
KEEP_SECONDS = 0.25
"""A report is given again for so long: anyone may ask /readyz, and each check asks a store. The metrics too: writing
them out costs 6 ms, twenty times what a small request does.
"""

Check = Callable[[], Awaitable[str | None]]
"""Returns None if all is well, else a sentence that says what is wrong."""


@dataclass(slots=True)
class Health:
    """Collects the checks of a process by name; `stopped` is set once, by what can't go on. `exports` set gauges, each
    time before they are read.
    """

    service: str
    checks: dict[str, Check] = field(default_factory=dict)
    details: dict[str, Callable[[], Any]] = field(default_factory=dict)
    exports: list[Callable[[], None]] = field(default_factory=list)
    stopped: str | None = None
    waiting_for: str = "Kafka and MongoDB"
    """What a process waits for before it starts."""
    _asked: dict[str, "asyncio.Task[str | None]"] = field(default_factory=dict)
    _kept: tuple[float, dict[str, str | None]] | None = None

    def clear(self) -> None:
        """Forget what was registered: the process starts over."""
        for registered in (self.checks, self.details, self.exports, self._asked):
            registered.clear()
        self._kept = None

    async def problems(self) -> list[str]:
        """What keeps the process from being ready, in sentences; none when it is."""
        return [problem for problem in (await self.report()).values() if problem]

    async def report(self) -> dict[str, str | None]:
        """The checks by name, each with its problem or None; all are asked at once, each for `CHECK_SECONDS`."""
        if self.stopped:
            return {"running": self.stopped}
        if not self.checks:
            return {"started": f"starting: waiting for {self.waiting_for}"}
        for name, check in self.checks.items():
            if name not in self._asked:
                self._asked[name] = asyncio.ensure_future(check())
        asked = dict(self._asked)
        await asyncio.wait(asked.values(), timeout=CHECK_SECONDS)
        return {name: self._answer(name, task) for name, task in asked.items()}

    async def kept_report(self) -> dict[str, str | None]:
        """The report, at most `KEEP_SECONDS` old; it shows in the metrics too."""
        now = asyncio.get_running_loop().time()
        if self._kept is None or now - self._kept[0] > KEEP_SECONDS or self.stopped:
            self._kept = (now, await self.report())
        report = self._kept[1]
        metrics.READY.clear()
        for name, problem in report.items():
            metrics.READY.labels(name).set(problem is None)
        metrics.STOPPED.set(self.stopped is not None)
        for export in self.exports:
            export()
        return report

    def _answer(self, name: str, task: "asyncio.Task[str | None]") -> str | None:
        if not task.done():
            return f"{name}: no answer within {CHECK_SECONDS} s"  # and it is not asked again until it answers
        self._asked.pop(name, None)
        if task.cancelled():
            return f"{name}: check not finished"
        error = task.exception()
        return task.result() if error is None else f"{name}: {str(error) or type(error).__name__}"

    def routes(self, private_port: int | None = None) -> list[Route]:
        """`/livez` and `/readyz`, each 200 or 503 with JSON; `/readyz/NAME` for one check, as a load balancer before
        the HTTP door asks for: the door works without MongoDB. private_port: the only one on which `/readyz` shows
        counters too, which are nobody's business at a public door; None for every one.
        """

        async def livez(_: Request) -> JSONResponse:
            body = {"service": self.service, "alive": self.stopped is None, "stopped": self.stopped}
            return JSONResponse(body, 503 if self.stopped else 200)

        async def readyz(request: Request) -> JSONResponse:
            report = await self.kept_report()
            problems = [problem for problem in report.values() if problem]
            body = {"service": self.service, "ready": not problems, "problems": problems}
            body["checks"] = {name: problem or "ok" for name, problem in report.items()}
            if private_port is None or (request.scope.get("server") or (None, None))[1] == private_port:
                body |= {name: detail() for name, detail in self.details.items()}
            return JSONResponse(body, 503 if problems else 200)

        async def readyz_one(request: Request) -> JSONResponse:
            name, report = request.path_params["check"], await self.kept_report()
            if name not in report and "started" not in report and "running" not in report:
                return JSONResponse({"problem": f"no such check; choose from {', '.join(report)}"}, 404)
            problem = report[name] if name in report else next(iter(report.values()))
            body = {"service": self.service, "check": name, "ready": not problem, "problem": problem}
            return JSONResponse(body, 503 if problem else 200)

        return [Route("/livez", livez), Route("/readyz", readyz), Route("/readyz/{check}", readyz_one)]
