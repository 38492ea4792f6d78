"""How commands print: plain lines on standard output, and errors that end the command without a stack trace."""

import sys
from typing import NoReturn

import typer


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def fail(message: str, code: int = 1) -> NoReturn:
    """Print the error to standard error and end the command."""
    sys.stderr.write(f"guanxi: {message}\n")
    raise typer.Exit(code)
