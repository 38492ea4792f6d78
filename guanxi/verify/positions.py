"""Sets of inbox positions, one bit each: 100 million records of the inbox take 12 MB a set."""

from collections.abc import Iterator

from shared.events.event import Position

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
