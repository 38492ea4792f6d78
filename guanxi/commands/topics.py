"""Show every topic: partitions, retention, records, size, writers, readers, and drift from the code."""

import asyncio
from typing import Annotated, Any

import typer

from guanxi.console import fail, say
from guanxi.current import use_current
from guanxi.reading.connection import as_json
from operations.doctor.topics import drift
from services import SERVICES
from shared.errors import GuanxiError
from shared.kafka.inspect import FoundTopic, inspect
from shared.service import readers, writers
from shared.settings import Settings
from shared.topics import DAY_MS

COULD_NOT_CHECK = 2


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def topics(
        *,
        as_machine: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    ) -> None:
        """Show every topic: partitions, retention, records, size, writers, readers, and drift from the code.

        Exit code: 1 when a topic differs from the code, 2 when Kafka does not answer.
        """
        use_current()
        settings = Settings()
        try:
            found = asyncio.run(inspect(settings))
        except GuanxiError as error:
            fail(str(error), COULD_NOT_CHECK)
        if as_machine:
            say(as_json([_as_machines_read(one, settings) for one in found.topics]))
        else:
            for one in found.topics:
                say("\n".join(_lines(one, settings)))
        raise typer.Exit(1 if any(drift(one, settings) for one in found.topics) else 0)


def _lines(found: FoundTopic, settings: Settings) -> list[str]:
    lines = [found.name, f"  holds      {found.topic.holds}"]
    if found.exists:
        lines += [
            f"  partitions {found.partitions}, replicas {found.replication}",
            f"  kept       {_retention(found)}",
            f"  records    {found.records:,}{' offsets' if found.topic.compacted else ''}, {_size(found.size_bytes)}",
        ]
    lines.append(f"  writers    {', '.join(writers(found.topic, SERVICES.values()))}")
    lines.append(f"  readers    {', '.join(readers(found.topic, SERVICES.values()))}")
    lines += [f"  DRIFT      {said}" for said in drift(found, settings)]
    return [*lines, ""]


def _retention(found: FoundTopic) -> str:
    kept_ms = int(found.config.get("retention.ms", "-1"))
    kept = "forever" if kept_ms < 0 else f"{kept_ms / DAY_MS:g} days"
    return f"{kept}, compacted" if "compact" in found.config.get("cleanup.policy", "") else kept


def _size(size_bytes: int | None) -> str:
    if size_bytes is None:
        return "size unknown (the broker does not report it)"
    return f"{size_bytes / 1e6:,.1f} MB including replicas"


def _as_machines_read(found: FoundTopic, settings: Settings) -> dict[str, Any]:
    return {
        "topic": found.name,
        "exists": found.exists,
        "partitions": found.partitions,
        "replication": found.replication,
        "config": {name: found.config.get(name) for name in found.topic.config()},
        "records": found.records,
        "size_bytes": found.size_bytes,
        "writers": writers(found.topic, SERVICES.values()),
        "readers": readers(found.topic, SERVICES.values()),
        "drift": drift(found, settings),
    }
