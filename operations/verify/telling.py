"""A report for people and for machines."""

from typing import Any

from operations.verify.findings import LOG, VIEWS, Report, all_checks
from operations.verify.meter import Meter

TITLES = {LOG: "the log", VIEWS: "states and views"}


def in_lines(report: Report, meter: Meter, show: int) -> list[str]:
    """What was checked, what differs, and the verdict."""
    lines = [f"checked {count:,} {what}" for what, count in sorted(report.looked_at.items()) if count]
    if meter.seconds:
        lines.append(f"{meter.records:,} records read in {meter.seconds:.1f} s")
    lines += [f"note: {note}" for note in report.notes]
    for check in all_checks():
        found = [finding for finding in report.findings if finding.check == check]
        if found:
            lines += ["", TITLES.get(check, f"decisions of {check}")]
            lines += [f"  {finding.line}" for finding in found[:show]]
            if len(found) > show:
                lines.append(f"  and {len(found) - show:,} more (--show, --json)")
    lines += [f"NOT CHECKED: {what}" for what in report.unchecked]
    lines.append("")
    if report.differences:
        kinds = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in report.kinds.most_common())
        lines.append(f"{report.differences:,} DIFFERENCES: {kinds}")
    else:
        lines.append("no differences" if not report.unchecked else "no differences in what could be checked")
    return lines


def as_machines_read(report: Report, meter: Meter) -> dict[str, Any]:
    """The same as one JSON document."""
    return {
        "differences": report.differences,
        "kinds": dict(report.kinds),
        "findings": report.findings,
        "looked_at": dict(report.looked_at),
        "notes": report.notes,
        "unchecked": report.unchecked,
        "records_read": meter.records,
        "seconds": round(meter.seconds, 1),
    }
