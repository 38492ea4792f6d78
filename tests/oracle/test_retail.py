"""The two oracles of tiering are different programs; on real customers they must say the same."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest

from local.stack.paths import REPOSITORY
from tests.oracle.facts import Logged
from tests.oracle.policies import wholesale_gbp
from tests.oracle.retail import LONDON, File, Line, customer, load
from tests.oracle.tiering import tier_on, tiering
from tests.oracle.wire import event

PATH = REPOSITORY / "data" / "online-retail" / "invoices.csv.gz"
LAST_ON = date(2026, 6, 14)
AS_OF = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def file() -> File:
    return load(PATH, LAST_ON)


def test_the_file_has_the_totals_of_its_notice(file: File) -> None:
    assert (file.read, file.without_customer, file.zero) == (25_900, 3_710, 4)
    assert (file.admitted, len(file.customers), file.pence) == (22_186, 4_371, 830_006_581)
    assert sum(line.pence < 0 for lines in file.customers.values() for line in lines) == 3_654


def test_dates_are_moved_by_whole_days(file: File) -> None:
    assert max(line.on for lines in file.customers.values() for line in lines) == LAST_ON


def logged(line: Line) -> Logged:
    noun, record = ("recorded", "purchase_id") if line.pence > 0 else ("refunded", "refund_id")
    pounds = str(Decimal(abs(line.pence)).scaleb(-2))
    data = {record: line.invoice_no, "amount": pounds, "currency": "GBP"}
    said = event(f"purchase.{noun}", line.time, event_id=line.invoice_no, **data)
    return Logged(said, recorded_at=AS_OF, backfill=True)


@pytest.mark.parametrize("days_later", [0, 200, 900])
def test_plain_loops_and_the_general_oracle_agree(file: File, days_later: int) -> None:
    as_of = AS_OF + timedelta(days_later)
    movers = [name for name in sorted(file.customers) if 3 <= len(file.customers[name]) <= 12]
    for name in Random(days_later).sample(movers, 8):
        lines = file.customers[name]
        plain = customer(lines, as_of)
        outcome = tiering([logged(line) for line in lines], (wholesale_gbp(date(2020, 1, 1)),), LONDON, as_of)
        assert plain.tier == outcome.tier, name
        assert Fraction(plain.score) == outcome.judged.score, name
        assert Fraction(plain.net_730d_pence, 100) == outcome.judged.net_730d, name
        assert [(one.on, one.tier, Fraction(one.score)) for one in plain.changes] == [
            (one.effective_on, one.to_tier, one.score) for one in outcome.changes
        ], name
        for days_ago in range(0, 400, 40):
            on = as_of.astimezone(LONDON).date() - timedelta(days_ago)
            assert plain.tier_on(on) == tier_on(outcome.decisions, on), name
