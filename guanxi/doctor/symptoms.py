"""What the doctor says: each symptom with its reason and its remedy."""

from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["wrong", "warning"]


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that is not as it should be.

    what: what was found, with figures; why: why it matters; do: what to do about it, commands where there are any.
    `wrong` breaks a promise now; a `warning` may, later.
    """

    check: str
    severity: Severity
    what: str
    why: str
    do: str


@dataclass(slots=True)
class Findings:
    """What was looked at and what was found. checked: name of each check with a word on what it saw."""

    symptoms: list[Symptom] = field(default_factory=list)
    checked: dict[str, str] = field(default_factory=dict)
    unchecked: dict[str, str] = field(default_factory=dict)

    def wrong(self, check: str, what: str, why: str, do: str) -> None:
        """Something that must be seen to."""
        self.symptoms.append(Symptom(check, "wrong", what, why, do))

    def warn(self, check: str, what: str, why: str, do: str) -> None:
        """Something that should be looked at."""
        self.symptoms.append(Symptom(check, "warning", what, why, do))

    @property
    def exit_code(self) -> int:
        """0: well, warnings aside; 1: something is wrong; 2: something could not be checked."""
        if any(symptom.severity == "wrong" for symptom in self.symptoms):
            return 1
        return 2 if self.unchecked else 0
