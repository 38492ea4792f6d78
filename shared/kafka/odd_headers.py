r"""Lets aiokafka read records whose header names are not UTF-8.

Its parser raises on such a name, and as it then reads the same batch again, one record would block its partition
forever. Anybody who may write the inbox could do that, so such names are read with their odd bytes escaped (`\xff`).
"""

from collections.abc import Iterator
from typing import Any, cast

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords


class _Lenient(bytes):
    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


class _LenientBuffer(bytearray):
    """Its slices decode leniently; aiokafka's plain parser takes header names from slices."""

    def __getitem__(self, index: Any) -> Any:
        part = super().__getitem__(index)
        return _Lenient(part) if isinstance(index, slice) else part


class _Batch:
    """A batch that falls back to the plain parser, from the record on at which the fast one fails."""

    def __init__(self, batch: Any, raw: bytes) -> None:
        self._batch, self._raw = batch, raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        given = -1
        try:
            for record in self._batch:
                given = record.offset
                yield record
        except UnicodeDecodeError:
            pass
        else:
            return
        plain = cast("Any", _DefaultRecordBatchPy(bytearray(self._raw)))
        iter(plain)  # uncompresses
        plain._buffer = _LenientBuffer(plain._buffer)  # noqa: SLF001 - the one way to its header names
        for record in plain:
            if record.offset > given:
                yield record

    def __next__(self) -> Any:
        return next(self._batch)


class _Records:
    """aiokafka's MemoryRecords with such batches. Keeps a second pointer into the bytes, batch by batch."""

    OVERHEAD = 12
    """Bytes of a batch before and with its length field: base offset 8, length 4."""

    def __init__(self, data: bytes) -> None:
        self._records: Any = MemoryRecords(data)
        self._data = data
        self._at = 0

    def size_in_bytes(self) -> int:
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        return bool(self._records.has_next())

    def next_batch(self) -> Any:
        batch = self._records.next_batch()
        begin = self._at
        self._at += self.OVERHEAD + int.from_bytes(self._data[begin + 8 : begin + self.OVERHEAD], "big")
        if batch is None or not hasattr(batch, "is_control_batch") or self._data[begin + 16] < 2:
            return batch
        return _Batch(batch, self._data[begin : self._at])


def read_odd_headers() -> None:
    """Make all consumers of this process read such records. Doing it again changes nothing."""
    fetcher.MemoryRecords = _Records
