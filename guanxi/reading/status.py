"""`guanxi status`: whether everything runs, how far each reader has come, how fresh the views are."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from guanxi.reading.progress import Progress
from guanxi.reading.words import instant
from shared.mongo import Database, transient_errors
from shared.mongo.generations import current_generation

ANSWER_SECONDS = 3.0
VIEWS = (("customers", "tiering", "tiering"), ("engagement", "engagement", "engagement"))
"""Name of the view, of its collection without the generation, of its service."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service says of itself: ready, or why not."""

    service: str
    url: str
    ready: bool
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fresh:
    """How new a view is: its documents, frozen ones among them, those whose day has come, the last event it has."""

    view: str
    documents: int
    frozen: int
    due: int
    recorded_at: datetime | None
    projected_at: datetime | None


async def ask_services(urls: Mapping[str, str]) -> list[Answer]:
    """Each service's /readyz, all at once."""
    async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_SECONDS) as client:
        return await asyncio.gather(*(_ask(client, name, url) for name, url in urls.items()))


async def _ask(client: httpx.AsyncClient, service: str, url: str) -> Answer:
    try:
        body: dict[str, Any] = (await client.get(f"{url}/readyz")).json()
    except (httpx.HTTPError, ValueError) as error:
        return Answer(service, url, False, (f"does not answer: {type(error).__name__}",))
    return Answer(service, url, bool(body.get("ready")), tuple(body.get("problems", ())))


async def freshness(database: Database, now: datetime) -> list[Fresh]:
    """Of the views that hold a document per customer. Raises Transient."""
    return [await _fresh(database, *view, now) for view in VIEWS]


async def _fresh(database: Database, view: str, name: str, service: str, now: datetime) -> Fresh:
    collection = database[f"{name}_g{await current_generation(database, service)}"]
    latest: list[dict[str, Any]] = []
    async with transient_errors():
        documents = await collection.estimated_document_count()
        frozen = await collection.count_documents({"incomplete_since": {"$exists": True}})
        due = await collection.count_documents({"due_at": {"$lte": now}})
        pipeline = [
            {"$group": {"_id": None, "recorded": {"$max": "$recorded_at"}, "projected": {"$max": "$projected_at"}}}
        ]
        latest = [one async for one in collection.aggregate(pipeline)]
    recorded, projected = (latest[0]["recorded"], latest[0]["projected"]) if latest else (None, None)
    return Fresh(view, documents, frozen, due, recorded, projected)


def screen(answers: Sequence[Answer], readers: Sequence[Progress], views: Sequence[Fresh], where: str) -> str:
    """One screen of text, at most 100 columns."""
    lines = [where, "", "services"]
    if not answers:
        lines.append("  (their addresses are not known: start them with 'guanxi up', or give --url NAME=http://...)")
    for answer in answers:
        lines.append(f"  {answer.service:<12}{'ready' if answer.ready else 'NOT READY':<12}{answer.url}")
        lines += [f"  {'':<12}{problem}" for problem in answer.problems]
    lines += ["", f"{'readers':<14}{'topic':<24}{'records':>12}{'to go':>10}"]
    for reader in readers:
        lines.append(f"  {reader.reader:<12}{reader.topic:<24}{reader.end:>12,}{reader.behind:>10,}{_where(reader)}")
    lines += ["", f"{'views':<14}{'documents':>12}{'frozen':>8}{'due':>8}   last event recorded / shown"]
    for view in views:
        counts = f"{view.documents:>12,}{view.frozen:>8,}{view.due:>8,}"
        lines.append(f"  {view.view:<12}{counts}   {instant(view.recorded_at)} / {instant(view.projected_at)}")
    return "\n".join(lines)


def _where(reader: Progress) -> str:
    return f"  on {reader.partitions_behind} partitions" if reader.behind else ""


def is_well(answers: Sequence[Answer], views: Sequence[Fresh]) -> bool:
    """Every service that was asked is ready, and no customer is frozen."""
    return all(answer.ready for answer in answers) and not any(view.frozen for view in views)
