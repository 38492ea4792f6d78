"""What the local stack says when it cannot do what was asked."""

from pathlib import Path

_LAST_LINES = 15


class StackError(Exception):
    """The stack cannot start or go on. The text says what was wrong, where, and what to do."""


def failed(what: str, log: Path) -> StackError:
    """`what` with the last lines of `log` and where the whole of it is."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
    except OSError:
        lines = []
    shown = "\n".join(f"    {line}" for line in lines) or "    (nothing)"
    return StackError(f"{what}\n  last lines of {log}:\n{shown}")
