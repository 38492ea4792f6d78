"""How commands print: plain lines on standard output, and errors that end the command without a stack trace."""

import sys
from typing import IO, Any, NoReturn

import typer

_UNSEEN = {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
"""Controls that turn around what follows them: a name could show as another, or reorder the line that it stands in."""


def shown(text: str) -> str:
    """The text with its bidirectional controls escaped, as everything that a command prints."""
    return text.translate(_UNSEEN)


class Shown:
    """A stream that shows what is written to it; all else is the stream's own."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write it as it is shown."""
        return self._stream.write(shown(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(shown(line) + "\n")
    sys.stdout.flush()


def fail(message: str, code: int = 1) -> NoReturn:
    """Print the error to standard error and end the command."""
    sys.stderr.write(f"guanxi: {shown(message)}\n")
    raise typer.Exit(code)
