"""What a check finds, in words and for machines."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from shared.events.event import LogPosition

Check = Literal["log", "tiering", "engagement", "views"]
CHECKS: tuple[Check, ...] = ("log", "tiering", "engagement", "views")
MAX_KEPT = 1000
"""Findings kept whole; the rest is counted. Who has more of them needs no list."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference.

    kind: a fixed word for machines; subject: the log's key, or a topic; position: where on the log (or the inbox),
    None where it has no place; said: one sentence for people.
    """

    check: Check
    kind: str
    subject: str
    position: str | None
    said: str

    @property
    def line(self) -> str:
        """For a screen."""
        where = f", {self.position}" if self.position else ""
        return f"{self.subject}{where}: {self.said}"


@dataclass(slots=True)
class Report:
    """What a run has found. `looked_at` counts what was compared, by what it is; `notes` are no differences."""

    findings: list[Finding] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    looked_at: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    def found(self, check: Check, kind: str, subject: str, position: str | None, said: str) -> None:
        """Count a difference, and keep it while there are not too many."""
        self.kinds[kind] += 1
        if len(self.findings) < MAX_KEPT:
            self.findings.append(Finding(check, kind, subject, position, said))

    @property
    def differences(self) -> int:
        """How many there are, those included that were not kept."""
        return self.kinds.total()

    @property
    def exit_code(self) -> int:
        """0: all is as it should be; 1: there are differences; 2: something could not be checked."""
        if self.differences:
            return 1
        return 2 if self.unchecked else 0


def on_log(position: LogPosition) -> str:
    """A place on the log as people name it."""
    return f"log {position.generation}/{position.partition}/{position.offset}"
