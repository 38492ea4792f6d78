"""What an import has done so far, in numbers."""

from collections import Counter
from dataclasses import dataclass, field

from shared.events.refusal import Refused


@dataclass(slots=True)
class Tally:
    """read: rows; joined: rows that joined another row's record; sent: events acknowledged by the inbox; admitted,
    duplicates, refused: outcomes, the refused in rows by (reason, field); skipped: rows by the mapping's reason; notes:
        decisions about ambiguous times; damaged: files that could not be read to the end; late: history sent for
        customers whose clock was already past it; fit: in a dry run, events that would be sent; lines: of the first
        row of each kind of refusal.
    """

    read: int = 0
    joined: int = 0
    fit: int = 0
    sent: int = 0
    admitted: int = 0
    duplicates: int = 0
    refused_after_sending: int = 0
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    hints: dict[tuple[str, str], str] = field(default_factory=dict)
    lines: dict[tuple[str, str], int] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    late: int = 0
    damaged: list[str] = field(default_factory=list)

    def refuse(self, refused: Refused, rows: int = 1, line: int = 0) -> None:
        """Count the rows of a refusal; the first of each kind, at its line, is kept as an example."""
        kind = (refused.reason.value, refused.field)
        self.refused[kind] += rows
        if kind not in self.hints:
            self.hints[kind], self.lines[kind] = refused.hint, line

    @property
    def refusals(self) -> int:
        """All refused rows."""
        return self.refused.total()

    @property
    def unknown(self) -> int:
        """Events on the inbox whose outcome is not known yet."""
        return self.sent - self.admitted - self.duplicates - self.refused_after_sending
