"""A status on one screen of 100 columns."""

from guanxi.reading.words import instant
from operations.status.progress import Progress
from operations.status.services import Answer
from operations.status.status import MAX_COUNTED, Status

_NO_ADDRESSES = "  (addresses unknown: start them with 'guanxi up', or pass --url NAME=http://...)"
WIDTH = 100


def screen(status: Status, where: str) -> str:
    """The text of one screen. where: which servers, in words."""
    lines = [f"{instant(status.at)}   {where}   {'all is well' if status.well else 'NOT WELL'}", ""]
    lines += [f"! {problem}" for problem in status.problems]
    lines += [""] if status.problems else []
    lines += [f"{'services':<16}{'':<12}{'partitions':>10}{'behind':>10}"]
    lines += [line for answer in status.services for line in _service(answer)] or [_NO_ADDRESSES]
    lines += ["", f"{'readers':<16}{'topic':<24}{'records':>14}{'to go':>12}"]
    lines += [_reader(reader) for reader in status.readers] or ["  (unknown)"]
    lines += ["", f"{'views':<14}{'documents':>12}{'due':>9}{'frozen':>8}{'quarantine':>12}   newest event on the log"]
    for view in status.views:
        due = f"{view.due:,}{'+' if view.due == MAX_COUNTED else ''}"
        counts = f"{view.documents:>12,}{due:>9}{view.frozen:>8,}{view.quarantined:>12,}"
        lines.append(f"  {view.view:<12}{counts}   {instant(view.recorded_at)}")
    lines += [] if status.views else ["  (unknown)"]
    lines += ["", f"rejected        {_rejected(status)}"]
    return "\n".join(line[:WIDTH] for line in lines)


def _service(answer: Answer) -> list[str]:
    partitions = "" if answer.partitions is None else f"{answer.partitions}"
    behind = "" if answer.lag_seconds is None else f"{answer.lag_seconds:,.0f} s"
    state = "ready" if answer.ready else "NOT READY"
    line = f"  {answer.service:<14}{state:<12}{partitions:>10}{behind:>10}   {answer.url}"
    return [line, *(f"  {'':<14}{problem}" for problem in answer.problems)]


def _reader(reader: Progress) -> str:
    where = f"   on {reader.partitions_behind} partitions" if reader.behind else ""
    return f"  {reader.reader:<14}{reader.topic:<24}{reader.end:>14,}{reader.behind:>12,}{where}"


def _rejected(status: Status) -> str:
    found = status.rejected
    if found is None:
        return "(unknown)"
    if not found.kept:
        return "none"
    return f"{found.kept:,} kept, {found.last_day:,} in the last day, {found.last_hour:,} in the last hour"
