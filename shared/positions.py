"""The position: an opaque token that says up to where somebody has read, or must read to see something.

The door gives one of the inbox with each answer; answers of queries carry one of the log, changes one of changes. Each
can be waited for: who has read to `ends` has seen all that the token speaks of. Nothing is cursored by time.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from shared.errors import Malformed

MAX_PARTITIONS = 1000
"""As many as a topic may have (shared.settings)."""
MAX_CHARS = 16 * 1024
"""Of a token: what that many partitions need at most."""
_FORMAT = 1
_MAX_NUMBER = 2**63 - 1
_CHECK_BYTES = 4
_SMALL = [bytes((number,)) for number in range(0x80)]


class Of(StrEnum):
    """Of which topic's records a position speaks."""

    INBOX = "inbox"
    LOG = "log"
    CHANGES = "changes"


_KINDS = tuple(Of)
"""In the order of their numbers in a token: new ones go to the end."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A position in words. ends: by partition, the offset behind the last record that is meant; a partition that is
    not named does not matter.
    """

    of: Of
    generation: int
    ends: Mapping[int, int]


def encode(mark: Mark) -> str:
    """The token: letters, digits, `-` and `_`."""
    ends = sorted(mark.ends.items())
    if not 0 < mark.generation <= _MAX_NUMBER or len(ends) > MAX_PARTITIONS:
        raise AssertionError(mark)
    raw = bytearray((_FORMAT, _KINDS.index(mark.of)))
    raw += _number(mark.generation) + _number(len(ends))
    for partition, end in ends:
        raw += _number(partition) + _number(end)
    return urlsafe_b64encode(raw + _check(raw)).rstrip(b"=").decode()


def decode(token: str) -> Mark:
    """The position of a token that `encode` made. Raises Malformed for any other text."""
    try:
        if len(token) > MAX_CHARS:
            raise ValueError
        packed = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        raw = packed[:-_CHECK_BYTES]
        if raw[0] != _FORMAT:
            raise ValueError
        numbers = iter(raw[2:])
        generation, count = _read(numbers), _read(numbers)
        if count > MAX_PARTITIONS:
            raise ValueError
        mark = Mark(_KINDS[raw[1]], generation, {_read(numbers): _read(numbers) for _ in range(count)})
        if encode(mark) != token:  # the check at its end among it
            raise ValueError
    except (ValueError, IndexError, StopIteration, AssertionError):
        raise Malformed(f"{token[:40]!r} is not a position; use one from an answer of guanxi") from None
    return mark


def _number(number: int) -> bytes:
    """Seven bits a byte, the least first; the eighth says that there are more."""
    if not 0 <= number <= _MAX_NUMBER:
        raise AssertionError(number)
    if number <= 0x7F:
        return _SMALL[number]
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read(numbers: Iterator[int]) -> int:
    found = 0
    for shift in range(0, 64, 7):
        byte = next(numbers)
        found |= (byte & 0x7F) << shift
        if byte <= 0x7F:
            return found
    raise ValueError


def _check(raw: bytes | bytearray) -> bytes:
    """Tells a token that was cut or mistyped; it is no seal."""
    return blake2b(raw, digest_size=_CHECK_BYTES, person=b"guanxi position").digest()
