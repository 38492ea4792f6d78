"""The doctor's findings: each symptom with its reason and remedy."""

from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["wrong", "warning"]


@dataclass(frozen=True, slots=True)
class Symptom:
    """One problem.

    what: the finding, with figures; why: why it matters; do: what to do, with commands if there are any. `wrong` breaks
    a promise now; a `warning` may do so later.
    """

    check: str
    severity: Severity
    what: str
    why: str
    do: str


@dataclass(slots=True)
class Findings:
    """What was checked and found.

    checked: each check's name, with a summary. The rest are figures for who watches (guanxi doctor --every).
    """

    symptoms: list[Symptom] = field(default_factory=list)
    checked: dict[str, str] = field(default_factory=dict)
    unchecked: dict[str, str] = field(default_factory=dict)
    disks_free: dict[str, float] = field(default_factory=dict)
    """Share that is free, of Kafka's fullest disk and of MongoDB's."""
    certificates_end: dict[str, float] = field(default_factory=dict)
    """When the certificate of each server ends, in seconds since 1970."""
    backups: dict[str, float] = field(default_factory=dict)
    """Of which moment the last backup is, made and checked, in seconds since 1970; 0 without any."""

    def wrong(self, check: str, what: str, why: str, do: str) -> None:
        """Add a problem that must be fixed."""
        self.symptoms.append(Symptom(check, "wrong", what, why, do))

    def warn(self, check: str, what: str, why: str, do: str) -> None:
        """Add something that should be looked at."""
        self.symptoms.append(Symptom(check, "warning", what, why, do))

    def lines(self) -> list[dict[str, str | None]]:
        """All of it, the worst first: found is `wrong`, `warning`, `unchecked` or `ok`."""
        nothing: dict[str, str | None] = {"why": None, "do": None}
        ill: list[dict[str, str | None]] = [
            {"check": one.check, "found": one.severity, "what": one.what, "why": one.why, "do": one.do}
            for one in sorted(self.symptoms, key=lambda one: one.severity != "wrong")
        ]
        skipped = [
            {"check": name, "found": "unchecked", "what": said, **nothing} for name, said in self.unchecked.items()
        ]
        sick = {one.check for one in self.symptoms}
        well = [
            {"check": name, "found": "ok", "what": said, **nothing}
            for name, said in self.checked.items()
            if name not in sick
        ]
        return [*ill, *skipped, *well]

    @property
    def exit_code(self) -> int:
        """0: all is well (warnings allowed); 1: something is wrong; 2: a check could not run."""
        if any(symptom.severity == "wrong" for symptom in self.symptoms):
            return 1
        return 2 if self.unchecked else 0
