"""Making a failing case smaller: fewer sends, fewer actions, fewer choices that are not the plain ones."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from tests.sim.parts import Parts
from tests.sim.run import Case, Outcome, run

T = TypeVar("T")
MAX_RUNS = 600


class _SpentError(Exception):
    """No runs are left."""


class Shrinker:
    """Shrinks one failing case, keeping what it breaks."""

    def __init__(self, outcome: Outcome, parts: Parts | None, max_runs: int = MAX_RUNS) -> None:
        self._parts, self._broken = parts, outcome.broken
        self._left = max_runs
        plan = outcome.case.plan()
        self.best = outcome
        self.best.case = replace(
            outcome.case,
            sends=outcome.case.sends or tuple(range(len(plan.sends))),
            actions=outcome.case.actions if outcome.case.actions is not None else tuple(range(len(plan.actions))),
        )

    def shrink(self) -> Outcome:
        """The smallest case found within the runs allowed."""
        try:
            self._fewer("actions")
            self._fewer("sends")
            self._try(replace(self.best.case, deviations=tuple(sorted(self.best.deviations.items()))))
            self._fewer("deviations")
            self._fewer("actions")
            self._fewer("sends")
            self._fewer("deviations")
        except _SpentError:
            pass
        return self.best

    def _try(self, case: Case) -> bool:
        if self._left == 0:
            raise _SpentError
        self._left -= 1
        outcome = run(case, self._parts)
        if outcome.broken != self._broken:
            return False
        self.best = outcome
        return True

    def _fewer(self, name: str) -> None:
        """Leave out chunks, larger ones first, as long as the same promise is broken."""
        size = max(1, len(self._items(name)) // 2)
        while True:
            place = 0
            while place < len(self._items(name)):
                items = self._items(name)
                fewer: Any = (*items[:place], *items[place + size :])
                if not self._try(replace(self.best.case, **{name: fewer})):
                    place += size
            if size == 1:
                return
            size //= 2

    def _items(self, name: str) -> Sequence[Any]:
        items: Sequence[Any] = getattr(self.best.case, name) or ()
        return items


def shrink(outcome: Outcome, parts: Parts | None = None, say: Callable[[str], None] | None = None) -> Outcome:
    """A smaller case that breaks the same promise; the given one where none was found."""
    smaller = Shrinker(outcome, parts).shrink()
    if say is not None:
        case = smaller.case
        say(
            f"shrunk to {len(case.sends or ())} events, {len(case.actions or ())} actions, "
            f"{len(case.deviations or ())} choices that are not plain"
        )
    return smaller
