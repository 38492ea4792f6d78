"""The findings of a check, in words and for machines."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from services import SERVICES
from shared.errors import Stop
from shared.events.event import LogPosition

LOG, VIEWS = "log", "views"
Check = str
"""`LOG`, `VIEWS`, or the name of a service whose decisions are checked."""
MAX_KEPT = 1000
"""Findings kept in full; the rest is only counted."""


def all_checks() -> list[Check]:
    """Every check, in the order in which they are made."""
    return [LOG, *SERVICES.folding, VIEWS]


def chosen_checks(names: Collection[str]) -> list[Check]:
    """The checks of these names; all of them when none is named. Raises Stop for an unknown name."""
    known = all_checks()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Stop(f"no such check: {', '.join(unknown)}; choose from {', '.join(known)}")
    return [check for check in known if not names or check in names]


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
        """For the screen."""
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
        """0: no differences; 1: differences; 2: a check could not run."""
        if self.differences:
            return 1
        return 2 if self.unchecked else 0


def on_log(position: LogPosition) -> str:
    """A place on the log as people name it."""
    return f"log {position.generation}/{position.partition}/{position.offset}"
