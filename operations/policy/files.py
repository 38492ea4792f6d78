"""Policy files from an operator, and adopted versions."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from services.engagement.calendar import build_calendar
from services.tiering.policy import Policy
from services.tiering.policy_file import read_policy
from services.tiering.policy_warnings import warnings
from shared.errors import Malformed, Stop
from shared.policies.adoption import Adopted
from shared.policies.calendar import read_calendar
from shared.yaml_lines import load

MAX_BYTES = 256 * 1024
"""Largest policy: it is stored in one document and read as a whole; guanxi's own have 4 KB."""


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A file that can be adopted. `warned`: what is valid but looks unintended."""

    text: str
    policy: Policy
    warned: list[str]

    def adopted_for(self, day: date) -> Adopted:
        """The form in which it is adopted."""
        return Adopted(self.policy.name, self.policy.version, day, self.text)


def read_file(path: Path) -> PolicyFile:
    """Raises Malformed with every error, each with file and line."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Malformed(f"{path.name}: a policy has at most {MAX_BYTES // 1024} KB")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Malformed(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Malformed(f"{path.name}: not UTF-8 text") from None
    return read_text(text, path.name)


def read_text(text: str, name: str) -> PolicyFile:
    """Parse a text as every service would, beforehand: a policy that a service can't read stops it."""
    policy, document = read_policy(text, name), load(text, name)
    try:
        build_calendar(read_calendar(document.value.get("calendar")), [policy.effective_on.year])
    except Stop as error:
        raise document.error(("calendar",), str(error)) from None
    return PolicyFile(text, policy, warnings(policy))
