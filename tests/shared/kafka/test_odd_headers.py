"""A header name that is not UTF-8 holds nothing up."""

from typing import Any

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords

from shared.kafka.odd_headers import _Records


class _Odd(str):
    """A name that goes onto the wire as bytes of no text."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return b"\xff\xfe"


def _batch(base: int, names: list[str]) -> bytes:
    builder: Any = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, 10_000)
    for offset, name in enumerate(names):
        builder.append(offset, timestamp=1, key=b"k", value=str(base + offset).encode(), headers=[(name, b"v")])
    raw = bytearray(builder.build())
    raw[0:8] = base.to_bytes(8, "big")
    return bytes(raw)


def _read(data: bytes) -> list[tuple[int, bytes, str]]:
    records = _Records(data)
    read = []
    while records.has_next():
        read += [(record.offset, record.value, record.headers[0][0]) for record in records.next_batch()]
    return read


def test_aiokafka_alone_fails_on_it() -> None:
    records: Any = MemoryRecords(_batch(0, ["a", _Odd("x")]))
    with pytest.raises(Exception, match="invalid start byte"):
        list(records.next_batch())


def test_every_record_is_read_once_and_the_odd_name_is_escaped() -> None:
    data = _batch(0, ["a", _Odd("x"), "c"]) + _batch(3, ["d"]) + _batch(4, [_Odd("x")])
    names = ["a", r"\xff\xfe", "c", "d", r"\xff\xfe"]
    assert _read(data) == [(offset, str(offset).encode(), name) for offset, name in enumerate(names)]
