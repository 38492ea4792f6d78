"""All checks of the doctor, one after the other."""

from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path

from operations.backup.last import last_backups
from operations.doctor.certificates import CERTIFICATES, look_at_certificates
from operations.doctor.clocks import CLOCKS, look_at_clocks
from operations.doctor.deep import take_over
from operations.doctor.policy import POLICY, look_at_policies
from operations.doctor.schema import (
    GENERATIONS,
    QUARANTINE,
    SCHEMA,
    look_at_generations,
    look_at_quarantine,
    look_at_schema,
    look_at_server,
)
from operations.doctor.symptoms import Findings
from operations.doctor.topics import DISK, POSITIONS, look_at_disks, look_at_positions, look_at_topics
from operations.retell import untold
from operations.verify.findings import Report, all_checks
from operations.verify.meter import Meter
from operations.verify.run import Run
from operations.verify.sample import Sample
from services import SERVICES
from shared.errors import GuanxiError
from shared.kafka.inspect import inspect
from shared.mongo import Database
from shared.settings import Settings
from shared.topics import LOG, TIERS

TOLD, BACKUP = "told", "backup"


async def examine(
    settings: Settings, database: Database, policy: Path | None, sample: Sample | None, meter: Meter
) -> Findings:
    """Check everything; `sample` None skips the checks that read the whole log, and a topic of tiers that is not empty.
    Raises Transient if Kafka does not answer at all; other failures are noted.
    """
    findings = Findings()
    found = await inspect(settings)
    look_at_topics(found, settings, findings)
    look_at_disks(found.disks, findings)
    log = next(one for one in found.topics if one.topic is LOG)
    await _try(SCHEMA, look_at_schema(database, findings), findings)
    await _try(GENERATIONS, look_at_generations(database, settings, findings), findings)
    await _try(DISK, look_at_server(database, findings), findings)
    await _try(POLICY, look_at_policies(database, policy, findings), findings)
    await _try(POLICY, look_at_what_services_say(database, settings, findings), findings)
    await _try(POSITIONS, look_at_positions(found, database, settings, findings), findings)
    await _try(QUARANTINE, look_at_quarantine(database, findings), findings)
    await _try(CERTIFICATES, look_at_certificates(settings, findings), findings)
    await _try(BACKUP, look_at_backups(database, findings), findings)
    if log.exists:
        await _try(CLOCKS, look_at_clocks(database, log, settings, findings), findings)
    if sample is not None and log.exists:
        report = Report()
        run = Run(settings, database, sample, datetime.now(UTC), meter, report)
        await _try("verify", run.run(all_checks()), findings)
        take_over(report, findings)
        await _try(TOLD, look_at_what_is_told(settings, database, findings), findings)
    elif (tiers := next(one for one in found.topics if one.topic is TIERS)).exists and not tiers.records:
        await _try(TOLD, look_at_what_is_told(settings, database, findings), findings)
    return findings


async def look_at_backups(database: Database, findings: Findings) -> None:
    """When the last backup was made and checked. How old it may be is for the alert to say, not for the doctor: a new
    system has none.
    """
    findings.backups = await last_backups(database)
    made = findings.backups["made"]
    findings.checked[BACKUP] = f"last made {datetime.fromtimestamp(made, UTC):%Y-%m-%d %H:%M} UTC" if made else "none"


async def look_at_what_is_told(settings: Settings, database: Database, findings: Findings) -> None:
    """Whether the public topic of tiers has every tier that the views show."""
    missing = await untold(settings, database)
    findings.checked[TOLD] = f"{TIERS.name} has every tier" if not missing else f"{TIERS.name} lacks {len(missing):,}"
    if missing:
        what = f"{TIERS.full_name(settings)} lacks the latest tier of {len(missing):,} customers"
        do = "stop tiering, run 'guanxi retell', start tiering"
        findings.wrong(TOLD, what, TIERS.relied_on, do)


async def look_at_what_services_say(database: Database, settings: Settings, findings: Findings) -> None:
    """What each service knows to look at beyond this."""
    for service in SERVICES.values():
        if service.examine is not None:
            for fault in await service.examine(database, settings):
                findings.wrong(POLICY, *fault)


async def _try(check: str, look: Awaitable[object], findings: Findings) -> None:
    try:
        await look
    except GuanxiError as error:
        findings.unchecked[check] = str(error)
