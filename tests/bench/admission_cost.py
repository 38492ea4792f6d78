"""What admission costs per event in Python alone, step by step: `python -m tests.bench.admission_cost`."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from pydantic_core import to_json

from services.ingest.admission import Arrived, judge_all, log_record, read
from services.ingest.store import _document, _text
from shared.events.event import Position

T = TypeVar("T")

EVENTS = 2_000
ROUNDS = 5
NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")


class _Record(NamedTuple):
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


def purchases(count: int) -> list[_Record]:
    """Inbox records of purchases, each of a customer of its own."""
    return [_record(n, "purchase.recorded", _purchase(n)) for n in range(count)]


def visits(count: int) -> list[_Record]:
    """Inbox records of visits, with two attendees known by name."""
    return [_record(n, "visit.logged", _visit(n)) for n in range(count)]


def microseconds_per_event(records: Sequence[_Record]) -> Mapping[str, float]:
    """CPU time of this process per event: of each step, and of all in `total`."""
    rounds = [_round(records) for _ in range(ROUNDS)]
    costs = {step: min(one[step] for one in rounds) / len(records) * 1e6 for step in rounds[0]}
    return {**costs, "total": sum(costs.values())}


def _round(records: Sequence[_Record]) -> dict[str, float]:
    """Seconds of CPU of each step over all records."""
    gc.collect()
    candidates, reading = _timed(lambda: [read(record, NOW, ZONE) for record in records])
    arrived = [Arrived(r, Position(1, 0, r.offset), NOW, c) for r, c in zip(records, candidates, strict=True)]
    verdicts, judging = _timed(lambda: judge_all(arrived, {}))
    _, storing = _timed(lambda: [_document(claim) for claim in verdicts.changed.values()])
    _, texting = _timed(lambda: [_text(one) for one in verdicts.texts])
    encoded, encoding = _timed(lambda: [log_record(*one, 12) for one in verdicts.accepted])
    assert len(encoded) == len(records)
    steps = {"read": reading, "judge": judging, "claim document": storing}
    return {**steps, "text documents": texting, "encode": encoding}


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    done = work()
    return done, time.process_time() - start


def _record(number: int, noun: str, data: dict[str, Any]) -> _Record:
    document = {
        "specversion": "1.0",
        "id": f"e-{number}",
        "source": "erp/shanghai",
        "type": f"guanxi.{noun}.v1",
        "subject": f"{number:06}",
        "time": "2026-02-27T10:15:00+08:00",
        "datacontenttype": "application/json",
        "data": data,
    }
    return _Record(0, number, int(NOW.timestamp() * 1000), None, to_json(document), ())


def _purchase(number: int) -> dict[str, Any]:
    return {
        "purchase_id": f"PO-{number:08}",
        "amount": f"{number + 1}.50",
        "currency": "CNY",
        "margin_rate": "0.22",
        "product_line": "精密轴承",
    }


def _visit(number: int) -> dict[str, Any]:
    return {
        "visit_id": f"V-{number:08}",
        "kind": "routine",
        "channel": "onsite",
        "participants": [{"rep_id": f"r-{number % 50}", "role": "account_manager"}],
        "attendees": [{"name": "李娜", "department": "采购"}, {"name": "Anna Schmidt", "department": "质量"}],
        "consensus": "样品订单",
        "follow_ups": [{"what": "send a quotation", "due_on": "2026-03-10"}],
    }


def main() -> None:
    """Print one line per kind of event."""
    kinds = (("purchase", purchases(EVENTS)), ("visit", visits(EVENTS)))
    other_way = [
        record._replace(value=(record.value or b"").replace(b"{", b'{"x":null,', 1)) for record in purchases(EVENTS)
    ]
    for name, records in (*kinds, ("purchase with a field unknown to guanxi", other_way)):
        costs = microseconds_per_event(records)
        print(f"{name}: " + ", ".join(f"{step} {cost:.1f}" for step, cost in costs.items()) + " µs per event")


if __name__ == "__main__":
    main()
