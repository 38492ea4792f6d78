"""Money and days of purchases as fold version 2 stored them, in a document's field `fold`: all days of a currency as
lists side by side; of purchases the days that have no gross in the windows.
"""

from typing import Any

from services.tiering.rules.sales import KEPT_DAYS, Book, Bought

Fold = dict[str, Any]


def books(fold: Fold, today: int) -> dict[str, Book]:
    """The books as of a day."""
    found = {}
    for stored in fold.get("b", ()):
        book = found[stored["c"]] = Book()
        days = stored["d"]
        columns = [[int(amount) for amount in stored.get(short, [0] * len(days))] for short in "gfrm"]
        for day, *amounts in zip(days, *columns, strict=True):
            book.put(day, amounts)
        book.recount(today)
    return found


def bought(fold: Fold, today: int) -> Bought:
    """The days of purchases: `q`, or `p` and those with gross; and where not all are 1, how many, `k`."""
    found = Bought()
    days = fold.get("q") or [*fold.get("p", ()), *_days_with_gross(fold, today)]
    for day, count in zip(days, fold.get("k") or [1] * len(days), strict=True):
        found.put(day, (count,))
    found.recount()
    return found


def _days_with_gross(fold: Fold, today: int) -> list[int]:
    gross = (zip(b["d"], b.get("g", ()), strict=False) for b in fold.get("b", ()))
    return sorted({day for some in gross for day, amount in some if int(amount) and day > today - KEPT_DAYS})
