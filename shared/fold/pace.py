"""How much goes into one transaction: bounded by records, bytes and time.

A transaction costs some milliseconds whatever it holds, and of many records of one customer the document is written
once: so a backlog is folded in large ones. MongoDB ends a transaction after 10 s, and what waits behind a large one
waits for all of it: so its size follows what the servers have just been able to do.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.kafka.connection import Record

MAX_BYTES = 8 * 1024 * 1024
"""Values of the records of one transaction; what they make of the documents is a few times as much, and the oplog holds
16 MB of a transaction in one entry."""


@dataclass(slots=True)
class Pace:
    """How many `records` a transaction takes so that it lasts about `seconds`, between `least` and `most`."""

    seconds: float
    least: int
    most: int
    records: int

    def took(self, records: int, seconds: float) -> None:
        """Learn from a transaction that went through."""
        if records >= self.records or seconds > self.seconds:
            fitting = records * min(2.0, self.seconds / max(seconds, 0.001))
            self.records = int(max(self.least, min(self.most, fitting)))

    def failed(self) -> None:
        """Learn from one that did not."""
        self.records = max(self.least, self.records // 2)


def live() -> Pace:
    """Of a service that follows the log: others wait for what a transaction holds."""
    return Pace(seconds=0.5, least=100, most=5_000, records=1_000)


def rebuilding(share: float) -> Pace:
    """Of a rebuild: at full pace in long transactions, else in short ones, so that live batches wait for none."""
    return Pace(2.0, 200, 20_000, 2_000) if share == 1.0 else Pace(0.1, 200, 20_000, 200)


def cut(batches: Mapping[int, Sequence[Record]], pace: Pace) -> Iterator[dict[int, Sequence[Record]]]:
    """The records in parts of at most so many and so large, of each partition in order; one record of any size goes."""
    part: dict[int, Sequence[Record]] = {}
    records = size = 0
    for partition, of_partition in batches.items():
        begin = 0
        for place, record in enumerate(of_partition):
            bytes_ = len(record.value or b"")
            if records and (records >= pace.records or size + bytes_ > MAX_BYTES):
                if place > begin:
                    part[partition] = of_partition[begin:place]
                yield part
                part, records, size, begin = {}, 0, 0, place
            records += 1
            size += bytes_
        part[partition] = of_partition[begin:]
    if part:
        yield part
