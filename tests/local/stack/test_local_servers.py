"""A real Kafka and a real mongod as local processes: they start, are apart, end, and go on with kept data."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from local.stack import kafka, mongod, ports
from local.stack.backing import Backing, backing
from local.stack.choose import Kind
from local.stack.errors import StackError
from local.stack.supervise import keep_running
from tests.local.stack.processes import appeared, gone, with_word
from tests.local.stack.servers import first_value, insert_in_transaction, make_topic, send, texts

_WHY_NOT = kafka.why_not() or mongod.why_not()
pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(_WHY_NOT is not None, reason=f"no local servers: {_WHY_NOT}"),
]


@contextlib.asynccontextmanager
async def local(folder: Path, *, keep: bool = False) -> AsyncIterator[Backing]:
    async with backing(lambda _: None, order=[Kind.LOCAL], data=folder, keep=keep) as servers:
        yield servers


@pytest.fixture(autouse=True)
def _no_endpoints_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GUANXI_KAFKA_BOOTSTRAP", "GUANXI_MONGO_URI", "GUANXI_STACK"):
        monkeypatch.delenv(name, raising=False)


async def test_two_stacks_side_by_side_know_nothing_of_each_other(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as both:
        one, two = await asyncio.gather(
            both.enter_async_context(local(tmp_path / "one")), both.enter_async_context(local(tmp_path / "two"))
        )
        for servers, text in ((one, b"one"), (two, b"two")):
            await make_topic(servers, "t")
            await send(servers, "t", text)
            await asyncio.to_thread(insert_in_transaction, servers.mongo_uri, text.decode())
        assert [await first_value(one, "t"), await first_value(two, "t")] == [b"one", b"two"]
        assert (texts(one.mongo_uri), texts(two.mongo_uri)) == (["one"], ["two"])
    assert not with_word(str(tmp_path))
    assert not (tmp_path / "one" / "kafka").exists()
    assert not (tmp_path / "one" / "mongod").exists()
    assert (tmp_path / "one" / "logs" / "kafka.log").exists()


async def test_a_port_that_another_program_takes_meanwhile_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for module in (kafka, mongod):
            monkeypatch.setattr(module, "free_port", _first(taken.getsockname()[1], then=ports.free_port))
        said: list[str] = []
        async with backing(said.append, order=[Kind.LOCAL], data=tmp_path) as servers:
            await make_topic(servers, "t")
            await asyncio.to_thread(insert_in_transaction, servers.mongo_uri, "here")
    assert sum("trying another" in line for line in said) == 2


def _first(port: int, *, then: Callable[..., int]) -> Callable[..., int]:
    """A choice of ports that falls on `port` the first time."""
    chosen: list[int] = []

    def choose(*wanted: int | None) -> int:
        chosen.append(port if not chosen else then(*wanted))
        return chosen[-1]

    return choose


async def test_kept_data_are_gone_on_with_even_on_other_ports(tmp_path: Path) -> None:
    async with local(tmp_path, keep=True) as servers:
        await make_topic(servers, "t")
        await send(servers, "t", b"kept")
        insert_in_transaction(servers.mongo_uri, "kept")
        ports = (servers.kafka.port, servers.mongo.port)
    async with local(tmp_path, keep=True) as servers:
        assert (servers.kafka.port, servers.mongo.port) == ports  # readers' addresses go on working
        assert await first_value(servers, "t") == b"kept"
        assert texts(servers.mongo_uri) == ["kept"]
    (tmp_path / "stack.json").write_text("{}", encoding="utf-8")  # as if the ports were taken now
    async with local(tmp_path, keep=True) as servers:
        assert servers.mongo.port != ports[1]
        assert await first_value(servers, "t") == b"kept"
        insert_in_transaction(servers.mongo_uri, "more")
        assert texts(servers.mongo_uri) == ["kept", "more"]


async def test_one_stack_at_a_time_on_a_folder_and_kept_data_are_not_thrown_away(tmp_path: Path) -> None:
    async with local(tmp_path, keep=True):
        with pytest.raises(StackError, match="another stack is running in"):
            async with local(tmp_path, keep=True):
                pass
    with pytest.raises(StackError, match="has the data of a kept stack"):
        async with local(tmp_path):
            pass


async def test_kafka_takes_2_mb_where_the_topic_does_and_mongod_runs_no_javascript(stack: Backing) -> None:
    topic = "test-two-megabytes"
    await make_topic(stack, topic, {"max.message.bytes": str(4 * 1024 * 1024)})
    value = b"x" * 2 * 1024 * 1024
    await send(stack, topic, value)
    assert await first_value(stack, topic) == value
    client: MongoClient[dict[str, Any]] = MongoClient(stack.mongo_uri)
    with client:
        asked = client.admin.command({"getParameter": 1, "transactionLifetimeLimitSeconds": 1})
        assert asked["transactionLifetimeLimitSeconds"] == 10
        with pytest.raises(OperationFailure, match="no globalScriptEngine"):
            list(client.test.notes.find({"$where": "true"}))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_nothing_is_left_however_guanxi_up_ends(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "guanxi", "up", "--only-backing", f"--data={tmp_path / 'data'}"]
    up = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert up.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        line = await up.stdout.readline()
        assert line, said
        said += line.decode()
    assert "Kafka 4.3.0 ready on 127.0.0.1:" in said
    assert "MongoDB 6.0.5 ready on 127.0.0.1:" in said
    running = with_word(str(tmp_path)).values()
    assert any("kafka.Kafka" in line for line in running)
    assert any("mongod" in line for line in running)
    up.send_signal(number)
    assert await up.wait() == (-signal.SIGKILL if number is signal.SIGKILL else 0)
    assert await gone(str(tmp_path))
    assert not (tmp_path / "data" / "kafka").exists()
    assert not (tmp_path / "data" / "mongod").exists()


async def test_a_signal_while_it_starts_ends_it_as_well(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "guanxi", "up", "--only-backing", f"--data={tmp_path / 'data'}"]
    up = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert await appeared("java", str(tmp_path))
    up.send_signal(signal.SIGINT)
    assert await up.wait() == 0
    assert await gone(str(tmp_path))


async def test_a_server_that_dies_is_told_with_its_last_lines(tmp_path: Path) -> None:
    async with local(tmp_path) as servers:
        ending = asyncio.create_task(servers.first_end())
        assert servers.mongo.process is not None
        servers.mongo.process.send(signal.SIGKILL)
        said = str(await ending)
    assert "mongod ended with exit code -9" in said
    assert str(tmp_path / "logs" / "mongod.log") in said


@pytest.mark.parametrize("name", ["kafka", "mongo"])
async def test_a_server_that_dies_is_started_again_on_its_data_and_port(tmp_path: Path, name: str) -> None:
    async with local(tmp_path) as servers:
        await make_topic(servers, "t")
        await send(servers, "t", b"before")
        await asyncio.to_thread(insert_in_transaction, servers.mongo_uri, "before")
        said: list[str] = []
        keeping = asyncio.create_task(keep_running(servers.parts(), said.append))
        await asyncio.sleep(0)
        process = servers.again[name].server.process
        assert process is not None
        process.send(signal.SIGKILL)
        async with asyncio.timeout(90):
            while servers.again[name].server.process is process:  # noqa: ASYNC110 - another task does it
                await asyncio.sleep(0.05)
        assert f"{name} was killed by SIGKILL; restarting it in 1 s, the others keep running" in said
        assert await first_value(servers, "t") == b"before"
        assert await asyncio.to_thread(texts, servers.mongo_uri) == ["before"]
        assert not keeping.done()
        keeping.cancel()
    assert not with_word(str(tmp_path))
    assert not (tmp_path / "kafka").exists()
    assert not (tmp_path / "mongod").exists()
