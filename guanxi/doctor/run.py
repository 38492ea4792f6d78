"""All of the doctor's checks, one after the other."""

from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path

from guanxi.doctor.clocks import CLOCKS, look_at_clocks
from guanxi.doctor.deep import take_over
from guanxi.doctor.policy import POLICY, look_at_policies
from guanxi.doctor.schema import (
    GENERATIONS,
    QUARANTINE,
    SCHEMA,
    look_at_generations,
    look_at_quarantine,
    look_at_schema,
    look_at_server,
)
from guanxi.doctor.symptoms import Findings
from guanxi.doctor.topics import DISK, POSITIONS, look_at_disks, look_at_positions, look_at_topics
from guanxi.verify.findings import CHECKS, Report
from guanxi.verify.meter import Meter
from guanxi.verify.run import Run
from guanxi.verify.sample import Sample
from shared.errors import GuanxiError
from shared.kafka.inspect import inspect
from shared.mongo import Database
from shared.settings import Settings
from shared.topics import LOG


async def examine(
    settings: Settings, database: Database, policy: Path | None, sample: Sample | None, meter: Meter
) -> Findings:
    """Look at everything; `sample` None leaves out what reads the whole log. Raises Transient when Kafka does not
    answer at all; what can't be looked at otherwise is noted.
    """
    findings = Findings()
    found = await inspect(settings)
    look_at_topics(found, settings, findings)
    look_at_disks(found.disks, findings)
    log = next(one for one in found.topics if one.topic is LOG)
    await _try(SCHEMA, look_at_schema(database, findings), findings)
    await _try(GENERATIONS, look_at_generations(database, settings, findings), findings)
    await _try(DISK, look_at_server(database, findings), findings)
    await _try(POLICY, look_at_policies(database, policy, settings, findings), findings)
    await _try(POSITIONS, look_at_positions(found, database, settings, findings), findings)
    await _try(QUARANTINE, look_at_quarantine(database, findings), findings)
    if log.exists:
        await _try(CLOCKS, look_at_clocks(database, log, settings, findings), findings)
    if sample is not None and log.exists:
        report = Report()
        run = Run(settings, database, sample, datetime.now(UTC), meter, report)
        await _try("verify", run.run(CHECKS), findings)
        take_over(report, findings)
    return findings


async def _try(check: str, look: Awaitable[object], findings: Findings) -> None:
    try:
        await look
    except GuanxiError as error:
        findings.unchecked[check] = str(error)
