"""Lines of the timeline and movements between tiers, as they are stored. Pure.

A line is for people and in no language: its kind and a few fields, which readers put into words. It stays when its
record is revised or voided, and is marked then.
"""

from functools import cache
from typing import Any

from services.feed.rules.state import MOVEMENTS, TIMELINE, Customer, Json
from services.feed.rules.table import NAMES, TABLE, is_confidential, plain
from shared.events.codec import content_hash
from shared.events.decisions import TierChanged
from shared.events.event import Event
from shared.events.facts import Fact, RecordVoided, VisitLogged
from shared.events.registry import FACTS, record_of
from shared.fold.domain import Address

MAX_NAMED = 5
"""Participants of a visit named in its line."""
OPEN = "9999-12-31"
"""The last day of a movement that no other has ended: a tier is held until further notice."""
_PREFIX, _SUFFIX = "guanxi.", ".v1"


@cache
def kind_of(type_name: str) -> str:
    """A type without what all types have: purchase.recorded."""
    return type_name.removeprefix(_PREFIX).removesuffix(_SUFFIX)


def record_key(event: Event) -> tuple[str, ...] | None:
    """What names the record of a fact in all its revisions, None where it has no business id."""
    return record_of(FACTS[event.type], vars(event.data)) if event.type in FACTS else None


def line_address(customer: str, event: Event, record: tuple[str, ...] | None, revision: int) -> Address:
    """Where the line of a revision is. Records are found by what names them; all others by where they stand."""
    if record is None:
        return TIMELINE, f"{customer}/{event.log.offset}"
    return TIMELINE, content_hash((customer, event.source, *record, revision)).hex()


def movement_address(customer: str, version: int) -> Address:
    """Where a movement is."""
    return MOVEMENTS, f"{customer}/{version}"


def line(customer: str, event: Event, record: tuple[str, ...] | None, replaced: Json | None) -> Json:
    """The line of a fact or an accepted decision. `offset` is its position on the log: a customer's records are on one
    partition. `replaced` is the line of the revision that it replaces.
    """
    made: Json = {
        "customer": customer,
        "offset": event.log.offset,
        "kind": kind_of(event.type),
        "occurred_at": event.time,
        "recorded_at": event.recorded_at,
        "source": event.source,
        "event": event.id,
    }
    if record is not None:
        made["record"] = list(record[1:])
    if event.revision != 1:
        made["revision"] = event.revision
    if event.replaces is not None:
        made["replaces"] = {"revision": event.replaces.revision}
        if replaced is not None:
            made["replaces"]["offset"] = replaced["offset"]
    for name, value in (("actor", event.actor), ("key_id", event.key_id), ("backfill", event.backfill or None)):
        if value is not None:
            made[name] = value
    shows = shown(event)
    if shows:
        made["shows"] = shows
    return made


def marked(replaced: Json, event: Event) -> Json:
    """A line whose record has been revised or voided."""
    by: Json = {"revision": event.revision, "offset": event.log.offset}
    return {**replaced, "voided" if isinstance(event.data, RecordVoided) else "revised": by}


def shown(event: Event) -> Json:
    """The fields of a line: amounts as decimal strings, days, kinds, ids of records and representatives; no texts, no
    person of the customer, nothing confidential.
    """
    data, names = event.data, TABLE[event.type].shows
    shows: Json = {}
    if isinstance(data, Fact):
        given = data.model_fields_set if data.NULL_CLEARS else ()
        for name in names:
            value = getattr(data, name)
            if value is not None or name in given:
                shows[name] = plain(value)
        if data.occurred_on is not None and not is_confidential(event):
            shows["occurred_on"] = data.occurred_on.isoformat()
    else:
        shows = {NAMES.get(name, name): plain(getattr(data, name)) for name in names}
    if isinstance(data, VisitLogged):
        shows |= _of_visit(data)
    return shows


def _of_visit(visit: VisitLogged) -> Json:
    counts = {
        "participants": len(visit.participants),
        "attendees": len(visit.attendees),
        "follow_ups": len(visit.follow_ups),
    }
    reps = [one.rep_id for one in visit.participants[:MAX_NAMED]]
    return {"reps": reps, **{name: count for name, count in counts.items() if count}}


def movement(state: Customer, event: Event) -> Json:
    """An accepted change of the tier shown. It holds from `from_on` through `to_on`, both included: on a day of several
    the last. `ended_at` is when the log learned of its end, so that `known_at=` is a filter too.
    """
    changed: TierChanged = event.data
    volume: Any = changed.factors.get("purchase_volume") or {}
    return {
        "customer": state.id,
        "version": changed.version,
        "from": changed.from_tier,
        "to": changed.to_tier,
        "from_on": changed.effective_on.isoformat(),
        "to_on": OPEN,
        "recorded_at": event.recorded_at,
        "ended_at": None,
        "net_365d": volume.get("value"),
        "policy": changed.policy,
        "policy_version": changed.policy_version,
        "region": None if state.region is None else state.region.value,
        "account_manager": state.manager,
        "offset": event.log.offset,
    }
