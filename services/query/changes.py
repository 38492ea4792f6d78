"""The latest changes in memory, which all followers of a process share: a follower is a place in them, not a queue, so
that a slow one costs nothing. Pure but for waking those who wait.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from services.query.limits import TAIL_BYTES, TAIL_CHANGES
from shared import subscriptions
from shared.errors import Malformed
from shared.positions import Mark, Of, decode, encode

CHANGED, TYPES = subscriptions.CHANGED, subscriptions.TYPES
Ends = Mapping[int, int]
"""By partition, the offset behind the last that is meant."""


class Change(NamedTuple):
    """A change as it was read. value: the CloudEvent; log_ends: up to where the log must be read to see it."""

    partition: int
    offset: int
    customer: str
    type: str
    value: bytes
    log_ends: Ends


class _Wire(msgspec.Struct):
    subject: str
    type: str
    position: str


_DECODER = msgspec.json.Decoder(_Wire)


def read_change(partition: int, offset: int, value: bytes | None) -> Change:
    """From the topic's record. Raises Malformed for what the feed did not write."""
    try:
        if value is None or b"\n" in value or b"\r" in value:
            raise Malformed("a change is one line of JSON")
        wire = _DECODER.decode(value)
    except msgspec.MsgspecError as error:
        raise Malformed(str(error)) from None
    return Change(partition, offset, wire.subject, wire.type, value, decode(wire.position).ends)


class Lost(Exception):  # noqa: N818 - it is an answer
    """A follower can't go on from where it is: it is to read everything again, then follow from now. why: too_old,
    too_far_behind, another_epoch or unknown.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


LOST = {
    "too_old": "the position is older than what is kept",
    "too_far_behind": "there are too many changes since the position",
    "another_epoch": "changes are counted anew since the position, as after a restore",
    "unknown": "this system's changes have not come to the position",
}


class Ended(Exception):  # noqa: N818 - it is an answer
    """The stream ends, and nothing is lost: whoever follows comes back with the last id."""


class Gone(Exception):  # noqa: N818 - it is an answer
    """The topic no longer holds what is asked for."""


class Held(NamedTuple):
    """A change in the tail. token: the position behind it, in the tail's order."""

    change: Change
    token: str


@dataclass(slots=True)
class Tail:
    """The latest changes in the order in which this process read them, numbered. generation: of positions among the
    changes; log_generation: of the log that they tell of; ends: up to where the changes are read; told: of the log,
    what may have been told up to there.
    """

    generation: int
    log_generation: int
    ends: dict[int, int]
    told: dict[int, int]
    first: int = 0
    """Number of the first that is held."""
    closed: bool = False
    most: int = TAIL_CHANGES
    most_bytes: int = TAIL_BYTES
    _held: list[Held] = field(default_factory=list)
    _bytes: int = 0
    _starts: dict[int, int] = field(init=False)
    """As `ends`, before the first that is held; so `_told_before` with `told`."""
    _told_before: dict[int, int] = field(init=False)
    _start_token: str = field(init=False)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Nothing is held yet."""
        self._starts, self._told_before = dict(self.ends), dict(self.told)
        self._start_token = self.position(self.ends)

    @property
    def end(self) -> int:
        """The number that the next change gets."""
        return self.first + len(self._held)

    def position(self, ends: Ends) -> str:
        """The token of a place that is not one of the tail's own."""
        return encode(Mark(Of.CHANGES, self.generation, ends))

    def token(self, number: int) -> str:
        """The position before the change of this number."""
        return self._held[number - self.first - 1].token if number > self.first else self._start_token

    def some(self, number: int, most: int, until: int | None = None) -> Sequence[Held]:
        """Changes from a number on. Raises Ended where they are held no more."""
        if number < self.first:
            raise Ended("fell behind the changes that are held")
        stop = self.end if until is None else until
        return self._held[number - self.first : min(number + most, stop) - self.first]

    def holds(self, at: Ends) -> bool:
        """Whether all that comes after this place is in memory."""
        return all(at[partition] >= start for partition, start in self._starts.items())

    def append(self, changes: Iterable[Change]) -> None:
        """Take what was read next, each partition's in order, and wake those who wait."""
        for change in changes:
            self.ends[change.partition] = change.offset + 1
            _raise(self.told, change.log_ends)
            self._held.append(Held(change, self.position(self.ends)))
            self._bytes += len(change.value)
        self._trim()
        self.wake()

    def pass_over(self, partition: int, offset: int) -> None:
        """A record that is no change."""
        self.ends[partition] = offset + 1

    def _trim(self) -> None:
        gone = 0
        while len(self._held) - gone > self.most or (self._bytes > self.most_bytes and gone < len(self._held)):
            change, self._start_token = self._held[gone]
            self._starts[change.partition] = change.offset + 1
            _raise(self._told_before, change.log_ends)
            self._bytes -= len(change.value)
            gone += 1
        del self._held[:gone]
        self.first += gone

    def number_after(self, log_ends: Ends) -> int | None:
        """The number of the first change that tells more of the log than up to these ends, or the tail's end; None
        where changes before the tail may do. A partition that is not named had no record: somebody has seen none.
        """
        if any(told > log_ends.get(partition, 0) for partition, told in self._told_before.items()):
            return None
        for number, (change, _) in enumerate(self._held, self.first):
            if any(end > log_ends.get(partition, 0) for partition, end in change.log_ends.items()):
                return number
        return self.end

    async def news(self, number: int, seconds: float) -> bool:
        """Waits until there is a change of this number; False where there is none in that time, or no more."""
        try:
            async with asyncio.timeout(seconds):
                while self.end <= number and not self.closed:
                    await self._news.wait()
        except TimeoutError:
            return False
        return self.end > number

    def close(self) -> None:
        """Nothing more comes: everybody who follows is to come back later."""
        self.closed = True
        self.wake()

    def wake(self) -> None:
        """Have everybody who waits look again."""
        news, self._news = self._news, asyncio.Event()
        news.set()


def _raise(ends: dict[int, int], to: Ends) -> None:
    for partition, end in to.items():
        ends[partition] = max(ends.get(partition, 0), end)


def behind(at: Ends, ends: Ends) -> int:
    """How many changes lie between two places."""
    return sum(max(0, end - at[partition]) for partition, end in ends.items())


def chosen(customers: Collection[str], types: Collection[str]) -> Callable[[Change], bool]:
    """The filters of a follower; none lets everything pass."""

    def passes(change: Change) -> bool:
        return (not customers or change.customer in customers) and (not types or change.type in types)

    return passes
