"""What stands around every HTTP route of a process: requests are counted and timed; `/metrics` has a port of its own
where one is set, so that it is not public with the door.
"""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send

from shared import metrics, tracing
from shared.health import KEEP_SECONDS, Health

METRICS_PATH = "/metrics"
UNTRACED = ("/livez", "/readyz", METRICS_PATH)
"""Asked every few seconds, by machines."""
MAX_FORMATS = 8
"""Of the metrics, kept at a time; Prometheus asks for one."""
NO_HANDLER = "none"
"""Label of requests for paths that nobody serves: their names would be endless."""


def make_app(
    health: Health, routes: Sequence[BaseRoute], lifespan: Lifespan[Starlette], metrics_port: int | None
) -> ASGIApp:
    """The application of a process: health, metrics, and its own routes. metrics_port: the only one on which
    `/metrics` answers and `/readyz` shows counters; None for every one.
    """
    kept: dict[str, tuple[float, bytes]] = {}

    async def show_metrics(request: Request) -> Response:
        server = request.scope.get("server")
        if metrics_port is not None and (server is None or server[1] != metrics_port):
            return Response(status_code=404)
        encoder, content_type = choose_encoder(request.headers.get("accept", ""))
        made_at, text = kept.get(content_type, (0.0, b""))
        now = time.monotonic()
        if not text or now - made_at > KEEP_SECONDS:
            await health.kept_report()
            text = encoder(metrics.REGISTRY)
            if len(kept) >= MAX_FORMATS:
                kept.clear()
            kept[content_type] = now, text
        return Response(text, headers={"content-type": content_type})

    app = Starlette(
        routes=[*health.routes(metrics_port), Route(METRICS_PATH, show_metrics), *routes], lifespan=lifespan
    )
    return Measured(RawPath(app))


class RawPath:
    """Routes by the path as sent: an id may hold a slash (%2F), and no character, such as a line's end, makes a path
    that no route sees.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] == "http":
            # In place: routing leaves there who answers, for the metrics.
            scope["path"] = scope["raw_path"].partition(b"?")[0].decode("ascii", "replace")
        await self._app(scope, receive, send)


class Measured:
    """Counts and times requests by handler and status."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        path = scope["path"]
        span: AbstractContextManager[tracing.Request] = nullcontext(tracing.NOTHING)
        if not path.startswith(UNTRACED):
            span = tracing.request(scope["method"], path, _traceparent(scope))
        began = time.perf_counter()
        metrics.HTTP_IN_FLIGHT.inc()
        with span as told:
            try:
                await self._app(scope, receive, note)
            finally:
                metrics.HTTP_IN_FLIGHT.dec()
                handler, took = _handler(scope.get("endpoint")), time.perf_counter() - began
                # status 0: the caller went away, or an error came before the answer began
                metrics.HTTP_SECONDS.labels(handler, status).observe(took)
                told.answered(handler, status)


def _traceparent(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"traceparent":
            return str(value, "ascii", "replace")
    return None


def _handler(endpoint: Any) -> str:
    """The function that answers; routing has left it in the scope."""
    name = getattr(endpoint, "__name__", NO_HANDLER)
    return name if isinstance(name, str) else NO_HANDLER
