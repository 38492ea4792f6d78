"""What `guanxi doctor` found, but for the room on the disks: how full they are is the machine's affair."""

from operations.doctor.symptoms import Findings, Symptom
from operations.doctor.topics import DISK


def symptoms(found: Findings) -> list[Symptom]:
    """Of all checks but the disks."""
    return [symptom for symptom in found.symptoms if symptom.check != DISK]


def checks_with_symptoms(said: str) -> set[str]:
    """The checks that the command marks with '!', but the disks."""
    return {line.split()[1] for line in said.splitlines() if line.startswith("! ")} - {DISK}
