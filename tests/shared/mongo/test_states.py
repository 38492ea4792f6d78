"""What the log processor asks of its store holds in memory and on MongoDB alike: the simulation stands on it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import Transient
from shared.fold.domain import Row
from shared.fold.kept import Difference
from shared.mongo import Database, connect
from shared.mongo.states import Fresh, Move, Progress, Quarantined, StateStore, Unexpected, Writes
from shared.settings import Settings
from tests.shared.fakes import AT, memory_database


@pytest.fixture(params=["memory", pytest.param("mongodb", marks=pytest.mark.real)])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    if request.param == "memory":
        yield memory_database()
        return
    environment = request.getfixturevalue("stack_settings")
    made = connect(
        Settings.model_validate({name.removeprefix("GUANXI_").lower(): v for name, v in environment.items()})
    )
    for name in ("levels_g1", "days_g1", "toy_fresh_g1", "toy_quarantine", "toy_positions"):
        await made.create_collection(name)
    yield made
    made.client.close()


@pytest.fixture
def store(database: Database) -> StateStore:
    return StateStore(database, "toy", generation=1, log_generation=1)


def move(begin: int, end: int, **vector: int) -> dict[int, Move]:
    return {0: Move(begin, Progress(end, {(1, int(name[1:])): (offset, 0) for name, offset in vector.items()}))}


def writes(version: int, **more: Any) -> Writes:
    made = Writes(documents={("levels", "c0"): {"shown": version, "fold": {"n": version}, "fold_version": 1}})
    for name, value in more.items():
        setattr(made, name, value)
    return made


async def folded(store: StateStore, begin: int, end: int) -> None:
    async with store.moving(move(begin, end)) as session:
        await session.save(writes(end))


async def shown(store: StateStore) -> Any:
    document = await store.collection("levels").find_one({"_id": "c0"})
    return None if document is None else document["shown"]


async def test_what_was_never_folded_begins_at_zero(store: StateStore) -> None:
    assert await store.progress([0, 3]) == {0: Progress(0, {}), 3: Progress(0, {})}
    assert await store.progress([3]) == {3: Progress(0, {})}


async def test_positions_and_documents_change_together(store: StateStore) -> None:
    await store.progress([0])
    async with store.moving(move(0, 5, p0=7, p1=2)) as session:
        await session.save(writes(1))
    assert await store.progress([0]) == {0: Progress(5, {(1, 0): (7, 0), (1, 1): (2, 0)})}
    assert await shown(store) == 1


async def test_a_batch_that_does_not_begin_at_the_stored_position_changes_nothing(store: StateStore) -> None:
    await store.progress([0])
    await folded(store, 0, 5)
    for begin in (0, 4, 6):
        with pytest.raises(Transient, match="a position has moved"):
            await folded(store, begin, 9)
    assert await shown(store) == 5


async def test_positions_alone_are_moved_from_where_the_batch_begins(store: StateStore) -> None:
    await store.progress([0, 1])
    await store.move({**move(0, 5, p0=7), 1: Move(0, Progress(3, {}))})
    reached = {0: Progress(5, {(1, 0): (7, 0)}), 1: Progress(3, {})}
    assert await store.progress([0, 1]) == reached
    for begin in (0, 4, 6):
        with pytest.raises(Transient, match="a position has moved"):
            await store.move(move(begin, 9))
    assert await store.progress([0, 1]) == reached


async def test_positions_alone_are_fenced_as_all_else_is(database: Database, store: StateStore) -> None:
    await store.progress([0])
    other_log = StateStore(database, "toy", generation=1, log_generation=2)
    being_built = StateStore(database, "toy", generation=1, log_generation=1, mark="building")
    for stranger in (other_log, being_built):
        with pytest.raises(Transient, match="a position has moved"):
            await stranger.move(move(0, 5))
    assert (await store.progress([0]))[0].offset == 0


async def test_who_moved_the_positions_alone_stops_a_batch_that_was_open(store: StateStore) -> None:
    await store.progress([0, 1])

    async def overtaken() -> None:
        async with store.moving({1: Move(0, Progress(1, {}))}):
            await store.move(move(0, 2))
            await folded(store, 0, 5)

    with pytest.raises(Transient, match="a position has moved"):
        await overtaken()
    assert await store.progress([0, 1]) == {0: Progress(2, {}), 1: Progress(0, {})}


async def test_positions_of_another_log_are_not_ours(database: Database, store: StateStore) -> None:
    await store.progress([0])
    other = StateStore(database, "toy", generation=1, log_generation=2)
    with pytest.raises(Transient, match="a position has moved"):
        await folded(other, 0, 5)


async def test_of_two_owners_at_once_the_second_gets_a_conflict(store: StateStore) -> None:
    await store.progress([0])
    async with store.moving(move(0, 5)) as session:
        with pytest.raises(Transient, match=r"[Ww]rite ?[Cc]onflict"):
            await folded(store, 0, 3)
        await session.save(writes(1))
    assert (await store.progress([0]))[0].offset == 5
    assert await shown(store) == 1


async def test_an_exception_undoes_everything(store: StateStore) -> None:
    await store.progress([0])

    async def failing() -> None:
        async with store.moving(move(0, 5)) as session:
            await session.save(writes(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await failing()
    assert (await store.progress([0]))[0].offset == 0
    assert await shown(store) is None
    await folded(store, 0, 2)


async def test_a_snapshot_is_read_and_one_s_own_writes(store: StateStore) -> None:
    await store.progress([0, 1])
    await folded(store, 0, 5)
    async with store.moving(move(5, 6)) as session:
        other = {1: Move(0, Progress(1, {}))}
        async with store.moving(other) as beside:
            await beside.save(Writes(documents={("levels", "c1"): {"shown": 9, "fold": {}, "fold_version": 1}}))
        assert await session.load([("levels", "c1")]) == {}
        await session.save(writes(6))
        loaded = await session.load([("levels", "c0"), ("levels", "c9")])
    assert {address: document["fold"] for address, document in loaded.items()} == {("levels", "c0"): {"n": 6}}


async def test_what_another_has_changed_since_the_snapshot_is_not_overwritten(store: StateStore) -> None:
    await store.progress([0, 1])

    async def overtaken() -> None:
        async with store.moving(move(0, 5)) as session:
            async with store.moving({1: Move(0, Progress(1, {}))}) as beside:
                await beside.save(writes(1))
            await session.save(writes(2))

    with pytest.raises(Transient, match=r"[Ww]rite ?[Cc]onflict"):
        await overtaken()
    assert await shown(store) == 1


async def test_documents_are_read_back_whole(store: StateStore) -> None:
    await store.progress([0])
    await folded(store, 0, 1)
    async with store.moving(move(1, 2)) as session:
        loaded = await session.load([("levels", "c0"), ("levels", "nobody")])
    assert loaded == {("levels", "c0"): {"shown": 1, "fold": {"n": 1}, "fold_version": 1}}


async def test_a_difference_sets_and_removes_what_it_names(store: StateStore) -> None:
    await store.progress([0])
    await folded(store, 0, 1)
    async with store.moving(move(1, 2)) as session:
        change = Difference({"shown": 2, "more": [1]}, unset=("fold_version",))
        await session.save(Writes(changed={("levels", "c0"): change}))
    assert await store.collection("levels").find_one({"_id": "c0"}) == {
        "_id": "c0",
        "shown": 2,
        "fold": {"n": 1},
        "more": [1],
    }


STANDS = Writes(new={("levels", "c0"): {"shown": 9}})
ROW_STANDS = Writes(rows=[Row("days", "a", {"n": 9}, new=True)])
IS_GONE = Writes(changed={("levels", "c1"): Difference({"shown": 9})})


@pytest.mark.parametrize("wrong", [STANDS, ROW_STANDS, IS_GONE], ids=["stands", "row stands", "is gone"])
async def test_what_is_not_as_thought_changes_nothing(store: StateStore, wrong: Writes) -> None:
    await store.progress([0])
    async with store.moving(move(0, 1)) as session:
        await session.save(writes(1, rows=[Row("days", "a", {"n": 1})]))
    with pytest.raises(Unexpected):
        async with store.moving(move(1, 2)) as session:
            await session.save(wrong)
    assert await shown(store) == 1
    assert (await store.progress([0]))[0].offset == 1


async def test_each_partition_notes_how_fresh_its_documents_are(store: StateStore) -> None:
    await store.progress([0])
    later = AT + timedelta(minutes=1)
    for begin, as_of, recorded_at in ((0, None, AT), (1, later, later), (2, AT, AT)):
        async with store.moving(move(begin, begin + 1)) as session:
            fresh = {("levels", 0): Fresh(as_of, recorded_at)}
            await session.save(Writes(fresh=fresh, projected_at=AT + timedelta(minutes=begin)))
    noted = await store.collection(store.freshness).find_one({"_id": "levels/0"})
    assert (noted["as_of"], noted["recorded_at"], noted["projected_at"], noted["generation"]) == (
        later,
        later,
        AT + timedelta(minutes=2),
        1,
    )


async def test_rows_are_replaced_and_deleted(store: StateStore) -> None:
    await store.progress([0])
    async with store.moving(move(0, 1)) as session:
        await session.save(writes(1, rows=[Row("days", "a", {"n": 1}), Row("days", "b", {"n": 2})]))
    async with store.moving(move(1, 2)) as session:
        await session.save(writes(1, rows=[Row("days", "a", None), Row("days", "b", {"m": 3}), Row("days", "z", None)]))
    assert await store.collection("days").find({}).to_list(length=9) == [{"_id": "b", "m": 3}]


async def test_fields_are_set_on_what_is_there_or_not(store: StateStore) -> None:
    await store.progress([0])
    async with store.moving(move(0, 1)) as session:
        await session.save(writes(1))
    async with store.moving(move(1, 2)) as session:
        frozen = {("levels", "c0"): {"incomplete_since": "x"}, ("levels", "c1"): {"incomplete_since": "y"}}
        await session.save(Writes(fields=frozen))
    assert await shown(store) == 1
    assert (await store.collection("levels").find_one({"_id": "c1"})) == {"_id": "c1", "incomplete_since": "y"}


async def test_only_so_much_of_a_quarantined_record_is_kept(store: StateStore) -> None:
    await store.progress([0])
    async with store.moving(move(0, 1)) as session:
        record = Quarantined(partition=0, offset=7, key="customer:c0", reason="odd", value=b"x" * 70_000)
        await session.save(Writes(quarantined=[record]))
    kept = await store.quarantine.find_one({"_id": "g1/0/7"})
    assert (len(kept["value"]), kept["value_bytes"], kept["reason"]) == (65_536, 70_000, "odd")
