"""From the inbox to the log, each record once, whatever crashes and whoever else works on the same records."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from services.ingest import admission
from services.ingest.admission import MAX_CLAIM_ROUNDS, MAX_ERRORS_PER_BATCH, read
from services.ingest.admit import Candidate, WrittenText, read_quickly
from services.ingest.doors.http.vouching import vouch
from services.ingest.refusals.publish import FIELD, HINT, KEY_DROPPED, MAX_VALUE_BYTES, POSITION, REASON, VALUE_BYTES
from shared.errors import Stop, Transient
from shared.events.codec import dump_replaced
from shared.events.event import Position
from shared.events.types import TextRef
from shared.kafka.connection import partition_of
from tests.events.wire import SENT, event, raw
from tests.services.ingest.fakes import PARTITIONS, PLACE, Crashed, InboxRecord, World, crashing, interleaving, read_log
from tests.services.ingest.judging import NOW, ZONE

Inbox = dict[int, list[InboxRecord]]


def inbox_of(*partitions: Sequence[Any]) -> Inbox:
    """An inbox of documents, bytes or whole records."""
    return {
        number: [
            one
            if isinstance(one, InboxRecord)
            else InboxRecord(number, offset, one if isinstance(one, bytes) else raw(one))
            for offset, one in enumerate(records)
        ]
        for number, records in enumerate(partitions)
    }


def purchase(record_id: str, revision: int = 1, amount: str = "1.00", subject: str = "c-1") -> dict[str, Any]:
    name = f"{record_id}-{revision}-{amount}"
    data = {"purchase_id": record_id, "amount": amount}
    return event("purchase.recorded", data, id=name, revision=revision, subject=subject)


def void(record_id: str, revision: int = 2, subject: str = "c-1") -> dict[str, Any]:
    data = {"record_id": record_id}
    return event("record.voided", data, id=f"void-{record_id}-{revision}", revision=revision, subject=subject)


def visit(record_id: str, consensus: str | None, **attributes: Any) -> dict[str, Any]:
    data = {"visit_id": record_id, "consensus": consensus}
    return event("visit.logged", data, id=f"{record_id}-{consensus}", **attributes)


def mixed(seed: int, count: int = 24, customers: int = 4) -> Inbox:
    """Purchases, revisions, voids, duplicates, conflicts, names, texts, junk, spread over two partitions."""
    chance = random.Random(seed)
    makers = (
        lambda n, c: purchase(f"p{n}", chance.randint(1, 3), chance.choice(("1.00", "2.00")), subject=c),
        lambda n, c: void(f"p{n}", chance.randint(2, 4), subject=c),
        lambda n, c: visit(f"v{n}", chance.choice(("sample order", "no order", None)), subject=c),
        lambda n, c: event("visit.logged", {"visit_id": f"v{n}"}, id=f"v{n}", subject=c),
        lambda n, c: event("customer.registered", {"name": f"客户{n}"}, id=f"r{chance.randint(0, 9)}", subject=c),
        lambda n, c: event("customer.reviewed", id=f"review{n}", subject=c),
        lambda n, c: b"junk%d" % n,  # noqa: ARG005
    )
    partitions: list[list[Any]] = [[], []]
    for _ in range(count):
        number = chance.randint(0, 5)
        customer = f"c{number % customers}"
        partitions[chance.randint(0, 1)].append(chance.choice(makers)(number, customer))
    return inbox_of(*partitions)


async def test_a_batch_goes_to_the_log_under_its_own_keys_and_the_position_moves() -> None:
    world = World()
    inbox = inbox_of([purchase("p1"), purchase("p2", subject="c-2"), purchase("p1")])
    await world.run(inbox)
    records = world.logged()
    assert {record.key for record in records} == {b"customer:c-1", b"customer:c-2"}
    for record in records:
        assert record.partition == partition_of(record.key or b"", PARTITIONS)
    assert world.stored == {0: 3}


async def test_one_bad_record_of_a_batch_is_refused_and_the_others_go_through() -> None:
    world = World()
    inbox = inbox_of([purchase("p1"), b"junk", InboxRecord(0, 2, None), purchase("p2", amount="0"), purchase("p3")])
    door = world.admission()
    await door.process(inbox)
    assert len(world.logged()) == 2
    reasons = world.reasons()
    assert reasons == [b"not_json", b"empty", b"invalid_amount"]
    assert door.counts == {
        "accepted": 2,
        "duplicate": 0,
        "refused:not_json": 1,
        "refused:empty": 1,
        "refused:invalid_amount": 1,
    }


async def test_a_refusal_says_what_and_where_and_keeps_the_original() -> None:
    world = World()
    original = raw(purchase("p1", amount="NaN"))
    headers = (("trace", b"\xff"), ("none", None))
    await world.run({2: [InboxRecord(2, 0, original, b"their-key", headers)]})
    (record,) = world.topics["rejected"][2]
    said = dict(record.headers)
    assert (record.key, record.value) == (b"their-key", original)
    assert (said[REASON], said[FIELD], said[POSITION]) == (b"invalid_amount", b"data.amount", b"1/2/0")
    assert b"decimal" in said[HINT]
    assert said["trace"] == b"\xff"
    assert said["none"] is None


async def test_an_oversized_record_is_kept_cut_with_its_length() -> None:
    world = World()
    await world.run({0: [InboxRecord(0, 0, b"x" * 2_000_000, b"k" * 5000)]})
    (record,) = world.topics["rejected"][0]
    said = dict(record.headers)
    assert (said[REASON], said[VALUE_BYTES], said[KEY_DROPPED]) == (b"too_large", b"2000000", b"5000")
    assert len(record.value or b"") == MAX_VALUE_BYTES
    assert record.key is None


async def test_a_wrong_key_of_our_own_form_is_refused_and_any_other_is_fine() -> None:
    world = World()
    keys = (b"customer:c-2", b"customer:c-1", b"\xff", None)
    records = [InboxRecord(0, n, raw(purchase(f"p{n}")), key) for n, key in enumerate(keys)]
    await world.run({0: records})
    assert world.reasons() == [b"key_mismatch"]
    assert len(world.logged()) == 3


async def test_history_is_marked_by_the_importers_header() -> None:
    world = World()
    old = event(time="2019-03-01T00:00:00Z")
    await world.run({0: [InboxRecord(0, 0, raw(old), None, [("backfill", b"1")]), InboxRecord(0, 1, raw(old))]})
    ((_, admitted),) = world.folded()
    assert admitted.backfill is True
    assert admitted.clock.year == 2019
    assert world.reasons() == [b"too_old"]


async def test_a_producer_that_does_not_know_the_token_cannot_write_history() -> None:
    world = World(place=replace(PLACE, backfill_token=b"a secret of the deployment"))
    old = raw(event(time="2019-03-01T00:00:00Z"))
    guesses = (b"1", b"true", b"", None, b"a secret of the deploymenT")
    records = [InboxRecord(0, n, old, None, [("backfill", guess)]) for n, guess in enumerate(guesses)]
    await world.run({0: [*records, InboxRecord(0, 9, old, None, [("backfill", b"a secret of the deployment")])]})
    ((_, admitted),) = world.folded()
    assert admitted.backfill is True
    assert world.reasons() == [b"too_old"] * len(guesses)


async def test_persons_known_by_name_only_are_found_by_a_hash_with_the_deployments_key() -> None:
    ties = set()
    for person_key in (b"", b"key of a deployment", b"key of another one"):
        world = World(place=replace(PLACE, person_key=person_key))
        await world.run({0: [InboxRecord(0, 0, raw(event("visit.logged")))]})
        ((_, admitted),) = world.folded()
        ((_, tie),) = world.ties
        ties.add(tie)
        assert [person_id for _, person_id in world.people] == [admitted.data.attendees[0].person_id]
        assert tie not in str(admitted.data)
    assert len(ties) == 3


async def test_revisions_within_one_batch_replace_one_another_in_order() -> None:
    world = World()
    await world.run(inbox_of([purchase("p1"), purchase("p1", 3, "3.00"), void("p1", 4), purchase("p1", 2)]), batch=10)
    (kept,) = [partition for partition in read_log(world.topics["log"]) if partition]
    assert [(e.revision, e.replaces and e.replaces.revision) for _, e in kept] == [(1, None), (3, 1), (4, 3)]
    assert world.reasons() == [b"superseded"]
    assert kept[2][1].replaces is not None
    assert dump_replaced(kept[2][1].replaces)["data"]["amount"] == "3.00"


def assessed(name: str, event_id: str = "e-1", second: int = 0) -> dict[str, Any]:
    return event("key_person.assessed", {"name": name}, id=event_id, time=f"2026-03-01T12:00:{second:02}+08:00")


async def test_the_latest_name_wins_and_none_is_on_the_log() -> None:
    world = World()
    await world.run(inbox_of([assessed("新名", "e-2", second=1), assessed("旧名")]))
    assert world.people["customer:00042", "p-7"][1] == {"name": "新名", "title": "采购总监"}
    assert not any("名".encode() in (r.value or b"") for r in world.logged())


class Order(World):
    """Says when names were stored, and when the log was written."""

    def __init__(self) -> None:
        super().__init__()
        self.effects: list[str] = []

    async def name(self, names: Any, known: Any) -> None:
        await super().name(names, known)
        self.effects.append("named")

    async def claim(self, claims: Any) -> bool:
        claimed = await super().claim(claims)
        self.effects.append("claimed")
        return claimed

    async def write(self, texts: Any) -> None:
        await super().write(texts)
        self.effects.append("written")

    async def append(self, topic: str, records: Any) -> list[tuple[int, int]]:
        self.effects.append(topic)
        return await super().append(topic, records)


async def test_names_are_stored_before_the_log_speaks_of_them() -> None:
    world = Order()
    await world.run(inbox_of([assessed("张敏"), event("visit.logged")]))
    assert [effect for effect in world.effects if effect in {"named", "log"}] == ["named", "log"]


async def test_nothing_is_on_the_log_when_names_can_not_be_stored() -> None:
    class Nameless(World):
        async def name(self, names: Any, known: Any) -> None:
            raise Transient("no")

    world = Nameless()
    with pytest.raises(Transient):
        await world.run(inbox_of([assessed("张敏")]))
    assert world.topics["log"] == [[], [], []]


async def test_texts_are_stored_after_the_claim_and_before_the_log_speaks_of_them() -> None:
    world = Order()
    await world.run(inbox_of([event("concern.raised", {"about": "too late"})]))
    assert world.effects == ["claimed", "written", "log"]
    (text,) = world.texts.values()
    assert text is not None
    assert (text.key, text.text) == ("customer:00042", "too late")
    ((_, raised),) = world.folded()
    assert raised.data.about == TextRef(text_id=text.text_id, chars=8)
    assert not any(b"too late" in (record.value or b"") for record in world.logged())


async def test_nothing_is_on_the_log_when_texts_can_not_be_stored() -> None:
    class Textless(World):
        async def write(self, texts: Any) -> None:
            raise Transient("no")

    world = Textless()
    with pytest.raises(Transient):
        await world.run(inbox_of([event("concern.raised")]))
    assert world.topics["log"] == [[], [], []]


async def test_an_erased_text_stays_erased_when_its_record_is_read_again() -> None:
    world, inbox = World(), inbox_of([event("concern.raised")])
    await world.run(inbox)
    world.texts = dict.fromkeys(world.texts)
    world.stored.clear()
    await world.run(inbox)
    assert [*world.texts.values()] == [None]


async def test_a_text_in_a_claim_of_before_leaves_it_on_the_way_to_the_log() -> None:
    world, first = World(), event("concern.raised", {"about": "too late"})
    await world.run(inbox_of([first]))
    (claim,) = world.claims.values()
    undo = claim.entries[0].undo
    assert undo is not None
    old = claim.entries[0]._replace(undo={**undo, "data": {**undo["data"], "about": "too late"}})
    world.claims = {claim.identity: replace(claim, entries=(old,))}
    stored, world.texts = world.texts, {}
    await world.run(inbox_of([first, event("concern.raised", {"about": "far too late"}, revision=2)]))
    assert stored.items() < world.texts.items()
    assert not any(b"too late" in (record.value or b"") for record in world.logged())


@pytest.mark.parametrize("batch", [1, 9])
async def test_a_refused_record_leaves_no_name(batch: int) -> None:
    """Neither one that repeats another with other content, nor one that comes too late."""

    def visit(name: str, revision: int, second: int) -> dict[str, Any]:
        data = {"attendees": [{"person_id": "p-1", "name": name}]}
        return event("visit.logged", data, revision=revision, time=f"2026-03-01T12:00:{second:02}+08:00")

    world = World()
    records = [
        visit("王小明", 2, 0),
        visit("other", 2, 1),
        visit("late", 1, 2),
        assessed("张敏"),
        assessed("x", second=5),
    ]
    await world.run(inbox_of(records), batch=batch)
    assert {person: fields["name"] for person, (_, fields) in world.people.items()} == {
        ("customer:00042", "p-1"): "王小明",
        ("customer:00042", "p-7"): "张敏",
    }
    reasons = world.reasons()
    assert reasons == [b"conflicting_repeat", b"superseded", b"conflicting_repeat"]


@pytest.mark.parametrize("noun", SENT)
async def test_every_type_reaches_the_log_and_is_read_back(noun: str) -> None:
    """As the door passes them on, since some come through it alone."""
    secret, value = b"key of a deployment", raw(event(noun))
    world = World(place=replace(PLACE, person_key=secret))
    await world.run(inbox_of([InboxRecord(0, 0, value, headers=tuple(vouch("steward", value, secret)))]))
    ((position, admitted),) = world.folded()
    assert position == Position(1, 0, 0, 0)
    assert admitted.type == f"guanxi.{noun}.v1"


def texts_of(world: World, inbox: Inbox) -> dict[str, WrittenText]:
    """The texts of what was accepted, by what was claimed and what the inbox has at its position."""
    texts: dict[str, WrittenText] = {}
    for claim in world.claims.values():
        for entry in claim.entries:
            record = inbox[entry.position.partition][entry.position.offset]
            read_again = read(record, NOW, ZONE)
            assert isinstance(read_again, Candidate)
            texts |= {one.text_id: one for one in read_again.texts}
    return texts


async def folded_without_crash(inbox: Inbox) -> Any:
    world = World()
    await world.run(inbox)
    return read_log(world.topics["log"])


def shown(log: Any) -> list[list[tuple[Position, Any, Any, Any]]]:
    """What must be the same, log offsets aside."""
    return [[(p, e.type, e.data, e.replaces) for p, e in partition] for partition in log]


@pytest.mark.parametrize("seed", range(6))
async def test_a_crash_at_any_step_leaves_each_record_once_and_in_order(seed: int) -> None:
    inbox = mixed(seed)
    clean = World()
    await clean.run(inbox)
    expected, steps = shown(read_log(clean.topics["log"])), 0
    while True:
        steps += 1
        world = World(step=crashing(after=steps), chance=random.Random(seed))
        crashes = await world.run_until_done(inbox)
        assert shown(read_log(world.topics["log"])) == expected, f"crash at step {steps}"
        assert {i: c.entries for i, c in world.claims.items()} == {i: c.entries for i, c in clean.claims.items()}
        assert world.people == clean.people
        assert world.texts == clean.texts == texts_of(world, inbox)
        if not crashes:
            break
    assert steps > 50


@pytest.mark.parametrize("seed", range(60))
async def test_crash_upon_crash(seed: int) -> None:
    inbox = mixed(seed)
    chance = random.Random(seed)

    async def step() -> None:
        if chance.random() < 0.05:
            raise Crashed

    world = World(step=step, chance=chance)
    await world.run_until_done(inbox)
    world.step = interleaving(chance)
    assert shown(read_log(world.topics["log"])) == shown(await folded_without_crash(inbox))


@pytest.mark.parametrize("seed", range(60))
async def test_a_former_owner_that_goes_on_changes_nothing(seed: int) -> None:
    inbox = inbox_of([record.value for records in mixed(seed).values() for record in records])
    chance = random.Random(seed)
    world = World(step=interleaving(chance), chance=chance)
    await asyncio.gather(world.run(inbox, batch=3), world.run(inbox, batch=5))
    assert shown(read_log(world.topics["log"])) == shown(await folded_without_crash(inbox))
    assert world.texts == texts_of(world, inbox)


@pytest.mark.parametrize("seed", range(60))
async def test_owners_of_two_partitions_agree_on_each_record(seed: int) -> None:
    inbox = mixed(seed, count=40, customers=6)
    chance = random.Random(seed)
    world = World(step=interleaving(chance), chance=chance)
    await asyncio.gather(*(world.run({partition: records}) for partition, records in inbox.items()))
    folded = [event for partition in read_log(world.topics["log"]) for _, event in partition if event.type != REVIEWED]
    positions = Counter(position for partition in read_log(world.topics["log"]) for position, _ in partition)
    assert max(positions.values()) == 1
    accepted = sorted(entry.position for claim in world.claims.values() for entry in claim.entries)
    assert len(accepted) == len(folded)
    assert set(accepted) <= set(positions)
    for claim in world.claims.values():
        revisions = [entry.revision for entry in claim.entries]
        assert revisions == sorted(set(revisions))
    assert world.texts == texts_of(world, inbox)


REVIEWED = "guanxi.customer.reviewed.v1"


async def test_claims_that_change_without_end_put_the_batch_back() -> None:
    class Restless(World):
        async def claim(self, claims: Any) -> bool:
            self.tries = getattr(self, "tries", 0) + 1
            return False

    world = Restless()
    with pytest.raises(Transient):
        await world.run(inbox_of([purchase("p1")]))
    assert world.tries == MAX_CLAIM_ROUNDS
    assert world.stored == {}
    assert world.topics["log"] == [[], [], []]


async def test_an_error_of_ours_refuses_its_record_and_many_stop_admission(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(value: bytes, **options: Any) -> Any:
        if b"cursed" in value:
            raise ZeroDivisionError
        return read_quickly(value, **options)

    monkeypatch.setattr(admission, "read_quickly", failing)
    cursed = [purchase(f"x{n}", subject="cursed") for n in range(MAX_ERRORS_PER_BATCH + 1)]
    world = World()
    await world.run(inbox_of([purchase("p1"), cursed[0], purchase("p2")]))
    assert len(world.logged()) == 2
    assert world.reasons() == [b"internal_error"]
    world = World()
    with pytest.raises(Stop):
        await world.run(inbox_of(cursed), batch=100)
    assert world.stored == {}


async def test_a_timestamp_outside_the_calendar_harms_nobody() -> None:
    world = World()
    odd = [InboxRecord(0, 0, raw(event()), timestamp=2**62), InboxRecord(0, 1, raw(event()), timestamp=-1)]
    await world.run({0: odd})
    assert world.reasons() == [b"too_old", b"in_future"]
