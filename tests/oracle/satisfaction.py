"""What a customer's answers come to, and when they are said to have dropped (domain.md, Engagement: satisfaction)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from tests.oracle.facts import Fact, of_type

INSTRUMENTS = ("nps", "csat", "ces")
LEAST_ANSWERS = 5
DROPS_BY = {"nps": Fraction(20), "csat": Fraction(10), "ces": Fraction(1, 2)}
LOW_ANSWER = {"nps": 6, "csat": 2}


class Figure(NamedTuple):
    """An instrument over a year: n answers, their figure, and how far they lie above what was expected."""

    n: int
    value: Fraction | None
    gap: Fraction | None


@dataclass(frozen=True)
class Dropped:
    """`survey_id` for one low answer, None for the trend."""

    effective_on: date
    instrument: str
    survey_id: str | None


def figure(facts: Sequence[Fact], instrument: str, today: date, years_ago: int = 0) -> Figure:
    """Over the last 365 days, or the 365 before."""
    last = today - timedelta(365 * years_ago)
    answers = [one for one in _answers(facts, instrument) if last - timedelta(364) <= one.day <= last]
    scores = [int(one.data["score"]) for one in answers]
    gaps = [one.data["score"] - one.data["expectation"] for one in answers if one.data.get("expectation") is not None]
    gap = Fraction(sum(gaps), len(gaps)) if gaps else None
    return Figure(len(scores), _value(instrument, scores), gap)


def _answers(facts: Sequence[Fact], instrument: str) -> list[Fact]:
    return [one for one in of_type(facts, "satisfaction.surveyed") if one.data["instrument"] == instrument]


def _value(instrument: str, scores: Sequence[int]) -> Fraction | None:
    if not scores:
        return None
    if instrument == "nps":
        balance = sum(score >= 9 for score in scores) - sum(score <= 6 for score in scores)
        return Fraction(100 * balance, len(scores))
    if instrument == "csat":
        return Fraction(100 * sum(score >= 4 for score in scores), len(scores))
    return Fraction(sum(scores), len(scores))


def is_down(facts: Sequence[Fact], instrument: str, today: date) -> bool:
    """Whether the year compares that badly with the one before."""
    this, before = figure(facts, instrument, today), figure(facts, instrument, today, years_ago=1)
    if min(this.n, before.n) < LEAST_ANSWERS or this.value is None or before.value is None:
        return False
    return before.value - this.value >= DROPS_BY[instrument]


@dataclass
class Watch:
    """Notes down every drop once: a trend when it turns down, a low answer while it is under 365 days old."""

    drops: list[Dropped] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    low: set[tuple[str, str]] = field(default_factory=set)

    def decide(self, facts: Sequence[Fact], today: date) -> None:
        for instrument in INSTRUMENTS:
            if not is_down(facts, instrument, today):
                self.down.discard(instrument)
            elif instrument not in self.down:
                self.down.add(instrument)
                self.drops.append(Dropped(today, instrument, None))
        for instrument, at_most in LOW_ANSWER.items():
            for one in _answers(facts, instrument):
                is_fresh = today - timedelta(364) <= one.day <= today
                key = one.source, one.data["survey_id"]
                if is_fresh and one.data["score"] <= at_most and key not in self.low:
                    self.low.add(key)
                    self.drops.append(Dropped(today, instrument, one.data["survey_id"]))
