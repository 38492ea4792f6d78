"""The toy's rules: a customer is welcomed at every third visit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.events.decisions import Decision
from shared.events.event import Event
from shared.fold.domain import Address, Row
from tests.house.toy.events import WELCOMED, Welcomed

CUSTOMERS = "toy"
EACH = 3


@dataclass(slots=True)
class State:
    """What is known of a customer."""

    clock: datetime | None = None
    visits: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """The accepted decisions."""

    version: int = 0
    last: str | None = None


class Toy:
    """The domain of the log processor (shared/fold/domain.py)."""

    service = "toy"
    fold_version = 1
    folds = frozenset({"guanxi.visit.logged.v1"})
    decides = frozenset({WELCOMED})
    decides_history = True
    counts_told = False
    decides_by: object = None

    def collection(self, key: str) -> str:
        return CUSTOMERS

    def initial(self, key: str) -> tuple[State, Standing]:
        return State(), Standing()

    def clock(self, state: State) -> datetime | None:
        return state.clock

    def advance(self, state: State, clock: datetime) -> None:
        state.clock = clock if state.clock is None else max(state.clock, clock)

    def accepts(self, state: State, event: Event) -> bool:
        return False

    def evolve(self, state: State, event: Event) -> State:
        state.visits += event.replaces is None
        return state

    def accept(self, standing: Standing, decision: Decision, decision_id: str) -> Standing:
        return Standing(decision.version, decision_id)

    def version(self, standing: Standing) -> tuple[int, str | None]:
        return standing.version, standing.last

    def next_due(self, state: State, standing: Standing) -> datetime | None:
        return None

    def decide(self, state: State, standing: Standing, set_off_by: str | None) -> Sequence[Decision]:
        if state.clock is None or state.visits < EACH * (standing.version + 1):
            return ()
        version, on = standing.version + 1, state.clock.date()
        return [Welcomed(version=version, after=standing.last, effective_on=on, visits=state.visits)]

    def document(self, state: State, standing: Standing) -> dict[str, Any]:
        return {
            "visits": state.visits,
            "welcomed": standing.version,
            "as_of": state.clock,
            "fold": {"standing": [standing.version, standing.last]},
        }

    def load(self, key: str, document: dict[str, Any]) -> tuple[State, Standing]:
        return State(document["as_of"], document["visits"]), Standing(*document["fold"]["standing"])

    def needs(self, state: State, events: Sequence[Event]) -> Sequence[Address]:
        return ()

    def attach(self, state: State, pieces: Mapping[Address, dict[str, Any] | None]) -> None: ...

    def size(self, state: State) -> int:
        return 100

    def rows(self, state: State, standing: Standing) -> Sequence[Row]:
        return ()

    def keep(self, state: State) -> None: ...

    def history(self, key: str, event: Event) -> Row | None:
        return None
