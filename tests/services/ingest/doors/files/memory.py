"""An import into an inbox in memory, which admission reads as it would the real one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from services.ingest.doors.files.drafts import is_events_file
from services.ingest.doors.files.mapping import parse_mapping
from services.ingest.doors.files.plan import Input, Plan
from services.ingest.doors.files.ports import Place, Ports, Standing
from services.ingest.doors.files.run import Import
from services.ingest.doors.files.tally import Tally
from services.ingest.inbox import InboxRecord
from shared.errors import Transient
from shared.events.event import Event
from shared.events.types import TextRef
from shared.kafka.connection import partition_of
from tests.services.ingest import fakes
from tests.services.ingest.judging import NOW

LONDON = ZoneInfo("Europe/London")

MAPPING = """
time_zone: Europe/London
event:
  id: "order-{no}"
  source: shop
  subject: "{customer}"
  time: {column: at, format: "%Y-%m-%d %H:%M"}
  data.currency: GBP
rules:
  - when: {column: amount, below: 0}
    event:
      type: guanxi.purchase.refunded.v1
      data.refund_id: "{no}"
      data.amount: {column: amount, absolute: true}
  - when: {column: customer, equals: TEST}
    skip: test orders
  - event:
      type: guanxi.purchase.recorded.v1
      data.purchase_id: "{no}"
      data.amount: "{amount}"
"""
HEADER = "no,at,customer,amount\n"


@dataclass
class Servers:
    """Inbox, admission and what it keeps. `append_fails_after` records, the inbox does not answer any more."""

    world: fakes.World = field(default_factory=fakes.World)
    inbox: dict[int, list[fakes.InboxRecord]] = field(default_factory=lambda: {n: [] for n in range(fakes.PARTITIONS)})
    live_customers: set[str] = field(default_factory=set)
    clocks: dict[str, datetime] = field(default_factory=dict)
    appended_at: datetime = NOW
    append_fails_after: int | None = None
    admission_runs: bool = True
    stall_seconds: float = 60.0

    def text(self, reference: object) -> str | None:
        """What the log refers to."""
        assert isinstance(reference, TextRef)
        kept = self.world.texts[reference.text_id]
        return None if kept is None else kept.text

    async def append(self, records: Sequence[InboxRecord]) -> Sequence[Place]:
        held = sum(map(len, self.inbox.values()))
        if self.append_fails_after is not None and held + len(records) > self.append_fails_after:
            raise Transient("Kafka: no broker")
        places = []
        for record in records:
            partition = partition_of(record.key, fakes.PARTITIONS)
            place = Place(partition, len(self.inbox[partition]))
            timestamp = int(self.appended_at.timestamp() * 1000)
            kept = fakes.InboxRecord(*place, record.value, record.key, record.headers, timestamp)
            self.inbox[partition].append(kept)
            places.append(place)
        return places

    async def positions(self, partitions: Collection[int]) -> Mapping[int, int]:
        if self.admission_runs:
            await self.world.run(self.inbox, batch=100)
        return await self.world.positions(partitions)

    async def standing(self, customers: Collection[str]) -> Mapping[str, Standing]:
        known = self.live_customers | set(self.clocks)
        return {one: Standing(one in self.live_customers, self.clocks.get(one)) for one in known & set(customers)}

    def ports(self) -> Ports:
        return Ports(
            inbox=self, claims=self.world, admitted=self, known=self, generation=1, stall_seconds=self.stall_seconds
        )

    def log(self) -> list[Event]:
        """The facts that readers of the log fold, each partition's in order."""
        return [event for partition in fakes.read_log(self.world.topics["log"]) for _, event in partition]


class Office:
    """A folder with files to import, and servers to import them into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers = Servers()
        self.refused_file = folder / "refused"

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def make(self, *files: Path, mapping: str | None = MAPPING, dry_run: bool = False, **options: Any) -> Import:
        as_late = options.pop("as_late", False)
        read = parse_mapping(mapping, "shop.yaml") if mapping else None
        return self.make_of(
            [Input(path, None if is_events_file(path) else read) for path in files],
            dry_run=dry_run, as_late=as_late, **options,
        )  # fmt: skip

    def make_of(
        self, inputs: Sequence[Input], *, dry_run: bool = False, as_late: bool = False, **options: Any
    ) -> Import:
        plan = Plan(
            inputs=inputs,
            zone=LONDON,
            now=lambda: NOW,
            **options,
        )
        return Import(plan, None if dry_run else self.servers.ports(), self.refused_file, as_late=as_late)

    async def run(self, *files: Path, **options: Any) -> Tally:
        return await self.make(*files, **options).run(lambda: None)

    async def csv(self, *rows: str, **options: Any) -> Tally:
        """Import one file of these rows under the usual header."""
        return await self.run(self.file("orders.csv", HEADER + "".join(f"{row}\n" for row in rows)), **options)

    def refused(self) -> str:
        return self.refused_file.read_text(encoding="utf-8")


def reasons(tally: Tally) -> dict[str, int]:
    """How many rows were refused for each reason."""
    found: dict[str, int] = {}
    for (reason, _), count in tally.refused.items():
        found[reason] = found.get(reason, 0) + count
    return found
