"""How visits are stored: a customer's week, and what is known of all its visits besides the weeks. The inverse of each
function stands below it.
"""

from collections.abc import Sequence
from operator import add, sub
from typing import Any

from pydantic_core import from_json

from services.engagement.rules import day_sets
from services.engagement.rules.history import Noted, Visits
from services.engagement.rules.visits import Piece, Revision, in_order
from services.engagement.rules.week_counts import WeekCounts
from shared.events.codec import encode_json
from shared.fold.domain import Row

VISITS = "engagement_visits"
"""The visits of a customer and week, with all their revisions. Private, as `fold` is."""
_SETS = ("persons", "departments", "seen")


def piece_id(customer: str, monday: int) -> str:
    """The id of a week's document."""
    return f"{customer}/{monday}"


def piece_rows(customer: str, visits: Visits) -> list[Row]:
    """The touched weeks, as one text each: no view reads them, and as one text they cost the driver and MongoDB a third
    of what lists cost.
    """
    rows = []
    for monday, stood in sorted(visits.touched_weeks.items()):
        name, piece = piece_id(customer, monday), visits.held.get(monday)
        if piece:
            text = encode_json(dump_piece(piece)).decode()
            rows.append(Row(VISITS, name, {"customer": customer, "monday": monday, "visits": text}, new=not stood))
        else:
            rows.append(Row(VISITS, name, None))
    return rows


def attach_piece(visits: Visits, document: dict[str, Any]) -> None:
    """Take a week as `piece_rows` stored it."""
    visits.attach(document["monday"], load_piece(from_json(document["visits"])))


def dump_piece(piece: Piece) -> dict[str, Any]:
    """For storage: a column for each field, one entry a revision, so that packing and unpacking many visits costs
    little. `known` counts from `time`, whose distance is short. Sources, participants and attendees repeat, so they
    stand in lists of their own and the columns point to them.
    """
    return _dump([(source, name, *one) for (source, name), revisions in in_order(piece) for one in revisions])


def _dump(flat: list[tuple[Any, ...]]) -> dict[str, Any]:
    columns = zip(*flat, strict=True)
    sources, ids, revision, known, time, day, kind, channel, outcome, backfill, parts, met, notes, follows = columns
    dumped: dict[str, Any] = {
        "ids": ids,
        "revision": revision,
        "known": list(map(sub, known, time)),
        "time": time,
        "day": day,
        "kind": kind,
        "channel": channel,
        "flags": [one + 2 * two + 4 * three for one, two, three in zip(outcome, backfill, follows, strict=True)],
        "notes": [(index, noted) for index, noted in enumerate(notes) if noted],
    }
    for name, column in (("source", sources), ("participants", parts), ("attendees", met)):
        seen: dict[Any, int] = {}
        dumped[name] = [seen.setdefault(one, len(seen)) for one in column]
        dumped[f"{name}_seen"] = list(seen)
    return dumped


def load_piece(stored: dict[str, Any]) -> Piece:
    """The inverse of `dump_piece`."""
    parts, met = (list(map(tuple, stored[f"{name}_seen"])) for name in ("participants", "attendees"))
    notes: list[Sequence[str | None]] = [()] * len(stored["ids"])
    for index, noted in stored["notes"]:
        notes[index] = noted
    flags = stored["flags"]
    columns = (
        stored["revision"],
        map(add, stored["known"], stored["time"]),
        stored["time"],
        stored["day"],
        stored["kind"],
        stored["channel"],
        (bool(flag & 1) for flag in flags),
        (bool(flag & 2) for flag in flags),
        map(parts.__getitem__, stored["participants"]),
        map(met.__getitem__, stored["attendees"]),
        notes,
        (bool(flag & 4) for flag in flags),
    )
    piece: Piece = {}
    refs = zip(map(stored["source_seen"].__getitem__, stored["source"]), stored["ids"], strict=True)
    for ref, revision in zip(refs, map(Revision._make, zip(*columns, strict=True)), strict=True):
        piece.setdefault(ref, []).append(revision)
    return piece


def dump_visits(visits: Visits, today: int) -> dict[str, Any]:
    """What moves with a visit, for storage; sorted, so that equal contents are stored equally. The weeks' counts
    are stored besides (WeekCounts), and so are the pieces.
    """
    if visits.summed_on != today:
        visits.sum_up(today)
    stored: dict[str, Any] = {"sums": visits.sums}
    if visits.contacts:
        stored["contacts"] = day_sets.dump(visits.contacts)
    if visits.noted:
        stored["noted"] = day_sets.dump(visits.noted)
    for name in _SETS:
        if sets := getattr(visits, name):
            stored[name] = {key: day_sets.dump(sets[key]) for key in sorted(sets)}
    if visits.countable:
        countable = visits.countable
        stored["countable"] = [[*key, day_sets.dump(countable[key])] for key in sorted(countable)]
    if visits.spread:
        stored["spread"] = [[*ref, *visits.spread[ref]] for ref in sorted(visits.spread)]
    if visits.shown:
        stored["shown"] = [[one.day, one.time, *one.ref, *one.notes] for one in visits.shown]
    if visits.met_before:
        stored["met_before"] = sorted(visits.met_before.items())
    return stored


def load_visits(stored: dict[str, Any], before: str, recent: str, today: int) -> Visits:
    """The inverse of `dump_visits`, without any week."""
    visits = Visits()
    visits.weeks = WeekCounts(before, recent, today)
    visits.sums, visits.summed_on = stored["sums"], today
    visits.contacts = day_sets.load(stored.get("contacts", "0"))
    visits.noted = day_sets.load(stored.get("noted", "0"))
    for name in _SETS:
        if name in stored:
            setattr(visits, name, {key: day_sets.load(days) for key, days in stored[name].items()})
    visits.countable = {(name, role): day_sets.load(days) for name, role, days in stored.get("countable", ())}
    visits.spread = {(source, id_): tuple(weeks) for source, id_, *weeks in stored.get("spread", ())}
    visits.shown = tuple(
        Noted(day, time, (source, id_), notes) for day, time, source, id_, *notes in stored.get("shown", ())
    )
    visits.met_before = dict(stored.get("met_before", ()))
    return visits
