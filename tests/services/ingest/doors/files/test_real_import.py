"""`guanxi import` on a real Kafka and MongoDB."""

import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.topics import INBOX, LOG
from tests.services.ingest.doors.files.memory import HEADER, MAPPING
from tests.services.ingest.doors.http.running import ingest
from tests.services.ingest.fakes import read_log
from tests.services.ingest.real import Servers, servers_of, until

pytestmark = pytest.mark.real
HARDER_IS_KILLED = pytest.mark.release("SIGKILL leaves more undone than Ctrl-C")

YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%d %H:%M")
ROWS = 6_000


@pytest.fixture
async def servers(stack_settings: dict[str, str]) -> AsyncIterator[Servers]:
    async with servers_of(stack_settings) as made:
        yield made


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_text(MAPPING, encoding="utf-8")
    return path


def orders(path: Path, rows: list[str]) -> Path:
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


async def test_every_rows_outcome_is_told_and_a_second_run_finds_duplicates_only(
    servers: Servers, stack_settings: dict[str, str], tmp_path: Path, mapping: Path
) -> None:
    good = [f"{n},{YESTERDAY},C{n % 40},{n + 1}.50" for n in range(1500)]
    file = orders(tmp_path / "orders.csv", [*good, f"x,{YESTERDAY},,5", f"0,{YESTERDAY},C0,9.99"])
    refused = tmp_path / "refused.csv"
    async with ingest(stack_settings, tmp_path) as running:
        first = await running.guanxi("import", file, "--map", mapping, "--refused", refused)
        assert first.code == 0, first.err
        warning, *totals = first.out.splitlines()
        assert warning.startswith("Before sending: 2 rows would become 1 records")
        numbers = [line.split()[:2] for line in totals[:4]]
        assert numbers == [["1,502", "read"], ["1,499", "admitted"], ["0", "duplicates"], ["3", "refused"]]
        assert {line.split(",")[4] for line in refused.read_text(encoding="utf-8").splitlines()[1:]} == {
            "missing_field", "conflicting_repeat",
        }  # fmt: skip
        again = await running.guanxi("import", file, "--map", mapping, "--refused", refused, "--strict")
        assert again.code == 1
        assert "1,499  duplicates" in again.out
        dry = await running.guanxi("import", file, "--map", mapping, "--refused", refused, "--dry-run")
        assert (dry.code, "1,499  ready to send" in dry.out) == (0, True)
        history = await running.guanxi("import", file, "--map", mapping, "--refused", refused, "--backfill")
        assert "1,499  duplicates" in history.out
    assert sum(map(len, read_log(await servers.read_outgoing(LOG)))) == 1499


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=HARDER_IS_KILLED), signal.SIGKILL])
async def test_an_interrupted_import_goes_on_where_it_was(
    servers: Servers, stack_settings: dict[str, str], tmp_path: Path, mapping: Path, number: signal.Signals
) -> None:
    file = orders(tmp_path / "orders.csv", [f"{n},{YESTERDAY},C{n % 500},1.00" for n in range(ROWS)])
    command: list[str | Path] = ["import", file, "--map", mapping, "--refused", tmp_path / "refused.csv"]
    async with ingest(stack_settings, tmp_path) as running:
        cut_off = await running.begin(*command)

        async def begun() -> bool:
            return any(await servers.read(INBOX))

        await until(begun)
        cut_off.send_signal(number)
        out, err = await cut_off.communicate()
        if number == signal.SIGINT:
            assert cut_off.returncode in {0, 130}  # 0 when it was just done
            assert b" read" in out
            assert b"Traceback" not in err
        rest = await running.guanxi(*command)
        assert rest.code == 0, rest.err
        assert f"{ROWS:,}  read" in rest.out
        assert " 0  refused" in rest.out
    facts = [fact.id for partition in read_log(await servers.read_outgoing(LOG)) for _, fact in partition]
    assert sorted(facts) == sorted(f"order-{n}" for n in range(ROWS))


async def test_without_admission_the_rows_wait_on_the_inbox(
    servers: Servers, stack_settings: dict[str, str], tmp_path: Path, mapping: Path
) -> None:
    file = orders(tmp_path / "orders.csv", [f"{n},{YESTERDAY},C{n},1.00" for n in range(10)])
    command: list[str | Path] = ["import", file, "--map", mapping, "--refused", tmp_path / "refused.csv"]
    async with ingest(stack_settings, tmp_path) as running:
        await running.process.stop()
        waiting = await running.begin(*command)

        async def all_sent() -> bool:
            return sum(map(len, await servers.read(INBOX))) == 10

        await until(all_sent)
        waiting.send_signal(signal.SIGINT)
        out, _ = await waiting.communicate()
        assert waiting.returncode == 130
        assert b"10  on the inbox, outcome unknown" in out
    async with ingest(stack_settings, tmp_path) as running:
        assert "10  duplicates" in (await running.guanxi(*command)).out
    await until(servers.admitted_all)
