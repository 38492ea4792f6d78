"""Simulated accounts: a name, an owner and a mood for each real customer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from local.demo.customers import Customer
from local.demo.names import company_name, is_chinese, person_name
from local.demo.roster import Representative

_UNOWNED_SHARE = 0.01
_INDUSTRIES = ("gift shop", "online shop", "department store", "garden centre", "museum shop", "wholesale")
_DEPARTMENTS = ("purchasing", "shop floor", "management", "采购部")


@dataclass(frozen=True, slots=True)
class Term:
    """Who owns an account from a day on."""

    account_manager: str
    product_manager: str
    from_on: date


@dataclass(frozen=True, slots=True)
class Person:
    """Someone at the customer. A person without an id is met under the name alone."""

    id: str | None
    name: str
    department: str


@dataclass(frozen=True, slots=True)
class Account:
    """A customer and what is simulated about it. known_on: day of registration; mood: 0-1, how content."""

    customer: Customer
    name: str
    industry: str
    known_on: date
    terms: tuple[Term, ...]
    people: tuple[Person, ...]
    mood: float


def accounts_of(
    rng: Random, customers: Sequence[Customer], reps: Sequence[Representative], first: date, last: date
) -> tuple[Account, ...]:
    """One account per customer, in the same order.

    Owners take turns, so that the large ones are spread, too; who leaves hands over to the others.
    """
    managers = [rep for rep in reps if rep.role == "account_manager"]
    starters = [rep for rep in managers if rep.active_from <= first]
    products = [rep for rep in reps if rep.role == "product_manager"]
    found = []
    for number, customer in enumerate(customers):
        known_on = max(first, customer.first_on - timedelta(days=rng.randint(0, 20)))
        name = company_name(rng, customer.country)
        terms: tuple[Term, ...] = ()
        if rng.random() >= _UNOWNED_SHARE:
            terms = _terms(rng, number, (starters, managers, products), known_on, last)
        found.append(
            Account(
                customer=customer,
                name=name,
                industry=rng.choice(_INDUSTRIES),
                known_on=known_on,
                terms=terms,
                people=_people(rng, customer.id, chinese=is_chinese(name)),
                mood=min(1.0, max(0.2, rng.gauss(0.8, 0.15))),
            )
        )
    return tuple(found)


def _terms(
    rng: Random,
    number: int,
    candidates: tuple[Sequence[Representative], Sequence[Representative], Sequence[Representative]],
    known_on: date,
    last: date,
) -> tuple[Term, ...]:
    starters, managers, products = candidates
    owner = starters[number % len(starters)]
    product = products[number % len(products)].id
    first_term = Term(owner.id, product, known_on)
    if owner.active_until is None:
        return (first_term,)
    handover_on = owner.active_until + timedelta(days=1)
    heirs = [rep for rep in managers if rep.active_until is None and rep.active_from <= handover_on]
    heir = rng.choice(heirs).id
    if known_on >= handover_on:
        return (Term(heir, product, known_on),)
    return (first_term, Term(heir, product, handover_on)) if handover_on <= last else (first_term,)


def _people(rng: Random, customer_id: str, *, chinese: bool) -> tuple[Person, ...]:
    return tuple(
        Person(
            id=f"P-{customer_id}-{number}" if rng.random() < 0.7 else None,
            name=person_name(rng, chinese=chinese),
            department=rng.choice(_DEPARTMENTS),
        )
        for number in range(1, rng.randint(1, 3) + 1)
    )
