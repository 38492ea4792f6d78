"""An import rides over a restart without being run again, and nothing counts twice."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from services.ingest.doors.files import riding as module
from services.ingest.doors.files.ports import Place, Ports
from services.ingest.doors.files.riding import ride, riding
from services.ingest.inbox import InboxRecord
from shared.errors import Transient
from tests.services.ingest.doors.files.memory import Office, Servers

DAY = "2026-02-20"
CHUNK = 20


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest.doors.files.reading.CHUNK_ROWS", CHUNK)
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.0)


@dataclass
class Restarting(Servers):
    """Every other question fails; an append that fails leaves a part of its records behind."""

    asked: int = 0
    said: list[str] = field(default_factory=list)

    def _answers(self) -> bool:
        self.asked += 1
        return self.asked % 2 == 0

    async def append(self, records: Sequence[InboxRecord]) -> Sequence[Place]:
        if not self._answers():
            await super().append(records[: len(records) // 2])
            raise Transient("Kafka: no broker")
        return await super().append(records)

    async def positions(self, partitions: Any) -> Any:
        if not self._answers():
            raise Transient("MongoDB: no primary")
        return await super().positions(partitions)

    def ports(self) -> Ports:
        return riding(super().ports(), tell=self.said.append)


async def test_import_rides_over_restarts(office: Office) -> None:
    rows = [f"{n},{DAY} 10:00,C{n % 7},1.00" for n in range(3 * CHUNK)]
    office.servers = servers = Restarting()
    tally = await office.csv(*rows)
    assert tally.admitted + tally.duplicates == len(rows)
    assert (tally.fit, tally.refusals) == (len(rows), 0)
    restarted = office.servers.log()
    assert sorted(fact.id for fact in restarted) == sorted(f"order-{n}" for n in range(3 * CHUNK))
    assert any("Kafka: no broker; retrying for 180 s" in line for line in servers.said)
    assert any("it responds again" in line for line in servers.said)
    office.servers = Servers()
    await office.csv(*rows)
    assert {(one.id, one.subject) for one in office.servers.log()} == {(one.id, one.subject) for one in restarted}


async def test_a_restart_that_takes_too_long_ends_the_import(office: Office) -> None:
    class Away(Servers):
        def ports(self) -> Ports:
            return riding(super().ports(), seconds=0.01, tell=lambda _: None)

    office.servers = Away(append_fails_after=0)
    with pytest.raises(Transient, match="no broker"):
        await office.csv(f"1,{DAY} 10:00,C1,1.00")


async def test_an_error_that_is_final_is_not_asked_again() -> None:
    class Final(Transient):
        final = True

    asked = []

    async def call() -> None:
        asked.append(True)
        raise Final("no")

    with pytest.raises(Final):
        await ride(call, 60, lambda _: None)
    assert asked == [True]
