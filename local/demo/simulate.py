"""A year of relationship work around real customers: simulated, and the same for the same seed.

It shows every way in which a visit counts or does not (domain.md, Engagement): remote ones, ones without an
outcome or anybody met, the same few customers again and again, joint ones, customers that have not bought
yet, exhibitions, days with too many visits.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from random import Random

from local.demo.accounts import Account, accounts_of
from local.demo.cloudevents import CloudEvent, cloud_event
from local.demo.customers import Customer
from local.demo.roster import Representative, roster
from local.demo.visits import visits

SOURCE = "simulated/crm"
"""Source of every simulated event, so that nobody takes it for a record of the wholesaler."""

_SURVEYED_SHARE = 0.35
_NPS_SHARE = 0.7


def simulate(customers: Sequence[Customer], days: tuple[date, date], seed: int, zone: tzinfo) -> Iterator[CloudEvent]:
    """The simulated events of a period, both days included, grouped by kind, not sorted by time.

    customers: largest first, as `read_invoices` gives them. zone: of the business days.
    """
    first, last = days
    rng = Random(seed)  # noqa: S311 - repeatable on purpose
    reps = roster(rng, first, last)
    accounts = accounts_of(rng, customers, reps, first, last)
    yield from _registrations_of_reps(reps, zone, first)
    yield from _registrations_of_customers(accounts, zone)
    yield from _assignments(accounts, zone)
    yield from visits(rng, accounts, reps, days, _Clock(zone), SOURCE)
    yield from _surveys(rng, accounts, last, zone)


class _Clock:
    """Instants of business days in a zone."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def at(self, day: date, minute: int) -> datetime:
        return _at(day, minute, self._zone)


def _at(day: date, minute: int, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(minute // 60, minute % 60), tzinfo=zone)


def _registrations_of_reps(reps: Iterable[Representative], zone: tzinfo, first: date) -> Iterator[CloudEvent]:
    for rep in reps:
        registered_on = max(rep.active_from, first)
        data = {
            "name": rep.name,
            "role": rep.role,
            "team": rep.team,
            "fte": rep.fte,
            "active_from": rep.active_from.isoformat(),
            "active_until": rep.active_until and rep.active_until.isoformat(),
        }
        known = _at(registered_on, 7 * 60, zone)
        yield cloud_event(SOURCE, f"rep-{rep.id}", "representative.registered", rep.id, known, data)
        for number, (start, end) in enumerate(rep.absences, 1):
            absence = {
                "absence_id": f"A-{rep.id}-{number}",
                "from_on": start.isoformat(),
                "to_on": end.isoformat(),
                "reason": "annual leave",
            }
            told = _at(max(start - timedelta(days=14), first), 7 * 60 + 5, zone)
            yield cloud_event(SOURCE, f"abs-{rep.id}-{number}", "representative.absent", rep.id, told, absence)
            half = {
                "absence_id": f"A-{rep.id}-{number}-training",
                "from_on": (end + timedelta(days=3)).isoformat(),
                "to_on": (end + timedelta(days=4)).isoformat(),
                "reason": "training in the mornings",
                "part": "0.5",
            }
            yield cloud_event(SOURCE, f"abs-{rep.id}-{number}-training", "representative.absent", rep.id, told, half)


def _registrations_of_customers(accounts: Iterable[Account], zone: tzinfo) -> Iterator[CloudEvent]:
    for account in accounts:
        customer = account.customer
        data = {
            "name": account.name,
            "country": None if customer.country == "Unspecified" else customer.country,
            "industry": account.industry,
        }
        known = _at(account.known_on, 7 * 60 + 30, zone)
        yield cloud_event(SOURCE, f"cust-{customer.id}", "customer.registered", customer.id, known, data)


def _assignments(accounts: Iterable[Account], zone: tzinfo) -> Iterator[CloudEvent]:
    for account in accounts:
        for number, term in enumerate(account.terms, 1):
            data = {
                "account_manager": term.account_manager,
                "product_manager": term.product_manager,
                "from_on": term.from_on.isoformat(),
            }
            event_id = f"own-{account.customer.id}-{number}"
            told = _at(term.from_on, 7 * 60 + 45, zone)
            yield cloud_event(SOURCE, event_id, "account.assigned", account.customer.id, told, data)


def _surveys(rng: Random, accounts: Iterable[Account], last: date, zone: tzinfo) -> Iterator[CloudEvent]:
    for account in accounts:
        known_days = (last - account.customer.first_on).days
        if known_days < 1 or rng.random() > _SURVEYED_SHARE:
            continue
        for number in range(1, rng.choice((1, 1, 2, 3)) + 1):
            on = account.customer.first_on + timedelta(days=rng.randint(1, known_days))
            nps = rng.random() < _NPS_SHARE
            best = 10 if nps else 5
            floor = 0 if nps else 1
            score = round(rng.gauss(account.mood * best, best / 8))
            expected = round(0.8 * best) if rng.random() < 0.3 else None
            data = {
                "survey_id": f"S-{account.customer.id}-{number}",
                "instrument": "nps" if nps else "csat",
                "score": min(best, max(floor, score)),
                "expectation": expected,
                "touchpoint": rng.choice(("delivery", "order desk", "product range", "yearly review")),
            }
            when = _at(on, rng.randint(9 * 60, 17 * 60), zone)
            event_id = f"sur-{account.customer.id}-{number}"
            yield cloud_event(SOURCE, event_id, "satisfaction.surveyed", account.customer.id, when, data)
