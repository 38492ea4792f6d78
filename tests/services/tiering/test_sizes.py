"""What a kept state takes in memory, and what it says that it takes."""

import sys
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given as generated
from hypothesis import settings

from services.tiering.domain import Tiering
from services.tiering.rows import _NOTHING
from services.tiering.rules.answers import UNANSWERED
from services.tiering.rules.state import NO_INVOICES, State
from shared.facts.goals import NO_GOALS
from shared.facts.latest import NOTHING
from shared.facts.owners import NOBODY
from tests.generate import histories
from tests.laws.drive import drive
from tests.services.tiering.given import CNY, SHANGHAI, Given, Said, given, invoice, purchase
from tests.services.tiering.stories import STORIES

TEN = [purchase(f"{n}123.45", f"2026-{n:02}-10", margin="0.22") for n in range(1, 11)]
INVOICE = invoice("100", "2026-10-11", due_on="2026-11-11", name="INV-2026-00017")
SHARED = (UNANSWERED, NO_GOALS, NOTHING, NOBODY, NO_INVOICES, NO_INVOICES.sums, _NOTHING)


def in_memory(state: State, domain: Tiering, standing: Any) -> int:
    """Bytes of all that the state holds and no other holds too."""
    seen = {id(one) for one in (*SHARED, domain.days, standing, state.tomorrow, *domain.policies)}

    def of(one: Any) -> int:
        if id(one) in seen or one is None or callable(one) or isinstance(one, type):
            return 0
        seen.add(id(one))
        parts: list[Any] = []
        if isinstance(one, dict):
            parts = [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            parts = [*one]
        else:
            names = [name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())]
            parts = [getattr(one, name) for name in names if hasattr(one, name)]
            assert not hasattr(one, "__dict__"), f"{type(one)} has a dictionary of its own"
        return sys.getsizeof(one) + sum(map(of, parts))

    return of(state)


def kept(one: Given) -> tuple[int, int]:
    """Bytes, and what is said of them, once the document has been made."""
    assert one.row
    return in_memory(one.entity.state, one.domain, one.entity.standing), one.domain.size(one.entity.state)


def test_ten_purchases_and_an_invoice_take_under_three_kilobytes() -> None:
    taken, _ = kept(given(*TEN, INVOICE))
    assert taken < 2800


def test_a_thousand_days_of_purchases_take_their_text_and_little_more() -> None:
    first = date(2024, 1, 1)
    daily: list[Said | str] = [purchase("123.45", (first + timedelta(n)).isoformat()) for n in range(1000)]
    one = given(*daily)
    texts = sum(len(value) for name, value in one.row.items() if name.startswith("fold"))
    assert kept(one)[0] < texts + 6000


@pytest.mark.parametrize("name", STORIES)
def test_what_is_said_is_near(name: str) -> None:
    taken, said = kept(given(*STORIES[name]))
    assert taken / 1.6 < said < taken * 1.6


@generated(histories())
@settings(max_examples=25)
def test_what_is_said_is_near_for_any_history(history: Any) -> None:
    run = drive(Tiering((CNY,), SHANGHAI), history[0])
    assert run.document()
    taken, said = in_memory(run.state, run.domain, run.standing), run.domain.size(run.state)  # type: ignore[arg-type]
    assert taken / 2 < said < taken * 2
