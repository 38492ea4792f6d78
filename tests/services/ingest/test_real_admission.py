"""The whole way from the inbox to the log on a real Kafka and a real MongoDB."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from services.ingest.admission import Admission
from services.ingest.refusals.publish import REASON
from shared.kafka.batches import Outgoing
from shared.topics import INBOX, LOG, REJECTED
from tests.events.wire import event, raw
from tests.services.ingest.fakes import Crashed, InboxRecord, World, read_log
from tests.services.ingest.real import Servers, servers_of, until
from tests.services.ingest.test_admission import mixed, purchase, shown, void

pytestmark = pytest.mark.real

YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).isoformat()
"""The real inbox judges age by its own clock."""


@pytest.fixture
async def servers(stack_settings: dict[str, str]) -> AsyncIterator[Servers]:
    async with servers_of(stack_settings) as made:
        yield made


def outgoing(document: Any, partition: int = 0, key: bytes | None = None, headers: Any = ()) -> Outgoing:
    value = raw({**document, "time": YESTERDAY}) if isinstance(document, dict) else document
    return Outgoing(partition, key, value, list(headers))


async def test_duplicates_conflicts_revisions_and_voids(servers: Servers) -> None:
    stream = [
        purchase("p1"),
        purchase("p1"),
        purchase("p1", amount="9.00"),
        purchase("p1", 3, "3.00"),
        purchase("p1", 2, "2.00"),
        purchase("p1", 5, "5.00", subject="someone-else"),
        void("p1", 4),
        void("p2", 2),
        purchase("p2", 1),
        purchase("p1", 5, "5.00", subject="someone-else"),
    ]
    await servers.send([outgoing(document) for document in stream])
    async with servers.service():
        await until(servers.admitted_all)
    kept = [one for partition in read_log(await servers.read_outgoing(LOG)) for one in partition]
    assert [(p.offset, e.revision, e.replaces and e.replaces.revision) for p, e in kept] == [
        (0, 1, None),
        (3, 3, 1),
        (6, 4, 3),
        (7, 2, None),
        (9, 5, 4),
    ], "after its void a record starts afresh for whom it names then"
    reasons = [dict(record.headers)[REASON].decode() for record in (await servers.read(REJECTED))[0]]
    assert reasons == ["conflicting_repeat", "superseded", "subject_changed", "superseded"]


async def test_bad_records_harm_nobody(servers: Servers) -> None:
    good = purchase("p1")
    bad = [
        outgoing(None),
        outgoing(b"\xff\xfe"),
        outgoing(b"x" * 2_000_000),
        outgoing(good, headers=[("ce_id", None), ("ce_type", b"x")]),
        outgoing(good, headers=[("content-type", b"\xff")]),
        outgoing(good, key=b"customer:other"),
        outgoing(b"[" * 60_000),
    ]
    odd = [
        outgoing(purchase("p2"), headers=[("trace", None), ("x", b"\xff"), ("", b"")]),
        outgoing(purchase("p3"), key=b"\xff\x00"),
    ]
    for record in (*bad, *odd):
        await servers.send([record])
    async with servers.service() as process:
        await until(servers.admitted_all)
        assert await process.health.problems() == []
    refused = (await servers.read(REJECTED))[0]
    assert [dict(record.headers)[REASON].decode() for record in refused] == [
        "empty",
        "not_utf8",
        "too_large",
        "invalid_header",
        "invalid_header",
        "key_mismatch",
        "too_deep",
    ]
    assert dict(refused[3].headers)["ce_id"] is None
    assert len([r for partition in await servers.read(LOG) for r in partition]) == 2


async def test_a_restart_reads_on_where_the_last_process_ended(servers: Servers) -> None:
    for start in (0, 10, 20):
        await servers.send([outgoing(purchase(f"p{n}", subject=f"c{n % 4}"), n % 3) for n in range(start, start + 10)])
        async with servers.service() as process:
            await until(servers.admitted_all)
            admitted = process.health.details["admitted"]()
        assert admitted["accepted"] == 10
    log = await servers.read_outgoing(LOG)
    assert sum(len(partition) for partition in log) == 30 == sum(len(partition) for partition in read_log(log))


class Crashing:
    """Ends the process at the given count of calls, counted before and after each call of a store or an appender."""

    def __init__(self, after: int) -> None:
        self._left = after

    def around(self, real: Any) -> Any:
        """The same store or appender, with an end."""
        return _Around(real, self.step)

    def step(self) -> None:
        self._left -= 1
        if not self._left:
            raise Crashed


class _Around:
    def __init__(self, real: Any, step: Callable[[], None]) -> None:
        self._real, self._step = real, step

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real, name)

        async def call(*args: Any) -> Any:
            self._step()
            result = await method(*args)
            self._step()
            return result

        return call


BATCH = 10


@pytest.mark.parametrize("seed", range(2))
async def test_processes_that_end_between_any_two_calls_leave_each_record_once(servers: Servers, seed: int) -> None:
    inbox = mixed(seed, count=60)
    log = servers.appender()
    for process in count(1):
        crashing = Crashing(after=process)
        try:
            await admit_all(servers.admission(crashing.around(servers.store()), crashing.around(log)), inbox)
        except Crashed:
            continue
        assert process > CALLS_OF_A_BATCH
        break
    clean = World(ties=await servers.ties())  # ids are drawn by chance: the run to compare with takes these
    await clean.run(inbox, batch=BATCH)
    assert len(clean.ties) > 0
    assert shown(read_log(await servers.read_outgoing(LOG))) == shown(read_log(clean.topics["log"]))
    claims = await servers.claims()
    assert {i: claim.entries for i, claim in claims.items()} == {i: c.entries for i, c in clean.claims.items()}


CALLS_OF_A_BATCH = 12  # before and after: positions, find, claim, name, append, move


async def admit_all(admission: Admission, inbox: Mapping[int, Sequence[InboxRecord]]) -> None:
    """Both partitions in step, as the run to compare with does: which of two revisions on different partitions comes
    first is nobody's promise."""
    at = max((await admission.positions(inbox)).values()) // BATCH * BATCH
    while any(at < len(records) for records in inbox.values()):
        await admission.process({p: records[at : at + BATCH] for p, records in inbox.items() if at < len(records)})
        at += BATCH


async def test_two_members_share_the_partitions_and_no_record_is_lost_or_twice(servers: Servers) -> None:
    async with servers.service() as first:
        await servers.send([outgoing(purchase(f"p{n}", subject=f"c{n}"), n % 3) for n in range(300)])
        async with servers.service() as second:
            await servers.send([outgoing(purchase(f"p{n}", subject=f"c{n}"), n % 3) for n in range(150, 600)])
            await until(servers.admitted_all)
            assert second.health.stopped is None
        assert first.health.stopped is None
    kept = [event for partition in read_log(await servers.read_outgoing(LOG)) for _, event in partition]
    assert Counter(event.data.purchase_id for event in kept) == Counter(f"p{n}" for n in range(600))
    assert await servers.read(REJECTED) == [[], [], []]


async def test_a_position_beyond_the_inbox_stops_admission_loudly(servers: Servers) -> None:
    await servers.send([outgoing(event())])
    await servers.store().move({0: 99}, {})
    async with servers.service() as process:

        async def stopped() -> bool:
            return process.health.stopped is not None

        await until(stopped)
        assert "99" in (process.health.stopped or "")
        assert INBOX.name in (process.health.stopped or "")
    assert await servers.store().positions([0]) == {0: 99}
