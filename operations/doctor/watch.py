"""The doctor again and again: what it finds, as metrics."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from operations.doctor.symptoms import Findings
from shared import metrics
from shared.errors import GuanxiError

log = logging.getLogger(__name__)

Examine = Callable[[], Awaitable[Findings]]


async def watch(examine: Examine, every_seconds: float) -> None:
    """Until it is cancelled. What is found for the first time is logged; without Kafka, that nothing was checked."""
    known: set[str] = set()
    while True:
        try:
            findings = await examine()
        except GuanxiError as error:
            findings = Findings(unchecked={"kafka": str(error)})
        told = {f"{one.severity}: {one.what}. {one.do}" for one in findings.symptoms}
        told |= {f"not checked: {check}: {why}" for check, why in findings.unchecked.items()}
        for new in sorted(told - known):
            log.warning("%s", new)
        known = told
        show(findings, datetime.now(UTC))
        await asyncio.sleep(every_seconds)


def show(findings: Findings, now: datetime) -> None:
    """As metrics, instead of those of before."""
    counted: Counter[tuple[str, str]] = Counter((one.check, one.severity) for one in findings.symptoms)
    counted.update((check, "unchecked") for check in findings.unchecked)
    metrics.DOCTOR_FINDINGS.clear()
    for check in findings.checked:
        metrics.DOCTOR_FINDINGS.labels(check, "wrong").set(0)
    for (check, severity), count in counted.items():
        metrics.DOCTOR_FINDINGS.labels(check, severity).set(count)
    metrics.DOCTOR_RAN_AT.labels("incomplete" if findings.unchecked else "complete").set(now.timestamp())
    for gauge, values in (
        (metrics.DISK_FREE, findings.disks_free),
        (metrics.CERTIFICATE_ENDS_AT, findings.certificates_end),
        (metrics.BACKUP_MADE_AT, findings.backups),
    ):
        for label, value in values.items():
            gauge.labels(label).set(value)
