"""A first mapping for a file, with reasons."""

from pathlib import Path
from zoneinfo import ZoneInfo


def guess_file(path: Path, zone: ZoneInfo) -> str:
    return ""
