"""One way to log: the standard library's loggers, rendered for people or as JSON lines."""

import logging
import sys
from typing import TYPE_CHECKING, Any

if not TYPE_CHECKING and "rich" not in sys.modules:
    sys.modules["rich"] = None  # structlog draws tracebacks with it where it finds it, which takes every start 0.2 s
    import structlog

    del sys.modules["rich"]
import structlog

from shared import tracing
from shared.repeats import OnceInAWhile
from shared.settings import Settings

FASTSTREAM = "shared.faststream"
"""FastStream's own logger has a handler of its own; this one has not."""
REPEATING = ("aiokafka", "pymongo", "uvicorn", "shared.http_server", "services.ingest.denied")
"""A server that is down, or a sender, makes them repeat the same message."""
QUIET = ("aiokafka", "httpx", "pymongo", "uvicorn.access")


def configure(settings: Settings, service: str = "") -> None:
    """Send all logs to standard error, in the settings' format and from its level up; libraries from WARNING up. Each
    line of JSON names the service; a line of either format names the trace in which it was written, where there is one.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_trace,
    ]
    renderer: list[structlog.typing.Processor] = (
        [_named(service), structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if settings.log_format == "json"
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared, _without_colours],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    handler.addFilter(OnceInAWhile(REPEATING))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # It warns at each start that it makes no topics, which is as we want it.
    logging.getLogger(FASTSTREAM).setLevel(logging.ERROR)


def _named(service: str) -> structlog.typing.Processor:
    def add(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {**event, "service": service} if service else event

    return add


def _with_trace(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A record's own trace, given as `extra`, counts more than the batch's, in which it was met."""
    return {**tracing.log_ids(), **event}


def _without_colours(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """uvicorn sends each message a second time, with colours in it."""
    event.pop("color_message", None)
    return event
