"""Copying a topic in order: each record with its key, value, headers and the instant of its first append.

A copy that was interrupted goes on where it stopped: what the target holds of each partition is a beginning of what it
is to hold, as the appender leaves no gap.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from shared.errors import Stop
from shared.kafka.batches import Appender, Dated
from shared.kafka.connection import Record, partition_of
from shared.kafka.scan import bounds
from shared.kafka.tail import Tail
from shared.settings import Settings

READ_RECORDS = 5_000


@dataclass(slots=True)
class Digests:
    """By partition of the target: how many records, and a hash over all of them in order."""

    counts: dict[int, int] = field(default_factory=dict)
    hashes: dict[int, Any] = field(default_factory=dict)

    def add(self, partition: int, record: Record, value: bytes | None) -> int:
        """Take one more record in, with this value; gives its number in the partition."""
        number = self.counts.get(partition, 0)
        self.counts[partition] = number + 1
        hashed = self.hashes.setdefault(partition, sha256())
        for part in (record.key, value, str(record.timestamp).encode(), repr(list(record.headers)).encode()):
            hashed.update(b"-" if part is None else b"%d:" % len(part) + part)
        return number

    def result(self) -> dict[int, tuple[int, str]]:
        """In a form that can be compared."""
        return {partition: (count, self.hashes[partition].hexdigest()) for partition, count in self.counts.items()}


@dataclass(slots=True)
class Copy:
    """A copy of `source` into `target`, which has `partitions`: a multiple of the source's, so that each of its
    partitions is filled from one, and the order on it stays what it was. `cuts`: offsets on the source, by name and
    partition, for which `reached` tells the same place on the target. change: gives the values that are copied in place
    of the records', the same ones each time; None copies them as they are.
    """

    settings: Settings
    source: str
    target: str
    partitions: int
    cuts: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    change: Callable[[Sequence[Record]], Awaitable[Sequence[bytes | None]]] | None = None
    reached: dict[str, dict[int, int]] = field(default_factory=dict)
    digests: Digests = field(default_factory=Digests)

    async def run(self, *, max_record_bytes: int) -> AsyncIterator[int]:
        """Copy; gives the number of records after each batch, those that were there already included."""
        held = await bounds(self.settings, self.source)
        if any(held.begins[p] for p in held.begins):
            raise Stop(f"{self.source} has lost its first records, so it can't be copied completely")
        if self.partitions % len(held.ends):
            raise Stop(f"{self.partitions} partitions is not a multiple of the {len(held.ends)} of {self.source}")
        there = (await bounds(self.settings, self.target)).ends
        self.reached = {name: dict.fromkeys(range(self.partitions), 0) for name in self.cuts}
        appender = Appender(self.settings, max_record_bytes=max_record_bytes)
        try:
            async with Tail(self.settings, self.source) as tail:
                for partition, end in held.ends.items():
                    async for batches in tail.read({partition: 0}, {partition: end}, max_records=READ_RECORDS):
                        records = batches[partition]
                        values = [one.value for one in records] if self.change is None else await self.change(records)
                        new = [self._outgoing(one, value, there) for one, value in zip(records, values, strict=True)]
                        await appender.append(self.target, [one for one in new if one is not None])
                        yield len(records)
        finally:
            await appender.close()
        await self._verify()

    def _outgoing(self, record: Record, value: bytes | None, there: Mapping[int, int]) -> Dated | None:
        partition = record.partition if record.key is None else partition_of(record.key, self.partitions)
        number = self.digests.add(partition, record, value)
        for name, offsets in self.cuts.items():
            if record.offset < offsets.get(record.partition, 0):
                self.reached[name][partition] += 1
        if number < there.get(partition, 0):
            return None
        return Dated(partition, record.key, value, list(record.headers), record.timestamp)

    async def _verify(self) -> None:
        """Read the copy. Raises Stop when it is not what was copied."""
        found = Digests()
        ends = (await bounds(self.settings, self.target)).ends
        async with Tail(self.settings, self.target) as tail:
            async for batches in tail.read(dict.fromkeys(ends, 0), ends, max_records=READ_RECORDS):
                for partition, records in batches.items():
                    for record in records:
                        found.add(partition, record, record.value)
        if found.result() != self.digests.result():
            raise Stop(f"{self.target} differs from the copy of {self.source}: delete it and start over")
