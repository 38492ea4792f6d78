"""When a customer is to be contacted next, and how well the cadence was kept (domain.md, Engagement: contact)."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Literal, NamedTuple

from services.engagement.rules import day_sets
from services.engagement.rules.day_sets import Days
from services.engagement.rules.tiers import POTENTIAL, TierStep
from shared.policies.entitlements import Entitlements

ADHERENCE_DAYS = 90
Status = Literal["on_track", "due_soon", "lapsed"]


class CadenceStep(NamedTuple):
    """From a day on, a contact is owed every so many days; None: none is."""

    from_on: int
    days: int | None


class Contact(NamedTuple):
    """The state of contact as of a day; days are ordinals."""

    last_on: int | None
    cadence_days: int | None
    due_on: int | None
    status: Status | None


NO_CONTACT = Contact(None, None, None, None)
"""Nothing is owed."""


def cadence_steps(tiers: Sequence[TierStep], entitlements: Entitlements, clock: int, today: int) -> list[CadenceStep]:
    """How the cadence changed up to the clock, by tier changes and policy versions in the order in which they take
    effect; of one day, the policy first. A step that changes nothing is left out; before the first, no contact is owed,
    nor ever below general, whatever a policy says.

    Tier changes decided after the clock are left out although they are on the log: what is due in between is decided
    by the tier then, as it would have been had a sweep come by.
    """
    versions = entitlements.versions
    changes = [(step.effective_on, 1, step.rank) for step in tiers if step.at <= clock]
    if len(versions) > 1:
        changes += [
            (begins, 0, index)
            for index, version in enumerate(versions)
            if index and (begins := version.effective_on.toordinal()) <= today
        ]
        changes.sort(key=lambda change: change[:2])  # stable: tier changes of one day stay in order of version
    elif any(earlier[0] > later[0] for earlier, later in pairwise(changes)):
        changes.sort(key=lambda change: change[0])
    steps: list[CadenceStep] = []
    by_rank, rank = versions[0].by_rank, POTENTIAL
    present: int | None = None
    for day, is_tier, value in changes:
        if is_tier:
            rank = value
        else:
            by_rank = versions[value].by_rank
        cadence = None if rank == POTENTIAL else by_rank[rank].cadence_days
        if cadence != present:
            present = cadence
            steps.append(CadenceStep(day, present))
    return steps


def contact_as_of(today: int, last_on: int | None, steps: Sequence[CadenceStep]) -> Contact:
    """Due day and status as of a day, by the steps up to then."""
    cadence = steps[-1].days if steps else None
    due_on = _due_on(last_on, steps)
    if due_on is None or cadence is None:
        return Contact(last_on, cadence, None, None)
    if today >= due_on:
        return Contact(last_on, cadence, due_on, "lapsed")
    soon = 5 * (due_on - today) <= cadence
    return Contact(last_on, cadence, due_on, "due_soon" if soon else "on_track")


def _due_on(last_on: int | None, steps: Sequence[CadenceStep]) -> int | None:
    """The last contact (or the first day with a cadence) plus the cadence then in force; then for each later step in
    turn: a shorter cadence makes it the earlier of itself and that day plus the new one, a longer one the last contact
    (or first day) plus the new one. No cadence is the longest of all.
    """
    if last_on is None:
        first = next((index for index, step in enumerate(steps) if step.days is not None), None)
        if first is None:
            return None
        base, present, later = steps[first].from_on, steps[first].days, first + 1
    else:
        # A change on the contact's own day is a later one: that day began with the tier before.
        later = bisect_left(steps, last_on, key=lambda step: step.from_on)
        base, present = last_on, steps[later - 1].days if later else None
    due = None if present is None else base + present
    for step in steps[later:]:
        if step.days is None:
            due = None
        elif present is None or step.days < present:
            due = step.from_on + step.days if due is None else min(due, step.from_on + step.days)
        else:
            due = base + step.days
        present = step.days
    return due


def status_days(contact: Contact, today: int) -> Iterable[int]:
    """The days after today on which the status changes by time alone."""
    if contact.due_on is not None and contact.cadence_days is not None:
        for day in (contact.due_on - contact.cadence_days // 5, contact.due_on):
            if day > today:
                yield day


def first_cadence_day(steps: Sequence[CadenceStep]) -> int | None:
    """The first day with a cadence."""
    return next((step.from_on for step in steps if step.days is not None), None)


def adherence(today: int, contacts: Days, first_day: int | None, cadence_days: int | None) -> Fraction | None:
    """The share of the last 90 days, since the first day with a cadence, that lie within [a contact, that contact +
    present cadence). None where no contact is owed.
    """
    if cadence_days is None or first_day is None or first_day > today:
        return None
    start = max(today - ADHERENCE_DAYS + 1, first_day)
    # A bit a day, from the first one whose contact reaches to the start; each contact covers a cadence of days.
    covered = day_sets.bits(contacts, start - cadence_days + 1, today)
    reach = 1
    while reach < cadence_days:
        further = min(reach, cadence_days - reach)
        covered |= covered << further
        reach += further
    days = today - start + 1
    return Fraction((covered >> (cadence_days - 1) & ((1 << days) - 1)).bit_count(), days)
