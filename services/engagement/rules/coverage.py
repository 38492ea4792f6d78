"""The rows from which `rep_weeks` is aggregated: what one customer knows of a representative's visits and of whom owns
it (domain.md, Per representative and ISO week).

Where each reason is decided: exhibition, channel, no_attendee, no_outcome and not_general here, as the row's `flaw`;
other_role, joint and inactive when read, since they need the representative's registration as on that Monday; over_cap
and repeat when read, since they need the other customers' visits. Listed in that order, so the first of them is found.

A visit stands in a row once as it is (`now`) and once as its week knew it at closing (`closed`), in one entry where the
two are the same. So `closed` needs no second fold, and a rebuild gives it again.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from typing import Any

from services.engagement.rules import day_sets
from services.engagement.rules.day_sets import Days
from services.engagement.rules.days import BusinessTime, monday_of, week_name
from services.engagement.rules.owners import general_spans, named_from
from services.engagement.rules.tiers import GENERAL, Tiers
from services.engagement.rules.visits import (
    CHANNELS,
    EXHIBITION,
    IN_PERSON,
    KINDS,
    ROLES,
    Piece,
    Ref,
    Revision,
    in_order,
)
from shared.events.types import TIERS
from shared.facts.days import iso, to_instant, to_micros
from shared.facts.owners import Owners
from shared.fold.domain import Row

VISIT_ROWS = "visit_rows"
ACCOUNT_ROWS = "account_rows"
LATE_DAYS = 3
BURST_MICROS = 600_000_000
"""Visits logged within 10 minutes of one another stand in the same span of so long or in neighbouring ones, by which
`rep_weeks` finds those of other weeks (views/judging.py)."""

VisitKey = tuple[str, int]
"""Representative and Monday of the week."""
AccountKey = tuple[str, str]
"""Owning role and representative."""


def flaw(visit: Revision, rank: int) -> str | None:
    """The first reason, among those that need nothing but the customer, for which a visit does not count."""
    if visit.kind == EXHIBITION:
        return "exhibition"
    if visit.channel not in IN_PERSON:
        return "channel"
    if not visit.attendees:
        return "no_attendee"
    if not visit.outcome:
        return "no_outcome"
    return None if rank == GENERAL else "not_general"


def visit_keys(piece: Piece, monday: int) -> set[VisitKey]:
    """The rows of a week's visits."""
    return {
        (representative, monday)
        for revisions in piece.values()
        for revision in revisions
        if monday_of(revision.day) == monday
        for representative in revision.participants[::2]
    }


def first_listed(visit: Revision) -> dict[int, str]:
    """By role, the first participant listed in it."""
    first: dict[int, str] = {}
    for representative, role in visit.by:
        first.setdefault(role, representative)
    return first


def visit_rows(
    customer: str, touched: Mapping[VisitKey, bool], pieces: Mapping[int, Piece], tiers: Tiers, time: BusinessTime
) -> list[Row]:
    """The rows of the given keys; one without an entry left is deleted. `touched` says whether a row may stand."""
    entries: dict[VisitKey, list[dict[str, Any]]] = defaultdict(list)
    for monday in {monday for _, monday in touched} & pieces.keys():
        for ref, revisions in in_order(pieces[monday]):
            for representative, entry in _entries(ref, revisions, monday, touched, tiers, time):
                entries[representative, monday].append(entry)
    return [_visit_row(customer, key, entries[key], new=not touched[key]) for key in sorted(touched)]


def _entries(
    ref: Ref,
    revisions: list[Revision],
    monday: int,
    touched: Container[VisitKey],
    tiers: Tiers,
    time: BusinessTime,
) -> Iterable[tuple[str, dict[str, Any]]]:
    """The touched entries of one visit in one week, as it is now and as it was at closing."""
    closes_at = time.closes_at(monday)
    at_closing = next((one for one in reversed(revisions) if one.known <= closes_at), None)
    now, closed = _form(revisions[-1], monday, tiers, None), _form(at_closing, monday, tiers, monday)
    logged = min(revision.known for revision in revisions)
    forms = [(now, True, True)] if now == closed else [(now, True, False), (closed, False, True)]
    for form, is_now, is_closed in forms:
        if form is None:
            continue
        revision, rank = form
        first = first_listed(revision)
        for representative in set(revision.participants[::2]):
            if (representative, monday) not in touched:
                continue
            roles = {role for name, role in revision.by if name == representative}
            yield (
                representative,
                {
                    "day": iso(revision.day),
                    "date": revision.day,
                    "time": revision.time,
                    "at": to_instant(revision.time),
                    "source": ref[0],
                    "visit_id": ref[1],
                    "kind": KINDS[revision.kind],
                    "channel": CHANNELS[revision.channel],
                    "tier": TIERS[rank],
                    "flaw": flaw(revision, rank),
                    "roles": sorted(ROLES[role] for role in roles),
                    "first": sorted(ROLES[role] for role in roles if first[role] == representative),
                    "logged_at": to_instant(logged),
                    "late": not revision.backfill and time.day_at(logged) - revision.day > LATE_DAYS,
                    "backfill": revision.backfill,
                    "now": is_now,
                    "closed": is_closed,
                },
            )


def _form(visit: Revision | None, monday: int, tiers: Tiers, known_by: int | None) -> tuple[Revision, int] | None:
    """A visit and the tier in force, where it lies in the week."""
    if visit is None or not visit.stands or monday_of(visit.day) != monday:
        return None
    return visit, tiers.at(visit.day, known_by)


def _visit_row(customer: str, key: VisitKey, entries: list[dict[str, Any]], *, new: bool) -> Row:
    representative, monday = key
    name = f"{week_name(monday)}/{len(customer)}/{customer}/{representative}"
    if not entries:
        return Row(VISIT_ROWS, name, None)
    entries.sort(key=lambda entry: (entry["date"], entry["time"], entry["source"], entry["visit_id"], entry["closed"]))
    document = {
        "customer": customer,
        "representative": representative,
        "week": week_name(monday),
        "monday": monday,
        "visits": entries,
    }
    spans = {
        f"{representative}/{to_micros(entry['logged_at']) // BURST_MICROS}"
        for entry in entries
        if entry["now"] and not entry["backfill"]
    }
    if spans:
        document["logged_in"] = sorted(spans)
    return Row(VISIT_ROWS, name, document, new=new)


def account_rows(
    customer: str,
    touched: Mapping[AccountKey, bool],
    owners: Owners,
    tiers: Tiers,
    countable: Mapping[tuple[str, int], Days],
) -> list[Row]:
    """The rows of the given keys: since when it is known what the representative owns, when they owned this customer
    while it was general, and on which days they paid it a visit that may count, by the role they were first listed in.
    `touched` says whether a row may stand.
    """
    if not touched:
        return []
    roles = {role for role, _ in touched}
    spans = {role: general_spans(owners, role, tiers) for role in roles}
    closed = {role: general_spans(owners, role, tiers, closed=True) for role in roles}
    general = tiers.spans(GENERAL)
    rows = []
    for role, representative in sorted(touched):
        document = {
            "customer": customer,
            "representative": representative,
            "role": role,
            "named_from": named_from(owners, role, representative),
            "closed_named_from": named_from(owners, role, representative, closed=True),
            "spans": [span._asdict() for span in spans[role].get(representative, ())],
            "closed_spans": [span._asdict() for span in closed[role].get(representative, ())],
            "visited": [
                {"role": ROLES[taken], "days": days}
                for taken in _BY_NAME
                if (visited := countable.get((representative, taken)))
                and (days := [day for first, last in general for day in day_sets.listed_between(visited, first, last)])
            ],
        }
        name = f"{role}/{len(customer)}/{customer}/{representative}"
        rows.append(Row(ACCOUNT_ROWS, name, document, new=not touched[role, representative]))
    return rows


_BY_NAME = sorted(range(len(ROLES)), key=ROLES.__getitem__)
