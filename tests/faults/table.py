"""The table of faults: what held, how long until caught up, memory, what an operator saw."""

from collections.abc import Mapping, Sequence

from tests.faults.fault import Report

MIB = 1024 * 1024
MAX_SAID = 3


def markdown(reports: Sequence[Report]) -> str:
    """One row per fault, and below the figures of all together."""
    head = (
        "| fault | held | acknowledged by HTTP | in effect once | inbox → log records | repeats passed over | "
        "documents equal | read at once | caught up | peak memory | what an operator saw |\n"
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n"
    )
    return head + "".join(_row(one) for one in reports) + _total(reports)


def _row(report: Report) -> str:
    verdict = report.verdict
    if report.not_run:
        return f"| {report.fault.title} | not run: {report.not_run} | | | | | | | | | |\n"
    if report.error:
        return f"| {report.fault.title} | **no**: {report.error} | | | | | | | | | {operator(report)} |\n"
    held = "yes" if report.held else f"**no**: {verdict.broken[0]} (and {len(verdict.broken) - 1} more)"
    replaced = verdict.acknowledged - verdict.in_effect
    effect = f"{verdict.in_effect:,}" + (f" + {replaced:,} replaced" if replaced else "")
    memory = max(report.seen.peak_bytes.values(), default=0) / MIB
    return (
        f"| {report.fault.title} | {held} | {verdict.acknowledged:,} | {effect} | {verdict.inbox:,} → {verdict.log:,} "
        f"| {verdict.repeats:,} | {verdict.documents:,} | {report.read:,} | {report.caught_up_seconds:.1f} s "
        f"| {memory:.0f} MiB | {operator(report)} |\n"
    )


def operator(report: Report) -> str:
    """What stood in /readyz longest, how processes ended, how much was logged, what else is to be said."""
    seen = report.seen
    said = [f"{sentence} ({count}×)" for sentence, count in seen.problems.most_common(MAX_SAID)]
    said += [f"{how}{f' ({count}×)' if count > 1 else ''}" for how, count in _ends(seen.ended).items()]
    if report.logged:
        said.append(", ".join(f"{count} {level}s logged" for level, count in sorted(report.logged.items())))
    return "; ".join([*said, *seen.notes]).replace("|", "/") or "nothing"


def _ends(ended: Mapping[str, int]) -> dict[str, int]:
    kills = sum(count for how, count in ended.items() if "SIGKILL" in how)
    others = {how: count for how, count in ended.items() if "SIGKILL" not in how}
    return others | ({"ended by SIGKILL": kills} if kills else {})


def _total(reports: Sequence[Report]) -> str:
    played = [one for one in reports if not one.not_run]
    acknowledged = sum(one.verdict.acknowledged for one in played)
    anomalies = sum(len(one.verdict.broken) for one in played)
    return (
        f"\n{len(played)} faults in {sum(one.seconds for one in played):.0f} s; {acknowledged:,} events acknowledged, "
        f"{sum(one.verdict.decisions for one in played):,} decisions; {anomalies} anomalies or differences.\n"
    )
