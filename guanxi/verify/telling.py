"""A report for people and for machines."""

from typing import Any

from guanxi.verify.findings import CHECKS, Report
from guanxi.verify.meter import Meter

TITLES = {
    "log": "the log",
    "tiering": "decisions of tiering",
    "engagement": "decisions of engagement",
    "views": "states and views",
}


def in_lines(report: Report, meter: Meter, show: int) -> list[str]:
    """What was looked at, what differs, and the verdict."""
    lines = [f"looked at {count:,} {what}" for what, count in sorted(report.looked_at.items()) if count]
    if meter.seconds:
        lines.append(f"{meter.records:,} records read in {meter.seconds:.1f} s")
    lines += [f"note: {note}" for note in report.notes]
    for check in CHECKS:
        found = [finding for finding in report.findings if finding.check == check]
        if found:
            lines += ["", TITLES[check]]
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
