"""Every command that there is, by the words that call it."""

from collections.abc import Iterator
from typing import Any

from guanxi.cli import _load, _modules


def commands() -> dict[str, Any]:
    """By words such as `keys create`; a group that does something without a subcommand is a command too."""
    found: dict[str, Any] = {}
    for name, module in _modules().items():
        found |= dict(_below(_load(name, module), name))
    return found


def _below(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None or command.invoke_without_command:
        yield path, command
    for name, one in (below or {}).items():
        yield from _below(one, f"{path} {name}")
