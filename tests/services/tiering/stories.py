"""Customers of whom documents of fold version 2 are kept (former.json, by commit 2b2bfed): each must be read as the
same customer that is folded now.
"""

from datetime import date, timedelta

from tests.services.tiering.given import (
    Said,
    amended,
    approved,
    assigned,
    best,
    credit,
    invoice,
    lifted,
    overridden,
    paid,
    purchase,
    rated,
    refund,
    registered,
    voided,
)

_TWICE = invoice("500", "2026-01-02", due_on="2026-02-01", name="twice")
_MISTAKE = purchase("77", "2026-01-03", margin="0.5")


def _every(days: int, count: int, until: date = date(2026, 1, 20)) -> list[Said]:
    begin = until - timedelta(days * count)
    return [
        purchase(
            f"{100 + n}.50",
            (begin + timedelta(days * n)).isoformat(),
            currency=("CNY", "USD", "CHF")[n % 3 if days == 7 else 0],
            margin=(None, "0.2", "-0.01")[n % 3],
        )
        for n in range(count)
    ]


STORIES: dict[str, list[Said | str]] = {
    "nothing": [],
    "registered": [
        registered("2026-01-01", name="长城工业", country="CN"),
        assigned("2026-01-01", account_manager="ann"),
    ],
    "rich": [
        registered("2026-01-01", name="长城工业", country="CN"),
        assigned("2026-01-01", account_manager="ann"),
        assigned("2026-01-02", account_manager="bo", from_on="2026-06-01"),
        *best("2026-01-10"),
        credit("9.25", "2026-01-10", valid_until="2027-01-01"),
        refund("12.34", "2026-01-11", currency="USD"),
        invoice("77", "2026-01-12", due_on="2026-03-01", name="$.a"),
        approved(2, "2026-01-13"),
        overridden("partner", "2026-01-14", until="2026-04-01"),
        purchase("5", "2023-01-01", recorded_on="2026-01-15"),
        purchase("6", "2026-01-16", counts_on="2026-01-22"),
        "2026-01-20",
    ],
    "amended": [
        _TWICE,
        amended(_TWICE, "2026-01-04", amount="600.00"),
        paid("2026-01-05", name="twice"),
        _MISTAKE,
        voided(_MISTAKE, "2026-01-06"),
        rated("2026-01-07", fit="9", share="2.5", valid_until="2026-08-01"),
        lifted("2026-01-08"),
    ],
    "every week": [*_every(7, 90), "2026-02-01"],
    "every day for three years": [*_every(1, 1100), *_every(3, 40), "2026-01-25"],
}
