"""What admission asks of its store holds for the in-memory twin and for MongoDB alike."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.ingest.admission import Named, Store
from services.ingest.domain import Accepted, Claim, PersonName, judge
from shared.events.event import Position
from tests.services.ingest.events import candidate, event
from tests.services.ingest.fakes import World
from tests.services.ingest.real import servers_of

AT = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)


@pytest.fixture(params=["memory", pytest.param("mongodb", marks=pytest.mark.real)])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield World()
        return
    async with servers_of(request.getfixturevalue("stack_settings")) as servers:
        yield servers.store()


def first_claim(noun: str = "visit.logged", offset: int = 0, **options: Any) -> Claim:
    verdict = judge(None, candidate(event(noun, **options)), Position(1, 0, offset))
    assert isinstance(verdict, Accepted)
    assert verdict.claim is not None
    return verdict.claim


async def test_a_claim_comes_back_as_it_was_stored(store: Store) -> None:
    for claim in (first_claim(), first_claim("customer.registered"), first_claim("record.voided")):
        assert await store.claim([claim])
        assert await store.find([claim.identity]) == {claim.identity: replace(claim, v=1)}


async def test_claims_that_are_not_there_are_left_out(store: Store) -> None:
    claim = first_claim()
    assert await store.find([]) == {}
    assert await store.find([b"x" * 16]) == {}
    await store.claim([claim])
    assert set(await store.find([b"x" * 16, claim.identity])) == {claim.identity}


async def test_a_claim_is_stored_once(store: Store) -> None:
    mine, theirs = first_claim(offset=1), first_claim(offset=2)
    assert await store.claim([theirs])
    other = first_claim("customer.registered")
    assert not await store.claim([mine, other])
    found = await store.find([mine.identity, other.identity])
    assert found == {mine.identity: replace(theirs, v=1), other.identity: replace(other, v=1)}


async def test_a_claim_changes_only_from_the_version_that_was_read(store: Store) -> None:
    await store.claim([first_claim()])
    (read,) = (await store.find([first_claim().identity])).values()
    verdict = judge(read, candidate(event("visit.logged", revision=2)), Position(1, 0, 5))
    assert isinstance(verdict, Accepted)
    assert verdict.claim is not None
    assert await store.claim([verdict.claim])
    assert not await store.claim([verdict.claim])
    (after,) = (await store.find([read.identity])).values()
    assert (after.v, [entry.revision for entry in after.entries]) == (2, [1, 2])


async def test_positions_only_rise_and_start_at_zero(store: Store) -> None:
    assert await store.positions([0, 7]) == {0: 0, 7: 0}
    await store.move({0: 5, 7: 1})
    await store.move({0: 3})
    assert await store.positions([0, 1, 7]) == {0: 5, 1: 0, 7: 1}


async def test_names_of_any_order_and_spelling_are_stored(store: Store) -> None:
    def named(name: str, seconds: int, event_id: str = "e", person_id: str = "p.$1") -> Named:
        person = PersonName("customer:$x.y", person_id, {"name": name, "title": "$title"})
        return Named(person, AT + timedelta(seconds=seconds), event_id, "crm")

    await store.name([named("second", 2), named("first", 1), named("other", 1, person_id="p2")])
    await store.name([named("third", 2, "f"), named("third", 2, "f")])
    await store.name([named("first", 1)])


@pytest.mark.real
async def test_the_greatest_time_id_and_source_name_a_person(stack_settings: dict[str, str]) -> None:
    async with servers_of(stack_settings) as servers:
        store = servers.store()
        for fields, when, event_id in (
            ({"name": "a", "title": "t"}, AT, "e-1"),
            ({"name": "b"}, AT + timedelta(microseconds=500_000), "e-0"),
            ({"name": "c"}, AT, "e-2"),
        ):
            await store.name([Named(PersonName("customer:1", "p", fields), when, event_id, "crm")])  # type: ignore[arg-type]
        (person,) = await servers.database["people"].find({"key": "customer:1"}).to_list(None)
        assert (person["person_id"], person["name"], person["title"]) == ("p", "b", "t")


@pytest.mark.real
async def test_only_claims_that_may_expire_are_in_the_index_that_expires_them(stack_settings: dict[str, str]) -> None:
    async with servers_of(stack_settings) as servers:
        await servers.store().claim([first_claim(), first_claim("customer.registered")])
        indexes = await servers.database["claims"].index_information()
        assert indexes["expires_at_1"]["expireAfterSeconds"] == 0
        assert indexes["expires_at_1"]["sparse"] is True
        expiring = await servers.database["claims"].count_documents({"expires_at": {"$exists": True}})
        assert expiring == 1
