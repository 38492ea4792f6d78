"""The 202 says where on the inbox a request's events stand (docs/readers.md: read your writes)."""

from pathlib import Path

import pytest

from services.ingest.inbox import Appended, InboxRecord
from shared.positions import Mark, Of, decode
from tests.services.ingest.doors.http.door import Door, MemoryClaims, purchases


class Spread:
    """An inbox that answers as told."""

    def __init__(self, *stands: Appended) -> None:
        self.stands = list(stands)

    async def write(self, records: list[InboxRecord]) -> list[Appended]:
        return [self.stands.pop(0) for _ in records]


def door_on(folder: Path, *stands: Appended, generation: int | None = 3, claims: MemoryClaims | None = None) -> Door:
    return Door(folder, claims=claims, inbox=Spread(*stands), generation=generation)  # type: ignore[arg-type]


async def test_it_is_behind_the_last_record_of_each_partition(tmp_path: Path) -> None:
    door = door_on(tmp_path, Appended(1, 7, -1), Appended(0, 40, -1), Appended(1, 5, -1))
    answer = await door.post(purchases("a", "b", "c"))
    assert decode(answer.json()["position"]) == Mark(Of.INBOX, 3, {0: 41, 1: 8})


async def test_a_duplicate_answers_where_it_stands_already(tmp_path: Path) -> None:
    claims = MemoryClaims(generation=3)
    claims.admit(*purchases("x", "a"))
    door = door_on(tmp_path, Appended(2, 9, -1), claims=claims)
    answer = await door.post(purchases("a"))
    assert answer.json()["duplicate"] == 1
    assert decode(answer.json()["position"]) == Mark(Of.INBOX, 3, {0: 2})
    answer = await door.post(purchases("a", "new"))
    assert decode(answer.json()["position"]) == Mark(Of.INBOX, 3, {0: 2, 2: 10})


async def test_a_duplicate_of_an_earlier_inbox_was_admitted_before_this_one(tmp_path: Path) -> None:
    claims = MemoryClaims(generation=2)
    claims.admit(*purchases("a"))
    answer = await door_on(tmp_path, claims=claims).post(purchases("a"))
    assert (answer.json()["duplicate"], answer.json()["position"]) == (1, None)


@pytest.mark.parametrize("generation", [None, 3])
async def test_where_nothing_stands_or_nobody_knows_there_is_none(tmp_path: Path, generation: int | None) -> None:
    door = door_on(tmp_path, Appended(1, 7, -1), generation=generation)
    refused = await door.post([{"specversion": "0"}])
    assert refused.json()["position"] is None
    assert ((await door.post(purchases("a"))).json()["position"] is None) == (generation is None)
