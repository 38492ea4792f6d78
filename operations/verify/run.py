"""One run of the checks: what is read, in which order, and up to which position, so that traffic can continue."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from operations.verify.findings import LOG as LOG_CHECK
from operations.verify.findings import VIEWS, Report, chosen_checks
from operations.verify.folding import Refold
from operations.verify.inbox import Admitted, check_claims, check_inbox, refusals
from operations.verify.log import LogCheck, OnLog
from operations.verify.meter import Meter
from operations.verify.sample import Sample, Wants, wanted
from operations.verify.views import Live, compare_others, compare_partition
from services import SERVICES
from services.ingest.store import MongoStore
from shared.errors import Stop
from shared.kafka.follow import Follower
from shared.kafka.scan import Bounds, bounds
from shared.mongo import Database, transient_errors
from shared.mongo.generations import current_generation
from shared.mongo.policies import COLLECTION as POLICIES
from shared.service import FoldingService
from shared.settings import Settings
from shared.topics import INBOX, LOG, REJECTED

MAX_RECORDS_AT_ONCE = 200_000
"""Records of one partition whose keys are held in memory together, some 200 MB. A larger partition is read several
times, each time for a part of its keys.
"""


@dataclass(slots=True)
class Run:
    """A run over one system. `now` is this machine's clock, for what claims may have been forgotten."""

    settings: Settings
    database: Database
    sample: Sample
    now: datetime
    meter: Meter
    report: Report
    max_records_at_once: int = MAX_RECORDS_AT_ONCE

    async def run(self, checks: Collection[str]) -> Report:
        """The checks of these names, all of them when there are none. Raises Transient and Stop where they can't be
        made, Stop for an unknown name too.
        """
        checks = chosen_checks(checks)
        current = await current_generation(self.database, "log")
        if current != self.settings.log_generation:
            raise Stop(f"the log is at generation {current}, GUANXI_LOG_GENERATION says {self.settings.log_generation}")
        below = self.sample.below(await self._customers())
        if LOG_CHECK in checks:
            await self._log(self._wants(below))
        if VIEWS in checks:
            await self._own_checks()
        for name, service in SERVICES.folding.items():
            if name in checks or VIEWS in checks:
                await self._service(service, below, deciding=name in checks, comparing=VIEWS in checks)
        self.meter.end()
        return self.report

    def _wants(self, below: int, part: int = 0, parts: int = 1) -> Wants:
        """The keys of the sample, and of these one part of several."""
        only = self.sample.key
        return wanted(below, part, parts) if only is None else lambda key: part == 0 and key == only

    async def _customers(self) -> int:
        """About how many customers there are: those of the service that knows most."""
        counts = []
        async with transient_errors():
            for name, service in SERVICES.folding.items():
                collection = f"{service.customers}_g{await current_generation(self.database, name)}"
                counts.append(int(await self.database[collection].estimated_document_count()))
        return max(counts)

    async def _later_adoptions(self) -> list[datetime]:
        """When policies beyond the first one were adopted."""
        async with transient_errors():
            found = self.database[POLICIES].find(projection={"adopted_at": 1})
            return sorted([policy["adopted_at"] async for policy in found])[1:]

    async def _log(self, wants: Wants) -> None:
        """Order matters: admission's positions first, then the log's end. What was past then is on the log before it.
        The claims come last: each was written before its record went to the log.
        """
        settings, report, meter = self.settings, self.report, self.meter
        generation = await current_generation(self.database, "inbox")
        positions = await MongoStore(self.database, generation).positions(range(settings.partitions))
        inbox = await bounds(settings, INBOX.full_name(settings))
        admitted = Admitted(generation, self._on_inbox(positions, inbox.ends), inbox)
        log = await bounds(settings, LOG.full_name(settings))
        inbox = await bounds(settings, INBOX.full_name(settings))  # again: nothing on the log lies beyond these ends
        ends = {(generation, partition): end for partition, end in inbox.ends.items()}
        total = OnLog()
        log_generation = await current_generation(self.database, "log")
        meter.begin("log", _records(log))
        async with Follower(settings, LOG.full_name(settings)) as follower:
            for partition, end in log.ends.items():
                self._look_at_begin(partition, log.begins[partition])
                check = LogCheck(partition, len(log.ends), log_generation, ends, wants, self.now, total, report)
                follower.seek(partition, log.begins[partition])
                async for records in follower.read(end):
                    for record in records:
                        check.look(record)
                    meter.add(len(records))
        report.looked_at["records admitted"] = len(total.admitted)
        if total.backwards:
            report.notes.append(
                f"the broker's clock ran backwards {total.backwards} times, at most {total.backwards_most_ms} ms: "
                "a review can move a decision by that much"
            )
        if report.kinds["log_begins_late"]:
            report.unchecked.append("inbox and claims against the log: its first records are gone")
            return
        refused = await refusals(settings, await self._bounds_of_refusals(), total, meter, report)
        await check_inbox(settings, self.database, admitted, total, refused, meter, report)
        await check_claims(settings, self.database, admitted, total, log.ends, wants, meter, report)

    def _on_inbox(self, stored: Mapping[int, int], ends: Mapping[int, int]) -> dict[int, int]:
        """Admission's positions, none beyond what the inbox holds."""
        for partition, end in ends.items():
            if stored.get(partition, 0) > end:
                said = f"admission's position {stored[partition]} is beyond the inbox's end {end}"
                self.report.found("log", "position_beyond_end", f"partition {partition} of the inbox", None, said)
        return {partition: min(stored.get(partition, 0), end) for partition, end in ends.items()}

    async def _bounds_of_refusals(self) -> Bounds:
        return await bounds(self.settings, REJECTED.full_name(self.settings))

    def _look_at_begin(self, partition: int, begin: int) -> None:
        if begin > 0:
            said = f"begins at offset {begin}: earlier records are gone, and states can't be folded again"
            self.report.found("log", "log_begins_late", f"partition {partition} of the log", None, said)

    async def _service(self, service: FoldingService[Any], below: int, *, deciding: bool, comparing: bool) -> None:
        """Fold each partition in memory up to where the service has come, then compare."""
        settings, database = self.settings, self.database
        domain = await service.domain(database, settings)
        adoptions = await self._later_adoptions()
        live = Live(
            database,
            domain,
            service.schema,
            await current_generation(database, service.name),
            await current_generation(database, "log"),
            max(adoptions, default=None),
        )
        log = await bounds(settings, LOG.full_name(settings))
        begun = [partition for partition, begin in log.begins.items() if begin == 0]
        if len(begun) < len(log.begins):
            self.report.unchecked.append(
                f"{service.name}: {len(log.begins) - len(begun)} partitions have lost their first records"
            )
        parts = {p: -(-log.ends[p] // self.max_records_at_once) or 1 for p in begun}
        self.meter.begin(f"folding {service.name}", sum(log.ends[p] * parts[p] for p in begun))
        async with Follower(settings, LOG.full_name(settings)) as follower:
            for partition, end in ((p, log.ends[p]) for p in begun):
                for part in range(parts[partition]):
                    wants = self._wants(below, part, parts[partition])
                    refold = Refold(
                        domain,
                        live.log_generation,
                        wants,
                        self.report,
                        deciding=deciding,
                        keep_rows=comparing,
                        forecasts_may_differ=bool(adoptions),
                    )
                    follower.seek(partition, 0)
                    await self._partition(live, partition, end, wants, refold, follower, comparing=comparing)

    async def _own_checks(self) -> None:
        """What each service knows to check of what it has stored."""
        for service in SERVICES.values():
            if service.verify is not None:
                checked = await service.verify(self.database, self.settings, self.now)
                self.report.looked_at[checked.what] += checked.number
                for kind, subject, said in checked.differences:
                    self.report.found(VIEWS, kind, subject, None, said)

    async def _partition(
        self, live: Live, partition: int, end: int, wants: Wants, refold: Refold, follower: Follower, *, comparing: bool
    ) -> None:
        async def advance(offset: int) -> None:
            async for records in follower.read(offset):
                refold.feed(records)
                self.meter.add(len(records))

        async with transient_errors():
            folded = await live.offset(partition)
        if folded > end:
            end = (await bounds(self.settings, LOG.full_name(self.settings))).ends[partition]
        if folded > end:
            said = f"the position of {live.domain.service}, {folded}, is beyond the log's end {end}"
            self.report.found("views", "position_beyond_end", f"partition {partition} of the log", None, said)
            return
        await advance(folded)
        if comparing:
            await compare_partition(live, partition, refold, advance, self.report)
            await compare_others(live, partition, wants, refold, advance, self.report)
        kinds = (key.partition(":")[0] for key in refold.known)
        for kind in kinds:
            self.report.looked_at[f"{kind}s of {live.domain.service}"] += 1
        if any(known.made_at for known in refold.known.values()):
            end = (await bounds(self.settings, LOG.full_name(self.settings))).ends[partition]
            async for records in follower.read(end):
                refold.close(records)
        refold.report_undecided()


def _records(held: Bounds) -> int:
    return sum(held.ends.values()) - sum(held.begins.values())
