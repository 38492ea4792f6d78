"""What may be asked for with a subscription."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.subscriptions import ReplayAsked


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "2026-03-01T00:00:00"},  # of which zone?
        {"since": "2026-03-01T00:00:00Z", "start": "token"},
        {"since": "2026-03-01T00:00:00Z", "customers": ["C"] * 1_001},
        {"since": "2026-03-01T00:00:00Z", "types": ["guanxi.tier.changd.v1"]},
        {"sinse": "2026-03-01T00:00:00Z"},
    ],
)
def test_what_is_no_replay_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ReplayAsked.model_validate(asked)


def test_a_replay_begins_somewhere_or_is_of_all_that_is_held() -> None:
    for asked in ({}, {"start": "token"}, {"since": "1900-01-01T00:00:00+08:00"}):
        assert ReplayAsked.model_validate(asked).model_dump(exclude_unset=True).keys() == asked.keys()
