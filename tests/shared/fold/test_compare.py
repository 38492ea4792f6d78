"""Whether two generations say the same: what is compared, what is left for later, and what is found."""

from typing import Any

import pytest

from shared.fold import compare as comparing
from shared.fold.compare import Compared, Difference, compare
from tests.shared.fakes import on_log, purchase
from tests.shared.fold.beside import Beside


async def compared(world: Beside, again: Any = ()) -> Compared:
    found = Compared()
    chunks = [count async for count in compare(world.rebuild, found, again)]
    assert sum(chunks) == found.documents
    return found


async def folded(*customers: str) -> Beside:
    """A purchase of each that sets off a decision, read back; both generations stand after all of it."""
    world = Beside()
    for number, customer in enumerate(customers):
        await world.fold(on_log(purchase("60.00", subject=customer), 2 * number))
        await world.fold(world.published(2 * number + 1))
    return world


async def test_two_folds_of_one_log_are_alike_freshness_aside() -> None:
    world = await folded("c0", "c1", "c2")
    found = await compared(world)
    assert (found.documents, found.differing, found.later) == (3, 0, [])


@pytest.mark.parametrize("chunk", [1, 2, 500])
async def test_a_changed_field_is_named(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(comparing, "CHUNK", chunk)
    world = await folded("c0", "c1", "c2")
    await world.change("levels_g1", "c1", level=3)
    assert (await compared(world)).differences == [Difference("levels", "c1", ("level",))]


@pytest.mark.parametrize(
    ("collection", "words"),
    [("levels_g1", "only in the rebuilt generation"), ("levels_g2", "only in the live generation")],
)
async def test_a_lost_document_is_found_on_either_side(collection: str, words: str) -> None:
    world = await folded("c0", "c1")
    await world.lose(collection, "c1")
    assert (await compared(world)).differences[0] == Difference("levels", "c1", (words,))


@pytest.mark.parametrize("name", ["pending", "due_at", "review_at", "marked_due"])
async def test_what_only_the_live_one_knows_is_no_difference(name: str) -> None:
    world = await folded("c0")
    await world.change("levels_g1", "c0", **{name: "anything"})
    assert (await compared(world)).differing == 0


async def test_a_lost_row_of_a_customer_is_found() -> None:
    world = await folded("c0", "c1")
    for generation in (1, 2):
        for number in (0, 1):  # the toy's rows do not name their customer, as those of services do
            await world.change(f"level_history_g{generation}", f"c{number}/1", customer=f"c{number}")
    await world.lose("level_history_g1", "c0/1")
    assert (await compared(world)).differences == [
        Difference("level_history", "c0/1", ("only in the rebuilt generation",))
    ]


async def test_who_was_folded_further_is_left_for_later_and_compared_again() -> None:
    world = await folded("c0", "c1")
    record = on_log(purchase("60.00", name="p2", subject="c1"), 4)
    await world.fold_live(record)
    found = await compared(world)
    assert (found.differing, found.later) == (0, [("levels", "c1")])
    await world.fold_built(record)
    again = await compared(world, found.later)
    assert (again.documents, again.differing, again.later) == (1, 0, [])


async def test_who_is_frozen_in_the_live_one_alone_counts_as_repaired() -> None:
    world = await folded("c0", "c1")
    await world.change("levels_g1", "c0", incomplete_since="1/0/0", level=4)
    found = await compared(world)
    assert (found.repaired, found.differing) == (1, 0)


async def test_more_differences_than_are_kept_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "MAX_DIFFERENCES", 1)
    world = await folded("c0", "c1")
    for customer in ("c0", "c1"):
        await world.change("levels_g1", customer, level=3)
    found = await compared(world)
    assert (found.differing, len(found.differences)) == (2, 1)
