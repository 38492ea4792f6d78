"""Delivery as a process, on a real Kafka and MongoDB, to a receiver that checks; killed while it delivers."""

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from standardwebhooks import Webhook

from services.delivery.service import SERVICE
from shared.kafka.connection import make_producer
from shared.mongo import connect
from shared.mongo.schema import apply
from shared.mongo.subscriptions import Subscriptions, new_id
from shared.settings import Settings
from shared.subscriptions import Filters, Subscription, secret
from shared.topics import CHANGES

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
CUSTOMERS, PARTITIONS = 40, 12
KEY = "a key of forty characters, for tests only"
PATIENCE_SECONDS = 90.0


@dataclass
class Receiver:
    """Drops what it has seen, and minds gaps."""

    verify: Webhook
    seconds: float = 0.0
    dead: bool = False
    seen: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    pinged: bool = False
    wrong: list[str] = field(default_factory=list)
    port: int = 0
    late: list[float] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
                }
                body = await reader.readexactly(int(headers["content-length"]))
                await asyncio.sleep(self.seconds)
                if self.dead and "subscription" not in body.decode():
                    writer.write(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
                else:
                    self.take(headers, body)
                    writer.write(b"HTTP/1.1 204 Taken\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def take(self, headers: dict[str, str], body: bytes) -> None:
        change = self.verify.verify(body, headers)
        if "sequence" not in change:
            self.pinged = True
            return
        number, customer = int(change["sequence"]), change["subject"]
        if number <= self.seen[customer]:
            self.repeats += 1
            return
        if number != self.seen[customer] + 1:
            self.wrong.append(f"{customer}: {number} after {self.seen[customer]}")
        self.seen[customer] = number
        self.late.append((datetime.now(UTC) - datetime.fromisoformat(change["time"])).total_seconds())


async def subscribed(settings: Settings, receiver_of: dict[str, Any]) -> Receiver:
    database = connect(settings)
    made = Subscription(
        id=new_id(), key="", scopes=(), rows="all", sink="-", filters=Filters(), created_at=datetime.now(UTC),
        cursors={str(one): 0 for one in range(PARTITIONS)},
        notice={"kind": "ping", "id": new_id(), "failed": 0, "next_at": None},
    )  # fmt: skip
    receiver = Receiver(Webhook(secret(settings.webhook_key, made.id, 1)), **receiver_of)
    server = await asyncio.start_server(receiver.answer, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    made = made.model_copy(update={"sink": f"http://127.0.0.1:{receiver.port}/hook"})
    assert await Subscriptions(database, None).add(made) is not None
    return receiver


async def prepared(settings: Settings) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(CHANGES.full_name(settings), PARTITIONS, 1)])
    await admin.close()
    await apply(connect(settings), SERVICE.schema, 1)


async def produce(
    settings: Settings, number: int, sequences: Counter[str], pause_seconds: float, stop: asyncio.Event | None = None
) -> None:
    producer = make_producer(settings, max_record_bytes=1024 * 1024)
    await producer.start()
    for one in range(number):
        if stop is not None and stop.is_set():
            break
        customer = f"C{one % CUSTOMERS}"
        sequences[customer] += 1
        change = {
            "specversion": "1.0", "id": f"{customer}-{sequences[customer]}", "source": "guanxi/feed",
            "type": "guanxi.customer.changed.v1", "subject": customer, "time": datetime.now(UTC).isoformat(),
            "epoch": 0, "sequence": f"{sequences[customer]:016}", "position": "", "data": {},
        }  # fmt: skip
        partition = int(customer[1:]) % PARTITIONS
        await producer.send(CHANGES.full_name(settings), json.dumps(change).encode(), partition=partition)
        await asyncio.sleep(pause_seconds)
    await producer.stop()


async def process(environment: dict[str, str], log: Path) -> asyncio.subprocess.Process:
    with log.open("ab") as file:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.delivery", env={**os.environ, **environment}, stdout=file, stderr=file
        )


async def until(done: Any) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not done():  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.05)


def environment_of(stack_settings: dict[str, str]) -> dict[str, str]:
    return {
        **stack_settings,
        "GUANXI_WEBHOOK_KEY": KEY,
        "GUANXI_WEBHOOK_ALLOWED": "127.0.0.0/8",
        "GUANXI_HTTP_PORT": "0",
        "GUANXI_DELIVERY_LEASE_SECONDS": "2",
    }


def settings_of(environment: dict[str, str]) -> Settings:
    return Settings(**{name.removeprefix("GUANXI_").lower(): value for name, value in environment.items()})  # type: ignore[arg-type]


def cpu_seconds(running: asyncio.subprocess.Process) -> float:
    ticks = sum(map(int, Path(f"/proc/{running.pid}/stat").read_text(encoding="ascii").split()[13:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


async def killed(stack_settings: dict[str, str], tmp_path: Path, kills: int) -> Receiver:
    environment = environment_of(stack_settings)
    settings = settings_of(environment)
    await prepared(settings)
    receiver = await subscribed(settings, {"seconds": 0.02})
    sequences: Counter[str] = Counter()
    stop = asyncio.Event()
    producing = asyncio.create_task(produce(settings, 10**6, sequences, 0.005, stop))
    running = await process(environment, tmp_path / "log")
    for _ in range(kills):
        taken = sum(receiver.seen.values())
        await until(lambda taken=taken: sum(receiver.seen.values()) > taken)
        await asyncio.sleep(random.random() / 4)
        running.send_signal(signal.SIGKILL)
        await running.wait()
        running = await process(environment, tmp_path / "log")
    stop.set()
    try:
        await producing
        await until(lambda: receiver.seen == sequences)
    except TimeoutError:
        kept = Subscriptions(connect(settings), None)
        found = [(one, await kept.parked(one.id)) for one in await kept.all()]
        left = {one: (count, receiver.seen[one]) for one, count in sequences.items() if receiver.seen[one] != count}
        pytest.fail(f"it is stuck at {left}: {found}")
    finally:
        running.terminate()
        await running.wait()
    assert not receiver.wrong
    return receiver


async def test_reapit_9608_killed_while_it_delivers_each_change_comes_once_in_order(
    stack_settings: dict[str, str], tmp_path: Path
) -> None:
    receiver = await killed(stack_settings, tmp_path, 4)
    assert receiver.repeats, "a kill between an answer and the transaction makes some"


@pytest.mark.release
@pytest.mark.timeout(1800)
async def test_killed_a_hundred_times(stack_settings: dict[str, str], tmp_path: Path) -> None:
    await killed(stack_settings, tmp_path, 100)


async def test_rudder_server_4953_a_dead_and_a_slow_sink_are_no_concern_of_the_others(
    stack_settings: dict[str, str], tmp_path: Path
) -> None:
    environment = environment_of(stack_settings)
    settings = settings_of(environment)
    await prepared(settings)
    dead = await subscribed(settings, {"dead": True})
    slow = await subscribed(settings, {"seconds": 3.0})
    good = [await subscribed(settings, {}) for _ in range(3)]
    sequences: Counter[str] = Counter()
    running = await process(environment, tmp_path / "log")
    try:
        await until(lambda: all(one.pinged for one in (dead, slow, *good)))
        await produce(settings, 800, sequences, 0.005)
        await until(lambda: all(one.seen == sequences for one in good))
        assert not any(one.wrong for one in (*good, slow))
        assert not dead.seen
        assert sum(slow.seen.values()) < sum(sequences.values())
    finally:
        running.terminate()
        await running.wait()


@pytest.mark.release  # figures; what is asserted is asserted by the test above
@pytest.mark.parametrize("bad", [False, True])
async def test_figures_of_eight_good_sinks(stack_settings: dict[str, str], tmp_path: Path, *, bad: bool) -> None:
    environment = environment_of(stack_settings)
    settings = settings_of(environment)
    await prepared(settings)
    others = [await subscribed(settings, {"dead": True}), await subscribed(settings, {"seconds": 3.0})] if bad else []
    good = [await subscribed(settings, {}) for _ in range(8)]
    sequences: Counter[str] = Counter()
    running = await process(environment, tmp_path / "log")
    try:
        await until(lambda: all(one.pinged for one in (*others, *good)))
        spent = cpu_seconds(running)
        await produce(settings, 4_000, sequences, 0.005)
        await until(lambda: all(one.seen == sequences for one in good))
        late = sorted(seconds for one in good for seconds in one.late)
        p50, p99 = (late[len(late) * part // 100] for part in (50, 99))
        print(f"{bad=}: p50 {p50:.3f} s, p99 {p99:.3f} s; {cpu_seconds(running) - spent:.1f} s of CPU")
        assert not any(one.wrong for one in (*good, *others))
    finally:
        running.terminate()
        await running.wait()


@pytest.mark.release  # figures
async def test_figures_of_one_fast_sink(stack_settings: dict[str, str], tmp_path: Path) -> None:
    environment = environment_of(stack_settings)
    settings = settings_of(environment)
    await prepared(settings)
    sequences: Counter[str] = Counter()
    await produce(settings, 10_000, sequences, 0.0)
    receiver = await subscribed(settings, {})
    running = await process(environment, tmp_path / "log")
    try:
        await until(lambda: receiver.pinged)
        began, spent = asyncio.get_running_loop().time(), cpu_seconds(running)
        await until(lambda: receiver.seen == sequences)
        took, spent = asyncio.get_running_loop().time() - began, cpu_seconds(running) - spent
        print(f"{10_000 / took:.0f} events/s, {spent / 10:.3f} ms of CPU per event")
        assert not receiver.wrong
    finally:
        running.terminate()
        await running.wait()
