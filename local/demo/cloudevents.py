"""CloudEvents as the simulated systems send them."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

CloudEvent = dict[str, Any]


def cloud_event(
    source: str, event_id: str, name: str, subject: str, time: datetime, data: dict[str, Any]
) -> CloudEvent:
    """One event of type guanxi.<name>.v1; fields of `data` that are None are left out."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": f"guanxi.{name}.v1",
        "subject": subject,
        "time": time.isoformat(),
        "datacontenttype": "application/json",
        "data": {field: value for field, value in data.items() if value is not None},
    }


def ndjson(events: Iterable[CloudEvent]) -> Iterator[bytes]:
    """One line per event, Chinese as it is."""
    for event in events:
        yield json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def write_ndjson(events: Iterable[CloudEvent], path: Path) -> int:
    """Writes the events as a file that `guanxi import` takes; returns how many."""
    count = 0
    with path.open("wb") as file:
        for line in ndjson(events):
            file.write(line)
            count += 1
    return count
