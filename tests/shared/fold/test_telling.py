"""What is told of the records folded: once for each that was taken, on the key's partition, with marks now and then."""

from typing import Any

import pytest

from shared.errors import Transient
from shared.events.decisions import TierProposed
from shared.fold.entity import new_entity
from shared.fold.telling import MARK_EVERY_RECORDS, Telling
from shared.kafka.connection import partition_of
from shared.mongo.states import Mark, Move, Progress
from shared.service import Announces
from shared.topics import CHANGES
from tests.shared.fakes import TOY, Appended, event, purchase

ANNOUNCES = Announces(CHANGES, lambda _, event: event.id.encode(), lambda entity: len(entity.state.net_minor))


def telling(ends: Any = None) -> Telling:
    appender: Any = Appended()
    return Telling(ANNOUNCES, "changes", 7, appender, ends)


def test_a_fact_that_was_folded_is_told_on_the_partition_of_its_key() -> None:
    entity = new_entity(TOY, "customer:c0")
    list(entity.fold(purchase("1.00"), deciding=True))
    (told,) = telling().of(entity, purchase("1.00"))
    assert (told.partition, told.key, told.value) == (partition_of(b"customer:c0", 7), b"customer:c0", b"p1")


def test_what_was_passed_over_is_not_told() -> None:
    entity = new_entity(TOY, "customer:c0")
    list(entity.fold(purchase("1.00"), deciding=True))
    lost = TierProposed(
        version=9,
        effective_on=purchase("1.00").time.date(),
        proposed_tier=None,
        score="1",
        policy="p",
        policy_version=1,
    )
    list(entity.fold(event(lost), deciding=True))
    assert not telling().of(entity, event(lost))


@pytest.mark.parametrize(("above", "told"), [(0, 1), (1, 0), (2, 0)])
def test_a_repair_tells_what_lies_above(above: int, told: int) -> None:
    entity = new_entity(TOY, "customer:c0")
    list(entity.fold(purchase("1.00"), deciding=True))
    assert len(telling().of(entity, purchase("1.00"), above=above)) == told


async def ends() -> dict[int, int]:
    return {1: 40, 0: 30}


@pytest.mark.parametrize(
    ("begin", "end", "marks"),
    [
        (0, MARK_EVERY_RECORDS - 1, 0),
        (0, MARK_EVERY_RECORDS, 1),
        (MARK_EVERY_RECORDS, MARK_EVERY_RECORDS + 5, 0),
        (MARK_EVERY_RECORDS - 1, MARK_EVERY_RECORDS + 1, 1),
    ],
)
async def test_a_mark_is_made_where_a_batch_comes_past_another_ten_thousand(begin: int, end: int, marks: int) -> None:
    found = await telling(ends).marks({3: Move(begin, Progress(end, {}))})
    assert found == [Mark(3, begin, [30, 40])] * marks


async def test_without_marks_nobody_is_asked() -> None:
    async def never() -> dict[int, int]:
        raise Transient("asked")

    assert not await telling().marks({0: Move(0, Progress(MARK_EVERY_RECORDS, {}))})
    with pytest.raises(Transient):
        await telling(never).marks({0: Move(0, Progress(MARK_EVERY_RECORDS, {}))})
