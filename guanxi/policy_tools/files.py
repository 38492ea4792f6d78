"""Policy files as an operator hands them over, and versions that were adopted."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

from services.engagement.calendar import build_calendar
from services.tiering.policy import Policy
from services.tiering.policy_file import read_policy
from services.tiering.policy_warnings import warnings
from shared.errors import Malformed, Stop
from shared.policies.adoption import Adopted
from shared.policies.calendar import read_calendar

MAX_BYTES = 256 * 1024
"""A policy is kept in one document and read whole; those that come with guanxi have 4 KB."""


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A file that can be adopted as it is. `warned`: what it allows but probably does not mean."""

    text: str
    policy: Policy
    warned: list[str]

    def adopted_for(self, day: date) -> Adopted:
        """As it is adopted."""
        return Adopted(self.policy.name, self.policy.version, day, self.text)


def read_file(path: Path) -> PolicyFile:
    """Raises Malformed with all that is wrong, each with file and line."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Malformed(f"{path.name}: a policy has at most {MAX_BYTES // 1024} KB")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Malformed(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Malformed(f"{path.name}: not text in UTF-8") from None
    return read_text(text, path.name)


def read_text(text: str, name: str) -> PolicyFile:
    """What every service would do with a text, done beforehand: a policy that one of them can't read stops it."""
    policy = read_policy(text, name)
    try:
        build_calendar(read_calendar(yaml.safe_load(text).get("calendar")), [policy.effective_on.year])
    except Stop as error:
        raise Malformed(f"{name}, line {_line_of(text, 'calendar')}: {error}") from None
    return PolicyFile(text, policy, warnings(policy))


def _line_of(text: str, section: str) -> int:
    return next((n for n, line in enumerate(text.splitlines(), 1) if line.startswith(f"{section}:")), 1)
