"""What admission asks of its store holds for the in-memory twin and for MongoDB alike."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from services.ingest.admission import Named, Store
from services.ingest.admit import Accepted, Claim, PersonName, judge
from shared.events.event import Position
from shared.mongo.texts import TEXTS
from tests.events.wire import event
from tests.services.ingest.fakes import World
from tests.services.ingest.judging import candidate
from tests.services.ingest.real import servers_of


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
    await store.move({0: 5, 7: 1}, {})
    await store.move({0: 3}, {})
    assert await store.positions([0, 1, 7]) == {0: 5, 1: 0, 7: 1}


async def test_a_claim_remembers_that_a_text_of_it_is_erased(store: Store) -> None:
    claim = first_claim()
    erased = replace(claim, entries=tuple(entry._replace(said=None) for entry in claim.entries))
    await store.claim([erased])
    assert (await store.find([claim.identity]))[claim.identity].entries == erased.entries


def named(fields: dict[str, str | None], order: str, person_id: str = "p.$1") -> Named:
    return Named(PersonName("customer:$x.y", person_id, fields), order)


PERSON = ("customer:$x.y", "p.$1")


async def test_persons_are_known_by_the_last_that_named_them(store: Store) -> None:
    assert await store.last_named([PERSON]) == {}
    await store.name([named({"name": "a"}, "2"), named({"name": "b"}, "3"), named({"name": "c"}, "1", "p2")], {})
    other = ("customer:$x.y", "p2")
    assert await store.last_named([PERSON, other, ("customer:1", "p2")]) == {PERSON: "3", other: "1"}


@pytest.mark.parametrize("known", [{}, {PERSON: "1"}, {PERSON: "2"}])
async def test_a_name_that_is_older_changes_nothing(store: Store, known: dict[Any, str]) -> None:
    """Whatever was known of the person a moment ago."""
    await store.name([named({"name": "a"}, "2")], {})
    await store.name([named({"name": "b"}, "1")], known)
    assert await store.last_named([PERSON]) == {PERSON: "2"}
    await store.name([named({"name": "$c"}, "3")], known)
    assert await store.last_named([PERSON]) == {PERSON: "3"}


@pytest.mark.real
async def test_the_greatest_order_names_a_person_field_by_field(stack_settings: dict[str, str]) -> None:
    async with servers_of(stack_settings) as servers:
        store = servers.store()
        for said in (
            [named({"name": "a", "title": "t"}, "1"), named({"name": "b"}, "3")],
            [named({"name": "c"}, "2")],
            [named({"title": "$u"}, "4"), named({"name": "z", "title": "z"}, "0")],
        ):
            await store.name(said, await store.last_named([PERSON]))
        (person,) = await servers.database["people"].find({"key": PERSON[0]}).to_list(None)
        assert {**person} == {
            "_id": {"key": PERSON[0], "person_id": PERSON[1]},
            "key": PERSON[0],
            "person_id": PERSON[1],
            "name": "b",
            "title": "$u",
            "order": "4",
        }


@pytest.mark.real
async def test_a_known_person_costs_one_write(stack_settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    async with servers_of(stack_settings) as servers:
        store = servers.store()
        written: list[str] = []

        class Counting:
            def __getattr__(self, name: str) -> Any:
                written.append(name)
                return getattr(servers.store()._people, name)

        monkeypatch.setattr(store, "_people", Counting())
        await store.name([named({"name": "a"}, "1")], {})
        await store.name([named({"name": "b"}, "2")], {PERSON: "1"})
        await store.name([named({"name": "b"}, "2")], {PERSON: "2"})
        assert written == ["insert_many", "bulk_write"]
        await store.name([named({"name": "c"}, "3")], {})  # somebody else was quicker
        assert written[2:] == ["insert_many", "bulk_write"]
        assert await store.last_named([PERSON]) == {PERSON: "3"}


@pytest.mark.real
async def test_only_claims_that_may_expire_are_in_the_index_that_expires_them(stack_settings: dict[str, str]) -> None:
    async with servers_of(stack_settings) as servers:
        await servers.store().claim([first_claim(), first_claim("customer.registered")])
        indexes = await servers.database["claims"].index_information()
        assert indexes["expires_at_1"]["expireAfterSeconds"] == 0
        assert indexes["expires_at_1"]["sparse"] is True
        expiring = await servers.database["claims"].count_documents({"expires_at": {"$exists": True}})
        assert expiring == 1


@pytest.mark.real
async def test_a_text_is_stored_once_and_an_erased_one_stays_erased(stack_settings: dict[str, str]) -> None:
    one, other = candidate(event("visit.logged")).texts
    async with servers_of(stack_settings) as servers:
        store, texts = servers.store(), servers.database[TEXTS]
        await store.write([one])
        await store.write([one._replace(text="another"), other, other])
        assert {text["_id"]: text["text"] async for text in texts.find()} == {
            one.text_id: one.text,
            other.text_id: other.text,
        }
        await texts.update_one({"_id": one.text_id}, {"$unset": {"text": ""}})
        await store.write([one, other])
        found = await texts.find_one({"_id": one.text_id})
        assert found is not None
        assert "text" not in found
