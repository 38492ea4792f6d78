"""A book, and days of purchases, say the same as a plain dictionary of days, however they came about."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tiering.rules import blocks
from services.tiering.rules.sales import BORDERS, KEPT_DAYS, Book, Bought
from shared.facts.days import NEVER

TODAY = 739_700
AMOUNTS = st.tuples(*[st.sampled_from((0, 0, 1, 5, -5, 10**21))] * 4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("sell"), st.integers(-800, 10), AMOUNTS),
        st.tuples(st.just("pass"), st.integers(0, 200), st.just((0, 0, 0, 0))),
    ),
    max_size=60,
)


@pytest.fixture(params=[(32, 4096), (3, 50), (0, 4096)], ids=["as it is", "soon divided", "always divided"])
def _divided(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "UNDIVIDED", request.param[0])
    monkeypatch.setattr(blocks, "_WIDE", request.param[1])
    if request.param[0] != 32:
        monkeypatch.setattr(Book, "DAYS", 7)
        monkeypatch.setattr(Bought, "DAYS", 5)


def content(one: Any) -> dict[str, Any]:
    slots = [name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())]
    return {name: getattr(one, name) for name in slots}


def plainly(days: dict[int, Any], today: int) -> Book:
    """A book of days put one by one, ascending, its sums counted at the end."""
    book = Book()
    for day in sorted(days):
        if any(days[day]) and day > today - KEPT_DAYS:
            book.put(day, days[day])
    book.recount(today)
    return book


@given(steps=STEPS)
@pytest.mark.usefixtures("_divided")
def test_a_book_is_a_function_of_what_was_sold_and_of_today(steps: list[Any]) -> None:
    book, days, today = Book(), dict[int, Any](), TODAY
    for step, number, amounts in steps:
        if step == "pass":
            today += number
            if today >= book.due:
                book.advance(today)
        elif number > -KEPT_DAYS:
            day = today + number
            days[day] = tuple(map(sum, zip(days.get(day, (0, 0, 0, 0)), amounts, strict=True)))
            book.add(today, day, amounts)
        else:
            book.add(today, today + number, amounts)
    assert content(book) == content(plainly(days, today))
    standing = {day: it for day, it in days.items() if any(it) and day > today - KEPT_DAYS}
    assert book.count == len(standing)
    assert book.has_begun(today) == any(day <= today for day in standing)
    for segment, (low, high) in enumerate(pairwise(BORDERS)):
        assert book.net[segment] == sum(it[0] - it[1] for day, it in standing.items() if low <= today - day < high)
    year = [it for day, it in standing.items() if 0 <= today - day < 365]
    sums = tuple(sum(it[kind] for it in year) for kind in (0, 2, 3))
    assert (book.gross_365d, book.rated_365d, book.margin_365d) == sums
    assert book.ahead == tuple(min([d for d in standing if d + border > today], default=NEVER) for border in BORDERS)
    assert min(book.due, NEVER) == min([d + b for d in standing for b in BORDERS if d + b > today], default=NEVER)


@given(steps=st.lists(st.tuples(st.integers(0, 300), st.sampled_from((-1, 1, 2))), max_size=60))
@pytest.mark.usefixtures("_divided")
def test_days_of_purchases_are_a_function_of_the_purchases_that_stand(steps: list[tuple[int, int]]) -> None:
    bought, counts = Bought(), Counter[int]()
    for day, count in steps:
        bought.add(TODAY + day, count)
        counts[TODAY + day] += count
    plain = Bought()
    for day in sorted(day for day, count in counts.items() if count):
        plain.put(day, (counts[day],))
    plain.recount()
    assert content(bought) == content(plain)
    for today in (TODAY - 1, TODAY + 100, TODAY + 400):
        days = [day for day, count in counts.items() if count > 0 and day <= today]
        assert (bought.first(today), bought.last(today)) == (min(days, default=None), max(days, default=None))


def test_many_days_are_several_blocks_and_few_are_one() -> None:
    bought = Bought()
    for day in range(blocks.UNDIVIDED):
        bought.add(TODAY + 9 * day, 1)
    lengths = [len(bought.texts)]
    bought.add(TODAY + 9 * blocks.UNDIVIDED, 1)
    lengths.append(len(bought.texts))
    bought.add(TODAY, -1)
    assert [*lengths, len(bought.texts)] == [1, 6, 1]


def test_of_a_thousand_days_a_purchase_changes_one_block() -> None:
    book = Book()
    for day in range(1000):
        book.add(TODAY, TODAY - 500 + day, (1, 0, 0, 0))
    before = book.texts
    book.add(TODAY, TODAY, (5, 0, 1, 2))
    assert sum(one is not other for one, other in zip(before, book.texts, strict=True)) == 1
