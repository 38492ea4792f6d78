"""The customers of the invoices file, as far as the simulation needs to know them."""

import csv
import gzip
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Customer:
    """One real customer. first_on: day of its first invoice, as shifted; net: of all its invoices, in GBP."""

    id: str
    country: str
    first_on: date
    net: Decimal


@dataclass(frozen=True, slots=True)
class Invoices:
    """What the file holds: rows, the days it covers (as shifted), its customers, largest net first."""

    rows: int
    shift_days: int
    first_on: date
    last_on: date
    customers: tuple[Customer, ...]


def read_invoices(path: Path, *, last_on: date) -> Invoices:
    """Reads the file (.csv or .csv.gz), moved by whole days so that its last day falls on `last_on`."""
    packed = path.suffix == ".gz"
    with gzip.open(path, "rt", encoding="utf-8") if packed else path.open(encoding="utf-8") as lines:
        return summarise(csv.DictReader(lines), last_on=last_on)


def summarise(rows: Iterable[Mapping[str, str]], *, last_on: date) -> Invoices:
    """`read_invoices` on rows already read; they may come in any order."""
    count, latest = 0, date.min
    countries: dict[str, str] = {}
    first: dict[str, date] = {}
    net: dict[str, Decimal] = {}
    earliest = date.max
    for row in rows:
        count += 1
        day = date.fromisoformat(row["invoice_date"][:10])
        earliest, latest = min(earliest, day), max(latest, day)
        customer = row["customer_id"]
        if not customer:
            continue
        countries.setdefault(customer, row["country"])
        first[customer] = min(first.get(customer, day), day)
        net[customer] = net.get(customer, Decimal()) + Decimal(row["amount_gbp"])
    if not count:
        raise ValueError("the invoices file has no rows")
    shift = last_on - latest
    customers = [Customer(name, countries[name], first[name] + shift, net[name]) for name in net]
    customers.sort(key=lambda customer: (-customer.net, customer.id))
    return Invoices(count, shift.days, earliest + shift, latest + shift, tuple(customers))
