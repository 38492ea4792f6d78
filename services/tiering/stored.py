"""State and standing <-> the private fields of the stored document, in BSON's types.

A storage format: a change of shape needs a new FOLD_VERSION, and a reader of the former shape (stored_former.py).
Each field is a text, JSON with short names and plain lists: cheap to compare, write and read, with whole numbers of
any size.
Only fields that differ are written, so what moves with every event is small and by itself: `fold`, sums of the books;
`fold:<currency>:<number>`, their blocks; `fold:bought:<number>`, days of purchases; and what moves rarely,
`fold:standing`, `fold:facts`, `fold:invoices`. All are functions of the state alone, however it came about. Empty parts
are left out.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from pydantic_core import from_json, to_json

from services.tiering import stored_former as former
from services.tiering.rules.answers import Answer, Answers
from services.tiering.rules.blocks import Blocks
from services.tiering.rules.invoices import Half, Invoices, Pair, is_settled
from services.tiering.rules.sales import BORDERS, SEGMENTS, Book
from services.tiering.rules.standing import Grace, Proposal, Standing
from services.tiering.rules.state import NO_INVOICES, Closed, State
from shared.facts.days import NEVER, Days
from shared.facts.goals import Goal
from shared.facts.latest import Entry, Latest, Order
from shared.facts.owners import Assignment, Owners

FOLD_VERSION = 3
"""3: days lie in blocks; invoices may have parts and credits, and amounts beyond 64 bits. Reads 2 as well; nothing
needs a rebuild.
"""
FOLD, STANDING, FACTS, INVOICES = "fold", "fold:standing", "fold:facts", "fold:invoices"
_BOUGHT = "bought"
_LATEST = {"registered": "m", "ratings": "r", "credit": "c", "override": "o"}
_LOOK_AHEAD_DAYS = 366
"""How far ahead is looked for invoices to be forgotten; the text is made again then, or when one changes."""

Json = dict[str, Any]


def dump(state: State, standing: Standing) -> Json:
    """The private fields. The clock stands outside, as `as_of` in milliseconds; `us` is the rest of it."""
    fields = {FOLD: _text(_dump_head(state)), STANDING: _standing_text(state, standing)}
    for currency, book in state.books.items():
        for number, text in zip(book.numbers, book.texts, strict=True):
            fields[_block_name(currency, number)] = text
    for number, text in zip(state.bought.numbers, state.bought.texts, strict=True):
        fields[_block_name(_BOUGHT, number)] = text
    if state.facts_text is None:
        state.facts_text = _dump_facts(state)
    if state.facts_text:
        fields[FACTS] = state.facts_text
    if state.closed is None or state.today >= state.closed.until:
        state.closed = _close(state)
    state.opened = None
    if state.closed.text:
        fields[INVOICES] = state.closed.text
    return fields


def load(customer: str, days: Days, document: Mapping[str, Any], as_of: datetime | None) -> tuple[State, Standing]:
    """State and standing from the private fields and `as_of`."""
    state = State(customer, days)
    fold = document[FOLD]
    is_former = isinstance(fold, dict)
    head: Json = fold if is_former else from_json(fold)
    if as_of is not None:
        state.advance(as_of + timedelta(microseconds=head.get("us", 0)))
    if is_former:
        state.books, state.bought = former.books(fold, state.today), former.bought(fold, state.today)
        facts = invoices = fold
        standing = fold["s"]
    else:
        _load_books(state, head, document)
        facts = from_json(document.get(FACTS, "{}"))
        invoices = from_json(document.get(INVOICES, "{}"))
        standing = from_json(document[STANDING])
    _load_facts(state, facts)
    state.opened, state.closed = (_load_invoices(invoices, state.today), None) if invoices else (None, NO_INVOICES)
    state.notice()
    return state, load_standing(standing)


def _text(value: Any) -> str:
    return to_json(value).decode()


def _dump_head(state: State) -> Json:
    head: Json = {}
    if state.clock is not None and state.clock.microsecond % 1000:
        head["us"] = state.clock.microsecond % 1000
    if state.books:
        head["b"] = [_dump_sums(currency, state.books[currency]) for currency in sorted(state.books)]
    if state.bought.numbers:
        head["p"] = [state.bought.count, state.bought.earliest, state.bought.latest]
    return head


@lru_cache(10_000)
def _block_name(currency: str, number: int) -> str:
    return f"{FOLD}:{currency}:{number}"


def _dump_sums(currency: str, book: Book) -> list[Any]:
    return [currency, book.count, *book.ahead, *book.net, book.gross_365d, book.rated_365d, book.margin_365d]


def _load_books(state: State, head: Json, document: Mapping[str, Any]) -> None:
    for currency, count, *numbers in head.get("b", ()):
        book = state.books[currency] = Book()
        book.count, book.span = count, book.span_of(count)
        book.ahead, rest = tuple(numbers[: len(BORDERS)]), numbers[len(BORDERS) :]
        book.net = tuple(rest[:SEGMENTS])
        book.gross_365d, book.rated_365d, book.margin_365d = rest[SEGMENTS:]
        book.due = min(day + border for day, border in zip(book.ahead, BORDERS, strict=True))
    bought = state.bought
    bought.count, bought.earliest, bought.latest = head.get("p", (0, NEVER, 0))
    bought.span = bought.span_of(bought.count)
    for currency, some in groupby(sorted(_blocks(document)), itemgetter(0)):
        blocks: Blocks = bought if currency == _BOUGHT else state.books[currency]
        _, blocks.numbers, blocks.texts = zip(*some, strict=True)


def _blocks(document: Mapping[str, Any]) -> Iterator[tuple[str, int, str]]:
    for name, text in document.items():
        if name.startswith(FOLD) and name.count(":") > 1:
            _, currency, number = name.split(":")
            yield currency, int(number), text


def _dump_facts(state: State) -> str:
    facts: Json = {}
    for name, short in _LATEST.items():
        latest: Latest = getattr(state, name)
        if latest.entries:
            facts[short] = [[*entry.order, entry.day, entry.fields] for entry in latest.entries]
    if state.owners.assignments:
        facts["w"] = [[a.from_on, *a.order, a.roles] for a in state.owners.assignments]
    if state.goals:
        facts["t"] = [
            [metric, *goal.order, goal.due_on, goal.passed, goal.outcome]
            for metric, goal in sorted(state.goals.items())
        ]
    if state.answers.seen:
        facts["a"] = [state.answers.seen, [list(answer) for answer in state.answers.given]]
    return _text(facts) if facts else ""


def _load_facts(state: State, facts: Json) -> None:
    for name, short in _LATEST.items():
        if short in facts:
            entries = (Entry(Order(t, i, s), day, said) for t, i, s, day, said in facts[short])
            setattr(state, name, Latest(tuple(entries)))
    if "w" in facts:
        state.owners = Owners(tuple(Assignment(f, Order(t, i, s), roles) for f, t, i, s, roles in facts["w"]))
    if "t" in facts:
        state.goals = {
            metric: Goal(Order(t, i, s), due_on, passed=passed, outcome=outcome)
            for metric, t, i, s, due_on, passed, outcome in facts["t"]
        }
    if "a" in facts:
        seen, given = facts["a"]
        state.answers = Answers(seen, tuple(Answer(*answer) for answer in given))


def _close(state: State) -> Closed:
    """The invoices as text. What is settled is left out, and may be one day sooner than anything else changes."""
    invoices, soon = state.invoices, state.today + _LOOK_AHEAD_DAYS
    if not invoices.pairs:
        return NO_INVOICES
    stored = _dump_invoices(state)
    settles = any(is_settled(pair, soon) for pair in invoices.pairs.values())
    until = state.today + 1 if settles else soon
    return Closed(
        _text(stored) if stored else "", invoices.sums or NO_INVOICES.sums, invoices.due, until, _read_invoices
    )


def _read_invoices(text: str, today: int) -> Invoices:
    return _load_invoices(from_json(text) if text else {}, today)


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
    stored: Json = {"i": [plain[name] for name in sorted(plain)]} if plain else {}
    return stored | ({"x": others} if others else {})


def _key(item: tuple[tuple[str, str], Pair]) -> tuple[str, str]:
    return item[0]


def _load_invoices(fold: Json, today: int) -> Invoices:
    invoices = Invoices()
    for group in fold.get("i", ()):
        for invoice_id, amount, due_on, paid_on in zip(group["i"], group["a"], group["d"], group["p"], strict=True):
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
        stored += [revision, *content] if isinstance(content, tuple) else [revision, content]
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
        half.contents[revision] = content[0] if width == 1 else tuple(content)
        place += 1 + width
    return half


def _standing_text(state: State, standing: Standing) -> str:
    if state.standing is not standing:
        state.standing, state.standing_text = standing, _text(_dump_standing(standing))
    return state.standing_text


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


def load_standing(stored: list[Any]) -> Standing:
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
