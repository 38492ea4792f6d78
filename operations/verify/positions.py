"""Sets of inbox positions, one bit each: 100 million records of the inbox take 12 MB a set."""

from collections.abc import Iterator
from hashlib import blake2b

from shared.events.event import Position

_SUMMED = 10
"""Bits of an offset that are summed up together: 1,024 records take one number."""
Source = tuple[int, int]
"""Generation and partition of the inbox."""
_BLOCK = 4096


class Offsets:
    """A set of offsets."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, offset: int) -> None:
        """Put one in."""
        at = offset >> 3
        if at >= len(self._bits):
            self._bits.extend(bytes(max(_BLOCK, at + 1 - len(self._bits))))
        self._bits[at] |= 1 << (offset & 7)

    def __contains__(self, offset: int) -> bool:
        at = offset >> 3
        return at < len(self._bits) and bool(self._bits[at] >> (offset & 7) & 1)

    def __len__(self) -> int:
        return int.from_bytes(self._bits, "little").bit_count()

    def without(self, other: "Offsets", begin: int, end: int) -> Iterator[int]:
        """The offsets from `begin` up to but without `end` that are in this set and not in the other, ascending."""
        for start in range(begin >> 3, min(len(self._bits), (end + 7) >> 3), _BLOCK):
            mine = int.from_bytes(self._bits[start : start + _BLOCK], "little")
            theirs = int.from_bytes(other._bits[start : start + _BLOCK], "little")  # noqa: SLF001 - the same class
            rest = mine & ~theirs
            while rest:
                lowest = rest & -rest
                offset = (start << 3) + lowest.bit_length() - 1
                rest ^= lowest
                if begin <= offset < end:
                    yield offset

    @classmethod
    def all_of(cls, begin: int, end: int) -> "Offsets":
        """Every offset of a range."""
        made = cls()
        if end > begin:
            made._bits = bytearray((((1 << (end - begin)) - 1) << begin).to_bytes((end >> 3) + 1, "little"))
        return made


class Positions:
    """A set of inbox positions by generation and partition; which output of a record it is does not matter."""

    def __init__(self) -> None:
        self._sets: dict[Source, Offsets] = {}

    def add(self, position: Position) -> None:
        """Put one in."""
        source = position[:2]
        offsets = self._sets.get(source)
        if offsets is None:
            offsets = self._sets[source] = Offsets()
        offsets.add(position.offset)

    def __contains__(self, position: Position) -> bool:
        offsets = self._sets.get(position[:2])
        return offsets is not None and position.offset in offsets

    def __len__(self) -> int:
        return sum(map(len, self._sets.values()))

    def of(self, source: Source) -> Offsets:
        """The offsets of one partition."""
        return self._sets.get(source) or Offsets()

    def without(self, other: "Positions") -> Iterator[Position]:
        """The positions of this set that are not in the other."""
        for (generation, partition), offsets in sorted(self._sets.items()):
            theirs = other.of((generation, partition))
            for offset in offsets.without(theirs, 0, len(offsets._bits) << 3):  # noqa: SLF001 - the same module
                yield Position(generation, partition, offset)


class Sums:
    """What belongs to each of many inbox positions, summed up by blocks of them, so that two such accounts can be held
    against each other without keeping either.
    """

    def __init__(self) -> None:
        self._sums: dict[tuple[int, int, int], int] = {}

    def add(self, position: Position, what: bytes) -> None:
        """Count what belongs to a position; twice counts twice."""
        digest = blake2b(what + b"/".join(b"%d" % part for part in position[:3]), digest_size=8).digest()
        block = block_of(position)
        self._sums[block] = (self._sums.get(block, 0) + int.from_bytes(digest)) & (2**64 - 1)

    def differing(self, other: "Sums") -> set[tuple[int, int, int]]:
        """The blocks in which the two accounts are not the same."""
        mine, theirs = self._sums, other._sums  # noqa: SLF001 - the same class
        return {block for block in mine.keys() | theirs.keys() if mine.get(block, 0) != theirs.get(block, 0)}


def block_of(position: Position) -> tuple[int, int, int]:
    """The block of `Sums` that a position is in."""
    return position.generation, position.partition, position.offset >> _SUMMED
