"""What a look at a chain of entries found, of the audit log or the trail."""

from collections.abc import Sequence
from typing import Protocol

import typer

from guanxi.console import say
from guanxi.reading.connection import as_json

NOT_WHOLE = 1


class Looked(Protocol):
    """Entries that were looked at, and what is wrong with the chain, in sentences."""

    @property
    def looked_at(self) -> int: ...
    @property
    def faults(self) -> Sequence[str]: ...


def tell(chain: Looked, *, as_machine: bool) -> None:
    """Say it; ends with NOT_WHOLE where an entry was changed or is missing."""
    if as_machine:
        say(as_json({"entries": chain.looked_at, "faults": chain.faults}))
    else:
        for fault in chain.faults:
            say(fault)
        say(f"{chain.looked_at:,} entries" + ("" if chain.faults else ", each as it was written"))
    if chain.faults:
        raise typer.Exit(NOT_WHOLE)
