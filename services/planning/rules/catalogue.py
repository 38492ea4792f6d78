"""The catalogue of supporting services, and what a customer used of it (domain.md, Supporting services)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from services.planning.rules.plans import Ref
from services.planning.rules.tiers import PARTNER, PRIORITY, STRATEGIC, TierStep, entitled_on, tier_on

WINDOW_DAYS = 365
KEPT_DAYS = 2 * WINDOW_DAYS
"""Deliveries older than this are in no window, nor before one that is, and help nobody any more."""
HELP_DAYS = 14
"""Younger difficulties are not judged yet."""
MAX_DELIVERIES = 5_000
MAX_DIFFICULTIES = 2_000
"""Kept of a customer, the last ones."""
LEAST_DELIVERIES = {STRATEGIC: 4, PARTNER: 2, PRIORITY: 1}
"""In 365 days; with fewer a customer is unserved."""


@dataclass(frozen=True)
class Catalogue:
    """One version, in force from a day on; the first also before. quotas: by service and rank the quantity in 365 days,
    None without limit.
    """

    version: int
    effective_on: int
    quotas: Mapping[str, tuple[int | None, ...]]


Catalogues = Sequence[Catalogue]
"""In the order in which they take effect; one at least."""


def in_force(versions: Catalogues, day: int) -> Catalogue:
    """The version of a day."""
    return next((one for one in reversed(versions) if one.effective_on <= day), versions[0])


class Delivery(NamedTuple):
    """One delivery. concern_id: what it was for, of the same source."""

    day: int
    time: int
    service: str
    quantity: int
    concern_id: str | None


Deliveries = Mapping[Ref, Delivery]
"""By source and delivery_id."""


class Use(NamedTuple):
    """Of one service as of a day. quota, left: None without limit; beyond: the deliveries that exceed the quota of
    their day.
    """

    quota: int | None
    used: int
    left: int | None
    beyond: Sequence[Ref]


def uses(versions: Catalogues, steps: Sequence[TierStep], deliveries: Deliveries, today: int) -> dict[str, Use]:
    """What was used of each service of the catalogue in the 365 days to a day."""
    catalogue = in_force(versions, today)
    entitled = entitled_on(steps, today, today)
    made = sorted((one.day, one.time, ref, one) for ref, one in deliveries.items() if one.day <= today)
    found = {}
    for service, quotas in catalogue.quotas.items():
        of = [(ref, one) for *_, ref, one in made if one.service == service]
        beyond = []
        for number, (ref, one) in enumerate(of):
            if one.day <= today - WINDOW_DAYS:
                continue
            quota = in_force(versions, one.day).quotas.get(service, quotas)[entitled_on(steps, one.day, one.day - 1)]
            running = sum(other.quantity for _, other in of[: number + 1] if other.day > one.day - WINDOW_DAYS)
            if quota is not None and running > quota:
                beyond.append(ref)
        used = sum(one.quantity for _, one in of if one.day > today - WINDOW_DAYS)
        quota = quotas[entitled]
        found[service] = Use(quota, used, None if quota is None else max(0, quota - used), beyond)
    return found


def unknown(versions: Catalogues, deliveries: Deliveries, today: int) -> list[str]:
    """Services that were delivered and that the catalogue lacks: they are not counted."""
    known = in_force(versions, today).quotas
    return sorted({one.service for one in deliveries.values() if one.day <= today} - known.keys())


def unserved(versions: Catalogues, steps: Sequence[TierStep], deliveries: Deliveries, today: int) -> bool:
    """Whether a customer had fewer deliveries than its tier shall have."""
    known = in_force(versions, today).quotas
    made = [one for one in deliveries.values() if today - WINDOW_DAYS < one.day <= today and one.service in known]
    return len(made) < LEAST_DELIVERIES.get(tier_on(steps, today), 0)


def help_rate(difficulties: Mapping[Ref, int], deliveries: Deliveries, today: int) -> Fraction | None:
    """Of the difficulties raised in the last 365 days, those of the last 14 aside, the share that a delivery names."""
    raised = {ref for ref, day in difficulties.items() if today - WINDOW_DAYS < day < today - HELP_DAYS}
    kept = range(today - KEPT_DAYS, today + 1)
    helped = {(source, one.concern_id) for (source, _), one in deliveries.items() if one.day in kept}
    return Fraction(len(raised & helped), len(raised)) if raised else None


def next_days(versions: Catalogues, deliveries: Deliveries, difficulties: Mapping[Ref, int]) -> list[int]:
    """Days on which a window or a catalogue changes what was used."""
    days = [one.effective_on for one in versions[1:]]
    for one in deliveries.values():
        days += [one.day, one.day + WINDOW_DAYS, one.day + KEPT_DAYS + 1]
    for day in difficulties.values():
        days += [day + HELP_DAYS + 1, day + WINDOW_DAYS]
    return days
