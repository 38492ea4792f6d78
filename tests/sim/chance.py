"""Every choice of a run, drawn from a seed, or given: a run with the same choices is the same run.

Choice 0 is always the plain one: no fault, the shortest delay. So a failing run can be made plainer choice by choice.
"""

from collections.abc import Mapping
from random import Random


class Chance:
    """Draws choices. With `deviations`, the choices are those by number, and 0 where none is given."""

    def __init__(self, seed: str, deviations: Mapping[int, int] | None = None) -> None:
        self._random = Random(seed).random
        self._given = deviations
        self._count = 0
        self._plain = False
        self.taken: dict[int, int] = {}
        """The choices that were not plain, by number."""

    def pick(self, options: int) -> int:
        """A number from 0 up to, not including, `options`."""
        number = self._count
        self._count = number + 1
        if self._plain:
            return 0
        given = self._given
        choice = int(self._random() * options) if given is None else given.get(number, 0) % options
        if choice:
            self.taken[number] = choice
        return choice

    def happens(self, probability: float) -> bool:
        """Whether something out of the ordinary happens."""
        if probability <= 0:
            return False
        number = self._count
        self._count = number + 1
        if self._plain:
            return False
        happens = bool(self._given.get(number, 0)) if self._given is not None else self._random() < probability
        if happens:
            self.taken[number] = 1
        return happens

    def be_plain(self) -> None:
        """From now on only plain choices: the faults are over."""
        self._plain = True
