"""Folding a record into what the feed knows of a customer, and into its rows."""

from bisect import insort
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from services.feed.rules.lines import line, line_address, marked, movement, movement_address, record_key
from services.feed.rules.state import Assignment, Customer, Latest
from services.feed.rules.table import BY_TIME, TABLE, touched
from shared.events.decisions import TierChanged
from shared.events.event import Event
from shared.events.facts import AccountAssigned, CustomerRegistered
from shared.events.registry import DECISIONS, REVIEWED
from shared.fold.domain import Address

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def accepts(state: Customer, event: Event) -> bool:
    """Whether a decision is the next of its service: the first on the log has won (architecture.md, invariant 6)."""
    version, last = state.decided.get(TABLE[event.type].by, (0, None))
    return bool(event.data.version == version + 1 and event.data.after == last)


def evolve(state: Customer, event: Event) -> None:
    """Fold a fact or an accepted decision; the clock has been advanced to it. A review is told only where it moved the
    business day, and leaves no line.
    """
    turned, state.turned = state.turned, False
    if event.type == REVIEWED:
        state.touched = BY_TIME if turned else ()
    else:
        state.touched = touched(event, turned=turned)
        _learn(state, event)
        _add_line(state, event)
    if state.touched:
        state.sequence += 1


def addresses(state: Customer, events: Sequence[Event]) -> Iterator[Address]:
    """The rows that these events may change and that the state does not hold."""
    for event in events:
        if event.replaces is not None:
            address = line_address(state.id, event, record_key(event), event.replaces.revision)
        elif isinstance(event.data, TierChanged) and state.moved:
            address = movement_address(state.id, state.moved)
        else:
            continue
        if address not in state.held:
            yield address


def _learn(state: Customer, event: Event) -> None:
    fact = event.data
    if event.type in DECISIONS:
        state.decided[TABLE[event.type].by] = (fact.version, event.id)
        if isinstance(fact, TierChanged) and fact.from_tier != fact.to_tier:
            _move(state, event)
        return
    stamp = (event.time - _EPOCH) // _MICROSECOND, event.id, event.source
    if isinstance(fact, CustomerRegistered):
        name = Latest(*stamp, fact.name)
        if state.name is None or name[:3] > state.name[:3]:
            state.name, state.terms = name, None
        region = Latest(*stamp, fact.region)
        if "region" in fact.model_fields_set and (state.region is None or region[:3] > state.region[:3]):
            state.region = region
    elif isinstance(fact, AccountAssigned) and "account_manager" in fact.model_fields_set:
        made = Assignment(fact.from_on.isoformat(), *stamp, fact.account_manager)
        insort(state.managers, made, key=lambda one: one[:4])
        begun = [place for place, one in enumerate(state.managers) if one.from_on <= str(state.today)]
        del state.managers[: max(begun, default=0)]  # days go on and never back: those before the last count no more


def _move(state: Customer, event: Event) -> None:
    """Note a movement; it ends the one before."""
    made = movement(state, event)
    if state.moved:
        address = movement_address(state.id, state.moved)
        before = state.row(address)
        if before is not None:
            end = (date.fromisoformat(made["from_on"]) - timedelta(days=1)).isoformat()
            ended = {**before, "to_on": end, "ended_at": event.recorded_at}
            state.put(address, ended)
    state.moved = event.data.version
    state.put(movement_address(state.id, state.moved), made, new=True, again=True)


def _add_line(state: Customer, event: Event) -> None:
    """Add the line of a record, and mark the one that it replaces. A record that was voided elsewhere and starts afresh
    here replaces no line of this customer's.
    """
    record = record_key(event)
    replaced = None
    if event.replaces is not None:
        address = line_address(state.id, event, record, event.replaces.revision)
        replaced = state.row(address)
        if replaced is not None:
            state.put(address, marked(replaced, event))
    made = line(state.id, event, record, replaced)
    address = line_address(state.id, event, record, event.revision)
    state.put(address, made, new=True, again=record is not None)
