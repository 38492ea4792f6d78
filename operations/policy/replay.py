"""Decides again over one customer's log with another policy: the tier it would have, beside the one it has.

Facts are folded once, by the rules of tiering; of decisions only what later ones depend on is computed. The customer's
present tier is that of the decisions on the log. An answer to the proposal open on the log is applied to the one open
in the trial; proposals that exist only in the trial stay unanswered. On the log, decisions come after their facts, and
after all of a history: an answer that names a later version waits for it, and so do the customer's later facts.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from services.tiering import stored
from services.tiering.domain import Tiering
from services.tiering.policy import Policies, in_force
from services.tiering.rules.changes import next_day
from services.tiering.rules.factors import Assessment, assess
from services.tiering.rules.outcome import find_outcome, foresee
from services.tiering.rules.standing import Proposal, Standing
from services.tiering.rules.state import State
from shared.events.codec import decode, encode
from shared.events.decisions import Decision, TierProposed
from shared.events.event import Event, LogPosition
from shared.events.facts import TierApproved, TierDeclined
from shared.facts.days import NEVER

MAX_WAITING = 1_000
"""Facts of one customer that wait for a version; then that will not come any more, as for a version mistyped."""


class Asked(NamedTuple):
    """A proposal of strategic: the answers that are for it are numbered after `after`, up to `until`."""

    after: int
    until: int = NEVER


@dataclass(slots=True)
class Twin:
    """One customer twice: `real` as the log has decided, `trial` as the policies tried would have.

    asked: proposals on the log by version; heard: how many answers the facts folded held; waiting: facts that are not
    folded yet.
    """

    state: State
    real: Standing
    trial: Standing
    asked: dict[int, Asked] = field(default_factory=dict)
    heard: int = 0
    waiting: list[Event] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class End:
    """Where one customer has come to as of an instant; money is scaled by the unit of the policy tried."""

    state: State
    real: Standing
    trial: Standing
    real_score: int
    tried: Assessment


class Replay:
    """`adopted` are the versions that decide now, `tried` those that are tried; both in order of their days."""

    def __init__(self, adopted: Policies, tried: Policies, zone: ZoneInfo) -> None:
        self._adopted, self._tried = adopted, tried
        self._domain = Tiering(adopted, zone)
        self.folds = self._domain.folds | self._domain.decides

    def begin(self, key: str) -> Twin:
        """A customer of whom nothing is known."""
        state, standing = self._domain.initial(key)
        return Twin(state, standing, standing)

    def fold(self, twin: Twin, event: Event) -> None:
        """Fold the next record of the customer; its type is one of `folds`."""
        if event.type in self._domain.decides:
            decision = event.data
            if (decision.version, decision.after) == (twin.real.version + 1, twin.real.last):
                self._accept(twin, decision, event.id)
        else:
            twin.waiting.append(event)
        while twin.waiting and (not _is_ahead(twin, twin.waiting[0]) or len(twin.waiting) > MAX_WAITING):
            self._fold(twin, twin.waiting.pop(0))

    def _accept(self, twin: Twin, decision: Decision, name: str) -> None:
        before = twin.real.proposal
        twin.real = self._domain.accept(twin.real, decision, name)
        if isinstance(decision, TierProposed) and decision.proposed_tier is not None:
            twin.asked[decision.version] = Asked(decision.answers_seen)
        elif before is not None and twin.real.proposal is None:
            ended = decision.answers_seen if isinstance(decision, TierProposed) else twin.heard
            twin.asked[before.version] = twin.asked[before.version]._replace(until=ended)

    def _fold(self, twin: Twin, event: Event) -> None:
        twin.trial = _pass(twin.state, twin.trial, self._tried, event.clock)
        if not isinstance(event.data, TierApproved | TierDeclined):
            twin.state = self._domain.evolve(twin.state, event)
        else:
            twin.heard += 1
            asked = twin.asked.get(event.data.proposal_version)
            if asked is not None and asked.after < twin.heard <= asked.until and twin.trial.proposal is not None:
                event.data = event.data.model_copy(update={"proposal_version": twin.trial.proposal.version})
                twin.state = self._domain.evolve(twin.state, event)
        twin.trial = _decide(twin.state, twin.trial, self._tried)

    def end(self, twin: Twin, as_of: datetime) -> End:
        """Let time pass up to an instant, for both."""
        for event in twin.waiting:
            self._fold(twin, event)
        twin.waiting.clear()
        state = twin.state.copy()
        real = _pass(state, twin.real, self._adopted, as_of)
        real_score = assess(state, in_force(self._adopted, state.today)).score
        twin.trial = _pass(twin.state, twin.trial, self._tried, as_of)
        tried = assess(twin.state, in_force(self._tried, twin.state.today))
        return End(twin.state, real, twin.trial, real_score, tried)

    @staticmethod
    def dump(twin: Twin) -> dict[str, Any]:
        """For storage, as JSON, while others are worked on."""
        trial = twin.trial
        proposal = None if trial.proposal is None else list(trial.proposal)
        clock = twin.state.clock
        return {
            "as_of": None if clock is None else clock.isoformat(timespec="milliseconds"),
            "state": stored.dump(twin.state, twin.real),
            "trial": [trial.rank, trial.computed, proposal],
            "asked": [[version, *asked] for version, asked in twin.asked.items()],
            "heard": twin.heard,
            "waiting": [
                [encode(event)[0].decode(), event.recorded_at.isoformat(), *event.log] for event in twin.waiting
            ],
        }

    def load(self, key: str, dumped: dict[str, Any]) -> Twin:
        """What `dump` gave."""
        clock = dumped["as_of"]
        as_of = None if clock is None else datetime.fromisoformat(clock)
        state, real = self._domain.load(key, {**dumped["state"], "as_of": as_of})
        rank, computed, proposal = dumped["trial"]
        trial = Standing(rank=rank, computed=computed, proposal=None if proposal is None else Proposal(*proposal))
        asked = {version: Asked(after, until) for version, after, until in dumped["asked"]}
        waiting = [
            decode(text.encode(), recorded_at=datetime.fromisoformat(at), log=LogPosition(*log))
            for text, at, *log in dumped["waiting"]
        ]
        return Twin(state, real, trial, asked, dumped["heard"], waiting)


def _is_ahead(twin: Twin, event: Event) -> bool:
    """Whether an answer names a version that the log has not come to."""
    return isinstance(event.data, TierApproved | TierDeclined) and event.data.proposal_version > twin.real.version


def _pass(state: State, standing: Standing, policies: Policies, until: datetime) -> Standing:
    """Let time pass, deciding on each day on which it alone may change a tier."""
    if state.clock is not None:
        while (day := next_day(state, policies)) < NEVER and (begins := state.days.start(day)) <= until:
            state.advance(begins)
            standing = _decide(state, standing, policies)
    state.advance(until)
    return standing


def _decide(state: State, standing: Standing, policies: Policies) -> Standing:
    found = find_outcome(state, standing, in_force(policies, state.today))
    if found.proposes is None and not found.differs(standing):
        return standing
    return foresee(state, standing, found)
