"""Pictures of rows as the API has them, in the reader's language. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.query.console import pictures as draw
from services.query.console.words import Words
from shared.events.types import TIERS

Json = Mapping[str, Any]
ROLES = ("approve", "decide", "support", "influence")
"""What a key person has in decisions: shared/events/facts.py."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What templates draw with."""

    words: Words

    def _(self, text: str) -> str:
        return self.words.translations.gettext(text)

    def _few(self, value: float) -> str:
        return self.words.number(value, 1)

    def _whole(self, value: float) -> str:
        return self.words.number(value)

    def _tiers(self) -> dict[str, str]:
        return {tier: self.words.word(tier) for tier in reversed(TIERS)}

    def waterfall(self, factors: Sequence[Json]) -> draw.Picture:
        """What each factor adds to the score (screens/customer.py)."""
        parts = [
            draw.Bar(self.words.word(one["name"]), one["adds"], one["most"], known=one["known"]) for one in factors
        ]
        columns = (self._("Factor"), self._("Adds"), self._("At most"))
        return draw.waterfall(self._("What each factor adds to the score"), columns, parts, self._("Score"), self._few)

    def movements(self, flows: Sequence[Json], after: Any, until: Any) -> draw.Picture:
        """Changes of the tier shown between two days (boards/movements)."""
        found = [draw.Flow(one["from"], one["to"], one["customers"]) for one in flows]
        columns = (self._("From"), self._("To"), self._("Customers"))
        days = (self.words.day(after), self.words.day(until))
        return draw.alluvial(self._("Customers that changed their tier"), columns, days, self._tiers(), found)

    def trial(self, flows: Sequence[Json]) -> draw.Picture:
        """Who would move by a policy that was tried (operations/policy/tally.py)."""
        found = [draw.Flow(one["from"], one["to"], one["customers"]) for one in flows]
        columns = (self._("From"), self._("To"), self._("Customers"))
        days = (self._("Now"), self._("Then"))
        return draw.alluvial(self._("Customers that would change their tier"), columns, days, self._tiers(), found)

    def coverage(self, weeks: Sequence[str], rows: Sequence[tuple[str, Mapping[str, Json]]], to: str) -> draw.Picture:
        """Visits that counted of those owed: representatives by weeks. to: the address of a representative's week."""
        drawn = [(name, [self._cell(found.get(week), to) for week in weeks]) for name, found in rows]
        columns = (self._("Representative"), *(week.partition("-W")[2] for week in weeks))
        return draw.grid(self._("Visits that counted, of those owed"), columns, drawn)

    @staticmethod
    def _cell(one: Json | None, to: str) -> draw.Cell | None:
        if one is None:
            return None
        target = one["target"]
        if target is None or target == 0:
            return draw.Cell(str(one["counted"]), None, to.format(one["representative"], one["week"]))
        share = one["counted"] / target
        return draw.Cell(f"{one['counted']}/{target}", share, to.format(one["representative"], one["week"]))

    def staffing(self, row: Json) -> draw.Picture:
        """Visits a week, asked for against what the roster can do."""
        can = row["can_per_week"]
        rows = [
            *(
                draw.Bar(self.words.word(one["tier"]), one["asked_per_week"], None, kind=one["tier"])
                for one in row["tiers"]
            ),
            draw.Bar(self._("Asked for in all"), row["asked_per_week"], can),
        ]
        columns = (self._("Visits a week"), self._("Asked for"), self._("The roster can"))
        return draw.bars(self._("Visits a week that tiers ask for"), columns, rows, self._few)

    def satisfaction(self, rows: Sequence[Json], instrument: str, scale: tuple[float, float]) -> draw.Picture:
        """An instrument by tier, the year before and the last one, each with how many answered."""
        years = (("last_year", self._("the year before")), ("this_year", self._("last 365 days")))
        panels = [
            draw.Panel(
                self.words.word(one["tier"]),
                one["tier"],
                [(name, one[instrument][year]["value"], one[instrument][year]["n"]) for year, name in years],
            )
            for one in rows
        ]
        columns = (self._("Tier"), self._("Time"), instrument.upper(), self._("Answers"))
        return draw.multiples(f"{instrument.upper()}: {self._('by tier')}", columns, panels, scale, self._few)

    def quarters(
        self, rows: Sequence[Json], quarters: Sequence[str], instrument: str, scale: tuple[float, float]
    ) -> draw.Picture:
        """An instrument by tier and calendar quarter, each with how many answered (boards/satisfaction-quarters)."""
        found = {(one["tier"], one["quarter"]): one for one in rows if one["instrument"] == instrument}
        nobody: Json = {"n": 0, "value": None}
        panels = [
            draw.Panel(
                name,
                tier,
                [(one, of["value"], of["n"]) for one in quarters if (of := found.get((tier, one), nobody))],
            )
            for tier, name in self._tiers().items()
        ]
        columns = (self._("Tier"), self._("Quarter"), instrument.upper(), self._("Answers"))
        title = f"{instrument.upper()}: {self._('by tier and quarter')}"
        return draw.multiples(title, columns, panels, scale, self._few, across=2)

    def power_map(self, persons: Sequence[Json]) -> draw.Picture:
        """Key persons: name, decision_role, attitude from -1 to 3 or None, met."""
        people = [
            draw.Person(one["name"], one["decision_role"], _stance(one["attitude"]), one["met"]) for one in persons
        ]
        roles = {role: self.words.word(role) for role in ROLES}
        attitudes = {
            "against": self._("against us"),
            "neutral": self._("neutral"),
            "for": self._("for us"),
            "": self._("unknown"),
        }
        columns = (self._("Person"), self._("Role"), self._("Attitude"), self._("Met"))
        return draw.power_map(self._("Key persons; hollow: never met"), columns, roles, attitudes, people)

    def spark(self, title: str, points: Sequence[tuple[str, float]]) -> draw.Picture:
        """A line in a sentence; title: in English."""
        return draw.sparkline(self._(title), ("", self._(title)), points, self._whole)


def _stance(attitude: int | None) -> str | None:
    """-1 is against us, 0 neutral, 1 to 3 for us."""
    if attitude is None:
        return None
    return "against" if attitude < 0 else "for" if attitude else "neutral"
