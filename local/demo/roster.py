"""The simulated sales force: who there is, and the habits that make their weeks differ."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from local.demo.names import person_name
from shared.events.facts import Role

ACCOUNT_MANAGERS = 24
PRODUCT_MANAGERS = 8
EXECUTIVES = 2
_TEAMS = ("North", "South", "Export", "大客户部")
_ROLES: tuple[tuple[Role, str, int], ...] = (
    ("account_manager", "AM", ACCOUNT_MANAGERS),
    ("product_manager", "PM", PRODUCT_MANAGERS),
    ("executive", "EX", EXECUTIVES),
)
_CHINESE_SHARE = 0.4
_ABSENCE_WEEKS = 3


@dataclass(frozen=True, slots=True)
class Habits:
    """visits_per_week: mean for a full-time week. The others are shares of the visits.

    same_friends: back at the same few customers; remote: not face to face; no_outcome: neither consensus nor
    follow-up; joint: together with a colleague of the same role.
    """

    visits_per_week: float
    same_friends: float
    remote: float
    no_outcome: float
    joint: float


_DILIGENT = Habits(10.0, 0.08, 0.12, 0.05, 0.06)
_STEADY = Habits(8.5, 0.15, 0.18, 0.10, 0.08)
_COMFORTABLE = Habits(7.5, 0.75, 0.15, 0.12, 0.10)
_REMOTE = Habits(9.0, 0.12, 0.65, 0.10, 0.04)
_HASTY = Habits(9.0, 0.10, 0.12, 0.45, 0.05)
_STRETCHED = Habits(4.0, 0.15, 0.25, 0.12, 0.05)
_PRODUCT = Habits(7.5, 0.15, 0.22, 0.10, 0.08)
_MIX = (_DILIGENT, _STEADY, _STEADY, _COMFORTABLE, _DILIGENT, _REMOTE, _STEADY, _HASTY, _STEADY, _STRETCHED)


@dataclass(frozen=True, slots=True)
class Representative:
    """One of ours. absences: (first day, last day), in order."""

    id: str
    name: str
    role: Role
    team: str
    fte: str
    active_from: date
    active_until: date | None
    habits: Habits
    absences: tuple[tuple[date, date], ...] = field(default=())

    def works_on(self, day: date) -> bool:
        """Active, not absent and not a weekend."""
        if day.weekday() >= 5 or day < self.active_from:
            return False
        if self.active_until is not None and day > self.active_until:
            return False
        return not any(first <= day <= last for first, last in self.absences)


def roster(rng: Random, first: date, last: date) -> tuple[Representative, ...]:
    """The sales force of a period: mostly full-time and long there; one joins, one leaves, two work half."""
    names: set[str] = set()
    middle = first + (last - first) / 2
    found = []
    for role, prefix, count in _ROLES:
        for number in range(1, count + 1):
            manager = role == "account_manager"
            joins = manager and number == ACCOUNT_MANAGERS
            leaves = manager and number == ACCOUNT_MANAGERS - 1
            found.append(
                Representative(
                    id=f"{prefix}{number:02}",
                    name=_fresh_name(rng, names),
                    role=role,
                    team=_TEAMS[number % len(_TEAMS)],
                    fte="0.5" if manager and number in {6, 17} else "1",
                    active_from=middle if joins else first - timedelta(days=30),
                    active_until=middle + timedelta(days=60) if leaves else None,
                    habits=_MIX[number % len(_MIX)] if manager else _PRODUCT,
                    absences=_absences(rng, first, last),
                )
            )
    return tuple(found)


def _fresh_name(rng: Random, taken: set[str]) -> str:
    while (name := person_name(rng, chinese=rng.random() < _CHINESE_SHARE)) in taken:
        pass
    taken.add(name)
    return name


def _absences(rng: Random, first: date, last: date) -> tuple[tuple[date, date], ...]:
    """A few weeks of leave, from a Monday to a Friday each."""
    mondays = [first + timedelta(days=n) for n in range((last - first).days - 4)]
    mondays = [day for day in mondays if day.weekday() == 0]
    chosen = sorted(rng.sample(mondays, min(_ABSENCE_WEEKS, len(mondays))))
    return tuple((monday, monday + timedelta(days=4)) for monday in chosen)
