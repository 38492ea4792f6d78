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

    checked: each check's name, with a summary.
    """

    symptoms: list[Symptom] = field(default_factory=list)
    checked: dict[str, str] = field(default_factory=dict)
    unchecked: dict[str, str] = field(default_factory=dict)

    def wrong(self, check: str, what: str, why: str, do: str) -> None:
        """Add a problem that must be fixed."""
        self.symptoms.append(Symptom(check, "wrong", what, why, do))

    def warn(self, check: str, what: str, why: str, do: str) -> None:
        """Add something that should be looked at."""
        self.symptoms.append(Symptom(check, "warning", what, why, do))

    @property
    def exit_code(self) -> int:
        """0: all is well (warnings allowed); 1: something is wrong; 2: a check could not run."""
        if any(symptom.severity == "wrong" for symptom in self.symptoms):
            return 1
        return 2 if self.unchecked else 0
