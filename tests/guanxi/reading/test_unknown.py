"""A slip of the pen is named: weeks that no calendar has, representatives whom nobody registered."""

from datetime import date

import pytest
from typer.testing import CliRunner

from guanxi.cli import app
from guanxi.reading.representatives import must_be_known
from services.engagement.questions import EngagementQuestions, parse_week
from shared.errors import Malformed


@pytest.mark.parametrize(
    ("week", "said"),
    [
        ("2025-W53", "no such week; 2025 has 52"),
        ("2026-W00", "no such week; 2026 has 53"),
        ("2026-W54", "no such week; 2026 has 53"),
        ("2027-W53", "no such week; 2027 has 52"),
        ("0000-W01", "is not an ISO week such as 2026-W47"),
        ("2026-47", "is not an ISO week such as 2026-W47"),
        ("2026-W7", "is not an ISO week such as 2026-W47"),
        ("2026-w47", "is not an ISO week such as 2026-W47"),
        ("2026W47", "is not an ISO week such as 2026-W47"),
        ("２０２６-W47", "is not an ISO week such as 2026-W47"),
        ("", "is not an ISO week such as 2026-W47"),
    ],
)
def test_guanxi_week_of_no_week(week: str, said: str) -> None:
    """`guanxi week 2025-W53`: "no such week; 2025 has 52", whatever runs or does not."""
    result = CliRunner().invoke(app, ["week", week])
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    ("week", "monday"),
    [("2026-W53", date(2026, 12, 28)), ("2026-W01", date(2025, 12, 29)), ("2020-W53", date(2020, 12, 28))],
)
def test_weeks_of_the_calendar_are_known(week: str, monday: date) -> None:
    assert parse_week(week) == monday


class Known(EngagementQuestions):
    """Representatives by what the views show of them."""

    def __init__(self, weeks: set[str], people: dict[str, str]) -> None:
        self.in_weeks, self.people = weeks, people

    async def has_weeks(self, representative: str) -> bool:
        return representative in self.in_weeks

    async def names_of_representatives(self) -> dict[str, str]:
        return self.people


async def test_guanxi_today_of_an_unknown_representative() -> None:
    """`guanxi today R-9`: "unknown representative"."""
    questions = Known({"R-1"}, {"R-2": "王伟", "R-90": "李娜"})
    for known in ("R-1", "R-2"):
        await must_be_known(questions, known)
    with pytest.raises(Malformed, match="unknown representative: R-9 was never registered; did you mean R-90"):
        await must_be_known(questions, "R-9")
    with pytest.raises(Malformed, match=r"王 was never registered$"):
        await must_be_known(questions, "王")
