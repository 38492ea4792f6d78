"""What processes cost: CPU seconds and resident memory, from /proc."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far; 0 where there is no /proc."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(after_name[11]) + int(after_name[12])) / _TICKS


def rss_mb(pid: int) -> float:
    """Resident memory now, in megabytes (10^6 bytes)."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES / 1e6
    except OSError:
        return 0.0


def peak_rss_mb(pid: int) -> float:
    """The most resident memory so far, in megabytes (10^6 bytes)."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


@dataclass(slots=True)
class Usage:
    """CPU seconds per process since the start of a measurement."""

    pids: Mapping[str, int]
    _before: dict[str, float]

    @classmethod
    def start(cls, pids: Mapping[str, int]) -> "Usage":
        return cls(pids, {name: cpu_seconds(pid) for name, pid in pids.items()})

    def so_far(self) -> dict[str, float]:
        return {name: cpu_seconds(pid) - self._before[name] for name, pid in self.pids.items()}
