"""State and standing <-> the private part of the stored document, in BSON's types.

A storage format: a change of shape needs a new FOLD_VERSION (and a rebuild). Short names and plain lists keep a
customer with ten purchases well under 1 KB. What can be worked out again (sums, due days) is not stored; empty parts
are left out. Whole numbers beyond 64 bits, which BSON lacks, are stored as strings, the whole list alike.
"""

from datetime import datetime, timedelta
from typing import Any

from services.tiering.rules.answers import Answer, Answers
from services.tiering.rules.days import Days
from services.tiering.rules.goals import Goal
from services.tiering.rules.invoices import Half, Invoices, Pair, is_settled
from services.tiering.rules.latest import Entry, Latest, Order
from services.tiering.rules.owners import Assignment, Owners
from services.tiering.rules.sales import KEPT_DAYS, Book, Tally
from services.tiering.rules.standing import Grace, Proposal, Standing
from services.tiering.rules.state import State

FOLD_VERSION = 3
"""3: invoices may have parts and credits, and amounts beyond 64 bits. Reads 2 as well; nothing needs a rebuild."""
_INT64 = 2**63
_LATEST = {"registered": "m", "ratings": "r", "credit": "c", "override": "o"}

Json = dict[str, Any]


def dump(state: State, standing: Standing) -> Json:
    """The private part. The clock stands outside, as `as_of` in milliseconds; `us` is the rest of it."""
    fold: Json = {"s": _dump_standing(standing)}
    if state.clock is not None and state.clock.microsecond % 1000:
        fold["us"] = state.clock.microsecond % 1000
    if state.books:
        fold["b"] = [_dump_book(currency, state.books[currency]) for currency in sorted(state.books)]
    _dump_bought(state, fold)
    for name, short in _LATEST.items():
        latest: Latest = getattr(state, name)
        if latest.entries:
            latest.settle(state.today)
            fold[short] = [[*entry.order, entry.day, entry.fields] for entry in latest.entries]
    if state.owners.assignments:
        state.owners.settle(state.today)
        fold["w"] = [[a.from_on, *a.order, a.roles] for a in state.owners.assignments]
    fold |= _dump_invoices(state)
    if state.goals:
        fold["t"] = [[metric, *goal.order, *goal[1:]] for metric, goal in sorted(state.goals.items())]
    if state.answers.seen:
        fold["a"] = [state.answers.seen, [list(answer) for answer in state.answers.given]]
    return fold


def load(customer: str, days: Days, fold: Json, as_of: datetime | None) -> tuple[State, Standing]:
    """State and standing from the private part and `as_of`."""
    state = State(customer, days)
    if as_of is not None:
        state.advance(as_of + timedelta(microseconds=fold.get("us", 0)))
    for stored in fold.get("b", ()):
        book = _load_book(stored)
        book.recount(state.today)
        state.books[stored["c"]] = book
    state.bought = _load_bought(state, fold)
    for name, short in _LATEST.items():
        setattr(state, name, Latest([Entry(Order(t, i, s), day, said) for t, i, s, day, said in fold.get(short, ())]))
    state.owners = Owners([Assignment(f, Order(t, i, s), roles) for f, t, i, s, roles in fold.get("w", ())])
    state.invoices = _load_invoices(fold, state.today)
    state.goals = {metric: Goal(Order(t, i, s), *goal) for metric, t, i, s, *goal in fold.get("t", ())}
    seen, given = fold.get("a", (0, ()))
    state.answers = Answers(seen, [Answer(*answer) for answer in given])
    state.notice()
    return state, _load_standing(fold["s"])


def _dump_book(currency: str, book: Book) -> Json:
    stored: Json = {"c": currency, "d": book.days.copy()}
    for short, amounts in (("g", book.gross), ("f", book.refunds), ("r", book.rated), ("m", book.margin)):
        if any(amounts):
            stored[short] = _fit(amounts)
    return stored


def _load_book(stored: Json) -> Book:
    book = Book()
    book.days = list(stored["d"])
    nothing = [0] * len(book.days)
    for short, name in (("g", "gross"), ("f", "refunds"), ("r", "rated"), ("m", "margin")):
        setattr(book, name, _unfit(stored[short]) if short in stored else nothing.copy())
    return book


def _fit(amounts: list[int]) -> list[int] | list[str]:
    if max(amounts) < _INT64 and min(amounts) >= -_INT64:
        return amounts.copy()
    return [str(amount) for amount in amounts]


def _unfit(stored: list[Any]) -> list[int]:
    return [int(amount) for amount in stored] if isinstance(stored[0], str) else list(stored)


def _dump_bought(state: State, fold: Json) -> None:
    """Days of the windows that have gross are days of purchases: only the others are stored, `p`, and, where not all
    are 1, the counts, `k`. Should the two not agree, while revisions cross, all days are stored, `q`.
    """
    days = state.bought.days
    if not days:
        return
    kept = [day for day in days if day > state.today - KEPT_DAYS]
    if kept == _days_with_gross(state):
        if len(kept) < len(days):
            fold["p"] = days[: len(days) - len(kept)]
    else:
        fold["q"] = days.copy()
    counts = [state.bought.counts[day] for day in days]
    if counts.count(1) != len(counts):
        fold["k"] = counts


def _load_bought(state: State, fold: Json) -> Tally:
    days = fold.get("q") or [*fold.get("p", ()), *_days_with_gross(state)]
    return Tally(dict(zip(days, fold.get("k") or [1] * len(days), strict=True)))


def _days_with_gross(state: State) -> list[int]:
    return sorted({day for b in state.books.values() for day, gross in zip(b.days, b.gross, strict=True) if gross})


def _dump_invoices(state: State) -> Json:
    """Plain pairs (an invoice never amended, and its payment, if any) as lists side by side, per source and currency,
    `i`; paid 0 where it is unpaid. The others one by one, `x`.
    """
    plain: dict[tuple[str, str], Json] = {}
    others = []
    for key, pair in sorted(state.invoices.pairs.items(), key=_key):
        if is_settled(pair, state.today):
            continue
        issue, paid_on = pair.issued.contents.get(1), pair.paid.contents.get(1, 0)
        is_plain = not pair.parts and not pair.credits and not pair.surplus
        if is_plain and isinstance(issue, tuple) and len(pair.issued) == 1 and len(pair.paid) == (1 if paid_on else 0):
            amount, currency, due_on = issue
            group = plain.setdefault(
                (key[0], currency), {"s": key[0], "c": currency, "i": [], "a": [], "d": [], "p": []}
            )
            for name, value in zip("iadp", (key[1], amount, due_on, paid_on), strict=True):
                group[name].append(value)
        else:
            parts = [] if is_plain else [_dump_halves(pair.parts), _dump_halves(pair.credits), pair.surplus]
            others.append([*key, _dump_half(pair.issued), _dump_half(pair.paid), *parts])
    for group in plain.values():
        group["a"] = _fit(group["a"])
    stored: Json = {"i": [plain[name] for name in sorted(plain)]} if plain else {}
    return stored | ({"x": others} if others else {})


def _key(item: tuple[tuple[str, str], Pair]) -> tuple[str, str]:
    return item[0]


def _load_invoices(fold: Json, today: int) -> Invoices:
    invoices = Invoices()
    for group in fold.get("i", ()):
        for invoice_id, amount, due_on, paid_on in zip(
            group["i"], _unfit(group["a"]), group["d"], group["p"], strict=True
        ):
            pair = invoices.pairs[group["s"], invoice_id] = Pair(Half({1: (amount, group["c"], due_on)}))
            if paid_on:
                pair.paid.contents[1] = paid_on
    for source, invoice_id, issued, paid, *parts in fold.get("x", ()):
        pair = invoices.pairs[source, invoice_id] = Pair(_load_half(issued, 3), _load_half(paid, 1))
        if parts:
            pair.parts, pair.credits = ({name: _load_half(half, 3) for name, half in some} for some in parts[:2])
            pair.surplus = parts[2]
    invoices.recount(today)
    return invoices


def _dump_half(half: Half) -> list[Any]:
    """[revision, content..., revision, content..., -revision (undone before it came)...]"""
    stored: list[Any] = []
    for revision in sorted(half.contents):
        content = half.contents[revision]
        stored += [revision, *_fit([content[0]]), *content[1:]] if isinstance(content, tuple) else [revision, content]
    return stored + [-revision for revision in sorted(half.undone)]


def _dump_halves(halves: dict[str, Half]) -> list[Any]:
    return [[name, _dump_half(halves[name])] for name in sorted(halves)]


def _load_half(stored: list[Any], width: int) -> Half:
    half = Half()
    place = 0
    while place < len(stored):
        revision = stored[place]
        if revision < 0:
            half.undone.add(-revision)
            place += 1
            continue
        content = stored[place + 1 : place + 1 + width]
        half.contents[revision] = content[0] if width == 1 else (int(content[0]), content[1], content[2])
        place += 1 + width
    return half


def _dump_standing(standing: Standing) -> list[Any]:
    proposal = standing.proposal
    shown = standing.since_version, standing.since_day
    since = [] if shown == (standing.changed_version, standing.changed_day) else shown
    return [
        standing.version,
        standing.last,
        standing.rank,
        standing.computed,
        standing.has_risen,
        standing.changed_version,
        standing.changed_day,
        standing.began,
        [part for grace in standing.graces for part in grace],
        None if proposal is None else list(proposal),
        *since,
    ]


def _load_standing(stored: list[Any]) -> Standing:
    version, last, rank, computed, has_risen, changed_version, changed_day, began, graces, proposal, *since = stored
    since_version, since_day = since or (changed_version, changed_day)  # stored only where they differ
    return Standing(
        version=version,
        last=last,
        rank=rank,
        computed=computed,
        has_risen=has_risen,
        changed_version=changed_version,
        changed_day=changed_day,
        began=began,
        graces=tuple(Grace(*pair) for pair in zip(graces[::2], graces[1::2], strict=True)),
        proposal=None if proposal is None else Proposal(*proposal),
        since_version=since_version,
        since_day=since_day,
    )
