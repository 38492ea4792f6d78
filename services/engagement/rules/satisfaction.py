"""What the customer perceives: answers to surveys, this year against the last (domain.md, Engagement: satisfaction)."""

from bisect import insort
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from services.engagement.rules.days import BusinessTime, first_kept_day
from shared.events.event import Event
from shared.events.facts import RecordVoided
from shared.facts.days import NEVER, to_micros

INSTRUMENTS = ("nps", "csat", "ces")
YEAR_DAYS = 365
LEAST_ANSWERS = 5
QUARTERS = 8
"""Two years: all of them within the 800 days that answers are kept for."""
FALL = {"nps": Fraction(20), "csat": Fraction(10), "ces": Fraction(1, 2)}
"""A fall by so much or more, in points (in scale points for CES), is a drop."""
LOW_ANSWER = {"nps": 6, "csat": 2}
VOID = -1

Ref = tuple[str, str]
"""Source and survey id."""


class Answer(NamedTuple):
    """One revision of an answer. instrument: index into INSTRUMENTS, or VOID; time: microseconds; day: ordinal."""

    revision: int
    time: int
    day: int
    instrument: int
    score: int = 0
    expectation: int | None = None
    touchpoint: str | None = None


class Figure(NamedTuple):
    """One instrument over a year: number of answers, mean gap to expectation, and `total`: promoters less detractors,
    satisfied ones, or the sum of CES.
    """

    instrument: str
    n: int
    total: int
    gap: Fraction | None

    @property
    def value(self) -> Fraction | None:
        """NPS or CSAT in percent, or the CES mean."""
        if not self.n:
            return None
        return Fraction(self.total * (1 if self.instrument == "ces" else 100), self.n)


class Turn(NamedTuple):
    """How often an instrument's trend has turned down, and whether it is down."""

    times: int
    down: bool


class Answers:
    """All answers that state keeps: those of the last 800 days and the latest before; and the turns of the trend.

    The turns are kept, since "once per turn to true" needs to know that it was false in between; they depend on facts
    and the clock only.
    """

    __slots__ = ("_same_until", "records", "turns")

    def __init__(self, records: dict[Ref, list[Answer]] | None = None, turns: dict[str, Turn] | None = None) -> None:
        self.records = records or {}
        self.turns = turns or {}
        self._same_until = 0

    def __bool__(self) -> bool:
        return bool(self.records or self.turns)

    def refs(self) -> AbstractSet[Ref]:
        """Source and id of each that is known."""
        return self.records.keys()

    def fold(self, event: Event, time: BusinessTime) -> bool:
        """Fold a SatisfactionSurveyed or the void of one; whether anything changed."""
        fact = event.data
        if isinstance(fact, RecordVoided):
            ref = (event.source, fact.record_id)
            answer = Answer(event.revision, to_micros(event.time), time.day_of(event), VOID)
        else:
            ref = (event.source, fact.survey_id)
            answer = Answer(
                event.revision,
                to_micros(event.time),
                time.day_of(event),
                INSTRUMENTS.index(fact.instrument),
                fact.score,
                fact.expectation,
                fact.touchpoint,
            )
        revisions = self.records.setdefault(ref, [])
        if any(known.revision == answer.revision for known in revisions):
            return False
        self._same_until = 0
        insort(revisions, answer, key=lambda known: known.revision)
        del revisions[:-1]
        return True

    def standing(self) -> Iterator[tuple[Ref, Answer]]:
        """The answers as they stand now."""
        return ((ref, revisions[-1]) for ref, revisions in self.records.items() if revisions[-1].instrument != VOID)

    def knows(self, instrument: str) -> bool:
        """Whether there is any answer by this instrument."""
        index = INSTRUMENTS.index(instrument)
        return any(answer.instrument == index for _, answer in self.standing())

    def last(self, today: int) -> tuple[Ref, Answer] | None:
        """The last answer up to a day."""
        return max(
            ((ref, answer) for ref, answer in self.standing() if answer.day <= today),
            key=lambda entry: (entry[1].day, entry[1].time, entry[0][1], entry[0][0]),
            default=None,
        )

    def figure(self, instrument: str, first_day: int, last_day: int) -> Figure:
        """An instrument over the days given, both included."""
        index = INSTRUMENTS.index(instrument)
        answers = [
            answer
            for _, answer in self.standing()
            if answer.instrument == index and first_day <= answer.day <= last_day
        ]
        gaps = [answer.score - answer.expectation for answer in answers if answer.expectation is not None]
        return Figure(
            instrument,
            len(answers),
            sum(_worth(instrument, answer.score) for answer in answers),
            Fraction(sum(gaps), len(gaps)) if gaps else None,
        )

    def years(self, instrument: str, today: int) -> tuple[Figure, Figure]:
        """An instrument over the last 365 days, and over the 365 before."""
        this = self.figure(instrument, today - YEAR_DAYS + 1, today)
        return this, self.figure(instrument, today - 2 * YEAR_DAYS + 1, today - YEAR_DAYS)

    def quarters(self, instrument: str, today: int) -> list[tuple[str, int, int]]:
        """The last QUARTERS calendar quarters, today's among them: of each with answers its name, how many, and the
        total as of a Figure.
        """
        index, kept = INSTRUMENTS.index(instrument), quarters_until(today)
        tallies: dict[str, tuple[int, int]] = {}
        for _, answer in self.standing():
            if answer.instrument == index and answer.day <= today and (name := quarter_of(answer.day)) in kept:
                n, total = tallies.get(name, (0, 0))
                tallies[name] = n + 1, total + _worth(instrument, answer.score)
        return [(name, *tallies[name]) for name in kept if name in tallies]

    def low(self, today: int) -> list[tuple[Ref, Answer]]:
        """The low answers under 365 days old, oldest first."""
        found = [
            (ref, answer)
            for ref, answer in self.standing()
            if today - YEAR_DAYS < answer.day <= today
            and answer.score <= LOW_ANSWER.get(INSTRUMENTS[answer.instrument], -1)
        ]
        return sorted(found, key=lambda entry: (entry[1].day, entry[1].time, entry[0]))

    def change_days(self, after: int) -> set[int]:
        """The days after a day on which time alone changes a figure that a decision looks at."""
        return {
            day
            for _, answer in self.standing()
            for day in (answer.day, answer.day + YEAR_DAYS, answer.day + 2 * YEAR_DAYS)
            if day > after
        }

    def watch(self, today: int) -> None:
        """Note where the trend of an instrument turned down, as of a day. To be called on every day of `change_days`
        and after each fold.
        """
        if not self.records or today < self._same_until:
            return
        self._same_until = min(self.change_days(today), default=NEVER)
        for instrument in INSTRUMENTS:
            down = self._is_down(instrument, today)
            turn = self.turns.get(instrument, Turn(0, down=False))
            if down != turn.down:
                self.turns[instrument] = Turn(turn.times + down, down)

    def _is_down(self, instrument: str, today: int) -> bool:
        this, last = self.years(instrument, today)
        if this.value is None or last.value is None or min(this.n, last.n) < LEAST_ANSWERS:
            return False
        return last.value - this.value >= FALL[instrument]

    def prune(self, today: int) -> None:
        """Forget what lies too far back."""
        first = first_kept_day(today)
        old = [ref for ref, revisions in self.records.items() if revisions[-1].day < first]
        if not old:
            return
        kept = self.last(first - 1)
        for ref in old:
            if kept is None or ref != kept[0]:
                del self.records[ref]


def quarter_of(day: int) -> str:
    """The calendar quarter of a day, such as 2026-Q1; day: ordinal."""
    on = date.fromordinal(day)
    return f"{on.year}-Q{(on.month + 2) // 3}"


def quarters_until(day: int) -> list[str]:
    """The last QUARTERS calendar quarters up to that of a day, the earliest first."""
    on = date.fromordinal(day)
    last = on.year * 4 + (on.month - 1) // 3
    return [f"{at // 4}-Q{at % 4 + 1}" for at in range(last - QUARTERS + 1, last + 1)]


def _worth(instrument: str, score: int) -> int:
    """What one answer adds to the total."""
    if instrument == "nps":
        return (score >= 9) - (score <= 6)
    return score >= 4 if instrument == "csat" else score
