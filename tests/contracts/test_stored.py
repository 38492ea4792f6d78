"""What an earlier version has stored is gone on with: no rebuild, no stop, and the same views as had it all been folded
anew.

`stored/<commit>.json.gz` holds logs of simulated runs and what that commit's code had stored half-way through each. It
is never edited; a version that changes a stored form adds a file.
"""

import gzip
import json
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, cast

import bson
import pytest
from bson.codec_options import CodecOptions
from pymongo import InsertOne

from services.engagement.store import SCHEMA as ENGAGEMENT
from services.tiering.store import SCHEMA as TIERING
from shared.fold.domain import Domain
from shared.fold.entity import NEVER, WAITING
from shared.fold.processor import LogProcessor
from shared.mongo.states import StateStore
from tests.shared.fakes import AT, LogRecord, memory_database
from tests.sim.services import _engagement, _tiering

STORED = sorted(Path(__file__).with_name("stored").glob("*.json.gz"))
AWARE: CodecOptions[Any] = CodecOptions(tz_aware=True)
WRITTEN_ANEW = ("projected_at", "generation", "review_at", "logged_in")
"""`logged_in` of visits logged before the upgrade comes with the row's next change, or a rebuild."""
Documents = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Run:
    """The log by partition, what was stored of the first half of it, and the policies of that run."""

    log: list[list[LogRecord]]
    stored: dict[str, list[dict[str, Any]]]
    policies: tuple[tuple[str, date], ...]

    def domains(self) -> list[Domain[Any, Any]]:
        return [cast("Domain[Any, Any]", make(self.policies)) for make in (_tiering, _engagement)]


def runs(path: Path) -> list[Run]:
    with gzip.open(path) as file:
        read = json.load(file)
    return [
        Run(
            [
                [
                    LogRecord(p, n, at, key.encode(), value.encode(), [(k, v.encode()) for k, v in headers])
                    for n, (at, key, value, headers) in enumerate(records)
                ]
                for p, records in enumerate(one["log"])
            ],
            {
                name: [bson.decode(b64decode(document), AWARE) for document in documents]
                for name, documents in one["stored"].items()
            },
            tuple((text, date.fromisoformat(day)) for text, day in one["policies"]),
        )
        for one in read
    ]


async def folded(run: Run, begin: Callable[[list[LogRecord]], int], database: Any) -> Documents:
    """Fold the log from somewhere; the documents by collection and id."""
    found: Documents = {}
    for domain in run.domains():
        store = StateStore(database, domain.service, 1, 1)
        processor = LogProcessor(domain, store, cast("Any", None), "log", now=lambda: AT, deciding=False)
        stands = await processor.positions(range(len(run.log)))
        for partition, records in enumerate(run.log):
            assert stands[partition] == begin(records)
            for record in records[begin(records) :]:
                await processor.process({partition: [record]})
    for name in database.server.names():
        if name.endswith("_g1") and "_fresh_" not in name:
            found[name] = {document.pop("_id"): document async for document in database[name].find()}
    return found


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.name.partition(".")[0])
async def test_views_go_on_from_what_an_earlier_version_stored(path: Path) -> None:
    for run in runs(path):
        database: Any = memory_database()
        for name, documents in run.stored.items():
            await database[name].bulk_write([InsertOne(document) for document in documents])
        upgraded = await folded(run, lambda records: len(records) // 2, database)
        anew = await folded(run, lambda _: 0, memory_database())
        for schema in (TIERING, ENGAGEMENT):
            names = [f"{name}_g1" for name in schema.collections]
            written = {
                key for name in names for key, document in upgraded.get(name, {}).items() if "review_at" in document
            }
            assert written, "the second half of the log writes something"
            for name in names:
                assert _of(written, upgraded.get(name, {})) == _of(written, anew.get(name, {})), name
        for document in (document for documents in upgraded.values() for document in documents.values()):
            if "review_at" in document:
                assert WAITING <= document["review_at"] <= (document["due_at"] or NEVER)


def _of(written: set[str], documents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Documents of those that were written since; the others stand as the earlier version has left them."""
    return {
        key: {name: _but_notes(name, value) for name, value in document.items() if name not in WRITTEN_ANEW}
        for key, document in documents.items()
        if document.get("customer", key) in written
    }


def _but_notes(name: str, value: Any) -> Any:
    """2b2bfed forgot after 400 days what was agreed at a visit; now it goes with its week, and is shown as long."""
    return {**json.loads(value), "notes": []} if name == "visits" and isinstance(value, str) else value
