"""How far a reader is behind: in records, and in seconds.

Nobody can tell the age of a record that has not been read. So the seconds are an upper bound: since the later of the
last moment at which nothing was left to read, and the append time of the last record that was processed.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Lag:
    """Of the partitions that a process reads. Times are seconds since 1970."""

    next: dict[int, int] = field(default_factory=dict)
    """The next offset to be processed."""
    end: dict[int, int] = field(default_factory=dict)
    """The next offset to be written, as Kafka said at the last look."""
    sure: dict[int, float] = field(default_factory=dict)
    """Everything up to this instant is processed."""
    unknown_since: dict[int, float] = field(default_factory=dict)
    """When records were found to be left, of partitions where nothing is sure yet."""
    newest: float | None = None
    """Append time of the newest record processed."""

    def forget(self, kept: Collection[int] = ()) -> None:
        """Other partitions than these are somebody else's now."""
        for known in (self.next, self.end, self.sure, self.unknown_since):
            for partition in [p for p in known if p not in kept]:
                del known[partition]

    def processed(self, partition: int, next_offset: int, appended_at: float) -> None:
        """Records up to (without) an offset are done; the last one's append time."""
        self.next[partition] = next_offset
        self.sure[partition] = max(appended_at, self.sure.get(partition, 0.0))
        self.newest = appended_at if self.newest is None else max(appended_at, self.newest)

    def looked(self, ends: Mapping[int, int], next_offsets: Mapping[int, int], asked_at: float) -> None:
        """What Kafka answered to the question for the ends, and how far processing was then. `asked_at` is before the
        question: what came later may be missing from the answer.
        """
        for partition, end in ends.items():
            self.end[partition] = end
            if partition in next_offsets:
                self.next[partition] = next_offsets[partition]
                if next_offsets[partition] >= end:
                    self.sure[partition] = max(asked_at, self.sure.get(partition, 0.0))
                else:
                    self.unknown_since.setdefault(partition, asked_at)

    def records(self) -> dict[int, int]:
        """By partition; those whose end or position is not known are left out."""
        return {p: max(0, end - self.next[p]) for p, end in self.end.items() if p in self.next}

    def seconds(self, now: float, looked_within: float) -> dict[int, float]:
        """By partition; 0 where a look within so many seconds found nothing left."""
        ages = {}
        for partition, left in self.records().items():
            age = max(0.0, now - self.sure.get(partition, self.unknown_since.get(partition, now)))
            ages[partition] = 0.0 if left == 0 and age <= looked_within else age
        return ages
