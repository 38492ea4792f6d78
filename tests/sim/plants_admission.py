"""Planted bugs of admission, its claims and its appender (architecture.md, invariants 2 to 4)."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bson import Binary
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError

from services.ingest.admission import Admission, Arrived, Verdicts, read
from services.ingest.admit import Accepted, Candidate, Claim, judge
from services.ingest.admit.derived import derived_from
from services.ingest.erasing import Eraser
from services.ingest.erasures import ERASE, RESTRICT
from services.ingest.store import MongoStore, _claim, _document
from shared.events.event import Position
from shared.events.refusal import Reason, Refused
from shared.kafka.batches import Appender
from shared.kafka.connection import Record
from shared.mongo import transient_errors
from tests.sim.loop import SimLoop


class MovesFirst(Admission):
    async def process(self, batches: Mapping[int, Sequence[Record]]) -> None:
        await self._store.move({partition: batch[-1].offset + 1 for partition, batch in batches.items()}, {})
        await super().process(batches)


def judge_without_position(claim: Claim | None, candidate: Candidate, position: Position) -> Any:
    if claim is not None:
        entries = tuple(entry._replace(position=entry.position._replace(offset=-1)) for entry in claim.entries)
        claim = replace(claim, entries=entries)
    return judge(claim, candidate, position)


def judge_void_as_end(claim: Claim | None, candidate: Candidate, position: Position) -> Any:
    verdict = judge(claim, candidate, position)
    if isinstance(verdict, Accepted) and claim is not None and verdict.claim is not None:
        undo = claim.entries[-1].undo
        if undo is not None and undo["data"] is None:
            return Refused(Reason.SUPERSEDED, "revision", "voided")
    return verdict


def judge_refusing_first(claim: Claim | None, candidate: Candidate, position: Position) -> Any:
    if claim is not None and candidate.claimed and candidate.revision < claim.entries[-1].revision:
        return Refused(Reason.SUPERSEDED, "revision", "a higher one is known")
    return judge(claim, candidate, position)


def judge_forgetting_what_it_replaced(claim: Claim | None, candidate: Candidate, position: Position) -> Any:
    verdict = judge(claim, candidate, position)
    return Accepted(None, None) if isinstance(verdict, Accepted) and verdict.claim is None else verdict


def read_claiming_reviews(*arguments: Any) -> Any:
    candidate = read(*arguments)
    if isinstance(candidate, Candidate):
        candidate.claimed = True
    return candidate


class WallClock(Admission):
    """Judges by when a record is looked at, not by when it came."""

    async def process(self, batches: Mapping[int, Sequence[Record]]) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop), "only simulated"
        now_ms = loop.wall_ms()
        later = {p: [replace(record, timestamp=now_ms) for record in batch] for p, batch in batches.items()}  # type: ignore[type-var]
        await super().process(later)


class TextsOfNewClaims(Admission):
    """Takes it that who claimed has stored the texts."""

    async def _claim(self, arrived: Sequence[Arrived]) -> Verdicts:
        verdicts = await super()._claim(arrived)
        if not verdicts.changed:
            verdicts.texts.clear()
        return verdicts


class LastWriterWins(MongoStore):
    async def claim(self, claims: Collection[Claim]) -> bool:
        operations = [ReplaceOne({"_id": Binary(c.identity)}, _document(c), upsert=True) for c in claims]
        async with transient_errors():
            await self._claims.bulk_write(operations, ordered=False)
        return True


class IgnoresTheSwap(MongoStore):
    async def claim(self, claims: Collection[Claim]) -> bool:
        await super().claim(claims)
        return True


class InsertPerRevision(MongoStore):
    """One document per revision, which only an insert of the same revision can meet."""

    async def find(self, identities: Sequence[bytes]) -> Mapping[bytes, Claim]:
        found: dict[bytes, Claim] = {}
        wanted = {"identity": {"$in": [identity.hex() for identity in identities]}}
        async with transient_errors():
            for document in sorted(
                await self._claims.find(wanted).to_list(), key=lambda d: d["entries"][0]["revision"]
            ):
                one = _claim({**document, "_id": bytes.fromhex(document["identity"])})
                known = found.get(one.identity)
                found[one.identity] = one if known is None else replace(known, entries=known.entries + one.entries)
        return found

    async def claim(self, claims: Collection[Claim]) -> bool:
        known = await self.find([claim.identity for claim in claims])
        operations = []
        for claim in claims:
            before = known[claim.identity].entries if claim.identity in known else ()
            for entry in claim.entries:
                if entry not in before:
                    document = _document(replace(claim, entries=(entry,)))
                    name = f"{claim.identity.hex()}/{entry.revision}"
                    operations.append(InsertOne({**document, "_id": name, "identity": claim.identity.hex()}))
        if not operations:
            return True
        async with transient_errors():
            try:
                await self._claims.bulk_write(operations, ordered=False)
            except BulkWriteError:
                return False
        return True


class LowersPositions(MongoStore):
    async def move(self, positions: Mapping[int, int], ends: Mapping[int, int]) -> None:
        operations = [
            UpdateOne({"_id": self._position_id(partition)}, {"$set": {"offset": offset}}, upsert=True)
            for partition, offset in positions.items()
        ]
        async with transient_errors():
            await self._positions.bulk_write(operations, ordered=False)


class Pipelines(Appender):
    async def _round(self, producer: Any, topic: str, queues: Any, positions: Any) -> None:
        sent = []
        while queues:
            for partition, queue in list(queues.items()):
                batch = producer.create_batch()
                taken = 0
                for _, record in queue:
                    if batch.append(key=record.key, value=record.value, timestamp=None, headers=record.headers) is None:
                        break
                    taken += 1
                sent.append(await producer.send_batch(batch, topic, partition=partition))
                del queue[:taken]
                if not queue:
                    del queues[partition]
        for future in sent:
            await future


class KeepsItsProducer(Appender):
    async def close(self) -> None:
        """A producer that failed is used again."""


def derived_from_the_event_alone(candidate: Candidate, _: Mapping[str, Any] | None) -> list[Candidate]:
    return derived_from(candidate, None)


class OutputsOfNewClaims(Admission):
    """Takes it that who claimed has published all."""

    async def _claim(self, arrived: Sequence[Arrived]) -> Verdicts:
        verdicts = await super()._claim(arrived)
        self._claimed = bool(verdicts.changed)
        return verdicts

    async def _encode(self, accepted: Any) -> Any:
        records = await super()._encode(accepted)
        return records if self._claimed else [one for one in records if dict(one.headers)["position"].endswith(b"/0")]


class LetsNamesIn(MongoStore):
    async def suppressed(self, keys: Collection[str]) -> Mapping[str, Any]:
        del keys
        return {}


class LeavesTexts(Eraser):
    async def _forget_in_texts(self, erasure: Any) -> Any:
        del erasure
        return 0, 0, set(), []


class ShowsTheRestricted(Eraser):
    async def _forget_person(self, erasure: Any) -> int:
        """Leaves the name of a restricted person where readers see it."""
        return 0 if erasure["mode"] == RESTRICT else await super()._forget_person(erasure)


class RestrictsForever(Eraser):
    """Turns no restriction into an erasing when it has ended."""

    async def work_on(self, of: Any) -> Any:
        await self._erasures.update_one({"_id": of, "mode": RESTRICT}, {"$set": {"until": "9999-12-31"}})
        return await super().work_on(of)


class KeepsNothing(Eraser):
    """Erases at once what should be kept from sight for a while."""

    async def work_on(self, of: Any) -> Any:
        await self._erasures.update_one({"_id": of, "mode": RESTRICT}, {"$set": {"mode": ERASE, "until": None}})
        return await super().work_on(of)
