"""What a backing server is asked for, and what one is once it runs."""

import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from local.stack.process import Process


@dataclass(frozen=True)
class Ask:
    """folder: for its data; logs: for its log; keep: the data outlive it; wanted_port: if that is free."""

    folder: Path
    logs: Path
    keep: bool = False
    wanted_port: int | None = None

    @property
    def stop_signal(self) -> signal.Signals:
        """What is thrown away need not be shut down in order."""
        return signal.SIGTERM if self.keep else signal.SIGKILL

    def remove(self, data: Path) -> list[Path]:
        return [] if self.keep else [data]


@dataclass(frozen=True)
class Server:
    """A running backing server. `process` is None where somebody else runs it."""

    what: str
    endpoint: str
    process: Process | None = None
    port: int | None = None
    real: bool = True


@dataclass(frozen=True)
class StartedAt:
    _at_s: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        return time.monotonic() - self._at_s
