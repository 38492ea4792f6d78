"""One event under several keys: all of its records or none, each once, whatever crashes (domain.md, One event under
several keys).
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from services.ingest import admission
from services.ingest.admit import Candidate, derived_from
from services.ingest.admit.from_log import claimed
from services.ingest.doors.http.vouching import vouch
from shared.events.codec import type_and_position
from shared.events.event import Event, Position
from tests.events.wire import event, raw
from tests.services.ingest.fakes import PLACE, InboxRecord, World, crashing, interleaving, read_log

KEY = b"secret"
Shown = list[tuple[str, str, int, Any]]


def plan(revision: int, *covers: str, subject: str = "c-0") -> dict[str, Any]:
    return event("group_plan.agreed", {"covers": [*covers]}, id=f"plan-{revision}", subject=subject, revision=revision)


def void(revision: int) -> dict[str, Any]:
    data = {"kind": "plan", "record_id": "pl-1"}
    return event("record.voided", data, id=f"void-{revision}", subject="c-0", revision=revision)


def erased(name: str, *also: str, person: str = "P-1") -> dict[str, Any]:
    data = {"person_id": person, **({"also": [*also]} if also else {})}
    return event("person.erased", data, id=name, subject="c-0")


def inbox_of(*documents: dict[str, Any]) -> dict[int, list[InboxRecord]]:
    records = []
    for offset, document in enumerate(documents):
        value = raw(document)
        records.append(InboxRecord(0, offset, value, None, vouch("steward", value, KEY)))
    return {0: records}


def world(**options: Any) -> World:
    return World(place=replace(PLACE, person_key=KEY), **options)


def folded(of: World) -> Shown:
    """What readers fold: by subject, type, number of the output, data."""
    found = [one for partition in read_log(of.topics["log"]) for one in partition]
    return sorted(((one.subject, one.type.split(".")[1], at.output, _said(one)) for at, one in found), key=str)


def _said(one: Event) -> Any:
    fact = one.data
    if hasattr(fact, "customer"):
        return one.revision, None if fact.from_on is None else (str(fact.from_on), str(fact.to_on))
    return one.revision


DAYS = ("2026-03-01", "2026-12-31")


async def test_a_plan_stands_under_each_key_that_it_covers_and_leaves_those_that_it_drops() -> None:
    there = world()
    await there.run(inbox_of(plan(1, "c-2", "c-1"), plan(2, "c-3", "c-2"), void(3), plan(4, "c-1")))
    found = folded(there)
    assert [one for one in found if one[0] == "c-1"] == [
        ("c-1", "plan", 1, (1, DAYS)),
        ("c-1", "plan", 1, (2, None)),
        ("c-1", "plan", 1, (4, DAYS)),
    ]
    assert [one for one in found if one[0] == "c-2"] == [
        ("c-2", "plan", 1, (3, None)),
        ("c-2", "plan", 2, (1, DAYS)),
        ("c-2", "plan", 2, (2, DAYS)),
    ]
    assert [one for one in found if one[0] == "c-3"] == [("c-3", "plan", 2, (3, None)), ("c-3", "plan", 3, (2, DAYS))]
    assert len(there.claims) == 1


async def test_a_person_is_erased_of_every_subject_and_a_repeat_is_one_duplicate() -> None:
    there = world()
    inbox = inbox_of(
        erased("e-1", "representative:P-1", "customer:c-1"), erased("e-1", "representative:P-1", "customer:c-1")
    )
    door = there.admission()
    await door.process(inbox)
    found = [one for partition in read_log(there.topics["log"]) for _, one in partition]
    assert sorted((one.data.scope, one.subject, one.data.also) for one in found) == [
        ("customer", "c-0", ("representative:P-1", "customer:c-1")),
        ("customer", "c-1", None),
        ("representative", "P-1", None),
    ]
    assert door.counts["duplicate"] == 1
    assert there.erased.keys() == {"customer:c-0", "customer:c-1", "representative:P-1"}
    other = inbox_of(erased("e-1", "customer:c-1"))
    await there.run({1: [replace(other[0][0], partition=1)]})
    assert there.reasons(1) == [b"conflicting_repeat"]


async def test_the_records_of_history_are_live_under_other_keys() -> None:
    there = world()
    value = raw(plan(1, "c-1"))
    await there.run({0: [InboxRecord(0, 0, value, None, [("backfill", b"1")])]})
    found = [one for partition in read_log(there.topics["log"]) for _, one in partition]
    assert {(one.subject, one.backfill) for one in found} == {("c-0", True), ("c-1", False)}


async def test_a_claim_is_restored_from_the_first_record_alone() -> None:
    there = world()
    await there.run(inbox_of(erased("e-1", "customer:c-1"), plan(1, "c-1")))
    found = []
    for record in there.logged():
        name, position = type_and_position(record.headers)
        assert position is not None
        assert record.key is not None
        assert record.value is not None
        if (one := claimed(record.key, record.value, name, position)) is not None:
            found.append(one)
    assert {one.identity for one in found} == there.claims.keys()
    assert {one.entry.content for one in found} == {claim.entries[0].content for claim in there.claims.values()}


def mixed(chance: random.Random) -> dict[int, list[InboxRecord]]:
    """Plans with revisions and voids, erasures, repeats."""
    documents: list[dict[str, Any]] = []
    for number in range(6):
        revision = number + 1
        covers = chance.sample(["c-1", "c-2", "c-3"], chance.randint(0, 3))
        documents.append(void(revision) if number and chance.random() < 0.3 else plan(revision, *covers))
        also = chance.sample(["customer:c-1", "customer:c-4", f"representative:P-{number}"], chance.randint(0, 3))
        documents.append(erased(f"e-{number}", *also, person=f"P-{number}"))
        if chance.random() < 0.3:
            documents.append(chance.choice(documents))
    return inbox_of(*documents)


async def every_crash_gives_the_same(seed: int) -> None:
    inbox, clean, steps = mixed(random.Random(seed)), world(), 0
    await clean.run(inbox)
    expected = folded(clean)
    assert any(output for _, _, output, _ in expected)
    while True:
        steps += 1
        there = world(step=crashing(after=steps))
        crashes = await there.run_until_done(inbox)
        assert folded(there) == expected, f"crash at step {steps}"
        assert there.erased == clean.erased
        if not crashes:
            return


@pytest.mark.parametrize("seed", range(4))
async def test_a_crash_after_any_effect_changes_nothing(seed: int) -> None:
    await every_crash_gives_the_same(seed)


@pytest.mark.parametrize("seed", range(10))
async def test_crashes_and_another_owner_change_nothing(seed: int) -> None:
    inbox, clean = mixed(random.Random(seed)), world()
    await clean.run(inbox)
    chance = random.Random(seed)
    step, others = crashing(after=chance.randint(1, 80)), interleaving(chance)

    async def both() -> None:
        await others()
        await step()

    there = world(step=both, chance=chance)
    await asyncio.gather(there.run_until_done(inbox), there.run_until_done(inbox))
    assert folded(there) == folded(clean)


def _one_output(candidate: Candidate, position: Position, replaces: Any, partitions: int) -> Any:
    return REAL(candidate, position._replace(output=0), replaces, partitions)


def _by_chance(candidate: Candidate, replaces: Any) -> list[Candidate]:
    made = derived_from(candidate, replaces)
    CHANCE.shuffle(made)
    return made


def _but_one_in_ten(candidate: Candidate, replaces: Any) -> list[Candidate]:
    return derived_from(candidate, replaces)[CHANCE.random() < 0.1 :]


REAL: Any = admission.log_record
CHANCE = random.Random(1)
PLANTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "all outputs have one number": ("log_record", _one_output),
    "their order is another one each time": ("derived_from", _by_chance),
    "one is lost now and then": ("derived_from", _but_one_in_ten),
}


async def every_crash_of(seeds: int) -> None:
    for seed in range(seeds):
        await every_crash_gives_the_same(seed)


@pytest.mark.parametrize("plant", PLANTS)
async def test_planted_bugs_are_found(plant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, *PLANTS[plant])
    with pytest.raises(AssertionError):
        await every_crash_of(20)
