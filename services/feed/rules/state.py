"""What the feed knows of a customer: little, and none of it grows with its history.

Lines of the timeline and movements are rows of their own. A state holds those that a batch touches; one that was never
stored (`whole`) holds those that a later record may touch.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from shared.fold.domain import Address, Row

TIMELINE, MOVEMENTS = "timeline", "movements"
Json = dict[str, Any]


class Latest(NamedTuple):
    """A value and the fact that gave it: the greatest (time, id, source) wins, null clears (domain.md, Order). `at` is
    in microseconds since 1970.
    """

    at: int
    id: str
    source: str
    value: str | None


class Assignment(NamedTuple):
    """Who manages the account from a day on: of those that have begun the greatest holds."""

    from_on: str
    at: int
    id: str
    source: str
    manager: str | None


@dataclass(slots=True)
class Customer:
    """The fold. `sequence` counts what was told; `decided` is version and id of the last accepted decision by service;
    `moved` the version of the last movement.

    Of the record folded last: `touched`, the sections that it touched, none where it is not told. `turned`: a business
    day has begun since.
    """

    id: str
    zone: ZoneInfo
    clock: datetime | None = None
    today: date | None = None
    turned: bool = False
    touched: tuple[str, ...] = ()
    sequence: int = 0
    decided: dict[str, tuple[int, str]] = field(default_factory=dict)
    moved: int = 0
    name: Latest | None = None
    region: Latest | None = None
    managers: list[Assignment] = field(default_factory=list)
    terms: list[str] | None = None
    whole: bool = True
    held: dict[Address, Json | None] = field(default_factory=dict)
    changed: dict[Address, Row] = field(default_factory=dict)

    def advance(self, clock: datetime) -> None:
        """Move the clock on, never back."""
        if self.clock is not None and clock <= self.clock:
            return
        self.clock = clock
        today = clock.astimezone(self.zone).date()
        if today != self.today:
            self.today, self.turned = today, True

    def row(self, address: Address) -> Json | None:
        """A row that was asked for, or that this state has made; None where there is none. KeyError where it was not
        asked for.
        """
        return self.held.get(address) if self.whole else self.held[address]

    def put(self, address: Address, document: Json, *, new: bool = False, again: bool = False) -> None:
        """Make or change a row. `again`: a later record may touch it."""
        row = Row(*address, document, new=new)
        before = self.changed.get(address)
        self.changed[address] = replace(row, new=True) if before is not None and before.new else row
        if again or address in self.held:
            self.held[address] = document

    @property
    def manager(self) -> str | None:
        """Who manages the account today."""
        return next((one.manager for one in reversed(self.managers) if one.from_on <= str(self.today)), None)


@dataclass(slots=True)
class Other:
    """A representative: a void or a goal may be of one, and that is not told here."""

    id: str
    clock: datetime | None = None

    def advance(self, clock: datetime) -> None:
        """Move the clock on, never back."""
        if self.clock is None or clock > self.clock:
            self.clock = clock
