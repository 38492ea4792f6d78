"""Faults of what comes in: too large, poisonous, from a newer version, sent again, sent by clients that misbehave."""

import asyncio
import json
from collections.abc import Sequence
from urllib.parse import urlsplit

from aiokafka import AIOKafkaProducer

from local.stack.errors import StackError
from shared.kafka.connection import partition_of
from shared.topics import INBOX, LOG, MAX_INBOX_RECORD_BYTES, Topic
from tests.events.wire import event
from tests.faults.fault import Fault
from tests.faults.load import SOURCE
from tests.faults.stand import Stand
from tests.faults.topics import read_topic

Raw = tuple[int, bytes | None, bytes | None, Sequence[tuple[str, bytes]]]
"""Partition, key, value, headers."""
FLOOD = 5_000
COMMAND_SECONDS = 60.0
TWO_MB = 2 * 1024 * 1024


async def put(stand: Stand, topic: Topic, records: Sequence[Raw]) -> None:
    """Write to a topic as anybody who may."""
    producer = AIOKafkaProducer(
        bootstrap_servers=stand.settings.kafka_bootstrap, max_request_size=MAX_INBOX_RECORD_BYTES, acks="all"
    )
    await producer.start()
    try:
        name = topic.full_name(stand.settings)
        waiting = []
        for partition, key, value, headers in records:
            sent = await producer.send(name, value, key, partition, headers=list(headers))
            waiting.append(sent)
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()


def purchase(name: str, **more: object) -> dict[str, object]:
    data = {"purchase_id": name, "amount": "10.00", "currency": "GBP", **more}
    return event(data=data, id=name, source=SOURCE, subject="c1", time="2026-10-01T10:00:00Z")


async def two_megabytes(stand: Stand) -> None:
    """An event of 2 MB, by Kafka and by HTTP, alone and in a batch."""
    await stand.flow(2.0)
    large = json.dumps(purchase("large", product_line="x" * TWO_MB)).encode()
    partitions = range(stand.settings.partitions)
    await put(stand, INBOX, [(partition, b"customer:c1", large, ()) for partition in partitions])
    statuses = {await _post(stand, large), await _post(stand, b"[" + large + b"]")}
    stand.note(f"the door answered {', '.join(map(str, sorted(statuses)))}")
    await stand.flow(4.0)


async def _post(stand: Stand, body: bytes) -> int:
    parts = urlsplit(stand.services.url())
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        head = (
            f"POST /v1/events HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {stand.upstream.token}\r\n"
            f"content-type: application/cloudevents-batch+json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        async with asyncio.timeout(20):
            return int((await reader.readline()).split(b" ", 2)[1])
    except OSError:
        return 0  # the door closed the connection before all of it was sent
    finally:
        writer.transport.abort()


async def poison(stand: Stand) -> None:
    """Thousands of records that are nothing, between those that are something; and three on the log itself, which no
    door would have let in: their customers freeze, and only they.
    """
    chance = stand.random
    kinds: list[tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]] = [
        (b"customer:c1", None, ()),
        (None, b"", ()),
        (b"\xff\xfe", b"\x00\xff" * 50, (("\ud83d".encode("utf-8", "surrogatepass").decode("latin-1"), b"\xff"),)),
        (b"customer:c1", b"[" * 5_000, ()),
        (b"customer:c1", b'{"specversion":"1.0"}', ()),
        (b"customer:c1", json.dumps(purchase("p", amount="1e999999")).encode(), ()),
        (b"customer:other", json.dumps(purchase("p")).encode(), ()),
        (b"customer:c1", json.dumps(purchase("p", currency="\x00")).encode(), ()),
        (b"customer:c1", b'{"type":"guanxi.purchase.recorded.v1"', (("content-type", b"\xff"),)),
    ]
    for _ in range(FLOOD // 250):
        batch = [(chance.randrange(stand.settings.partitions), *chance.choice(kinds)) for _ in range(250)]
        await put(stand, INBOX, batch)
        await stand.flow(0.2)
    victims = [f"customer:c{number}".encode() for number in (3, 17, 29)]
    named = [("type", b"guanxi.purchase.recorded.v1")]
    value = b'{"type":"guanxi.purchase.recorded.v1","source":"x","id":"bad","data":{}}'
    await put(stand, LOG, [(partition_of(key, stand.settings.partitions), key, value, named) for key in victims])
    stand.note(f"{FLOOD} refused, {len(victims)} customers frozen on purpose")
    await stand.flow(4.0)


PATIENCE = 600
"""Fifths of a second of events."""


async def newer_schema(stand: Stand) -> None:
    """What a newer version writes: types that nobody here knows, and new fields in known ones; then a document of a
    newer fold, which has to stop who meets it until the newer program comes.
    """
    await stand.flow(2.0)
    records: list[Raw] = []
    for number in range(300):
        key = f"customer:c{number % 40}".encode()
        name = ("guanxi.purchase.recorded.v2", "guanxi.loyalty.earned.v1")[number % 2]
        value = json.dumps({**purchase(f"new{number}"), "type": name, "subject": f"c{number % 40}"}).encode()
        records.append((partition_of(key, stand.settings.partitions), key, value, [("type", name.encode())]))
    await put(stand, LOG, records)
    await stand.flow(3.0)
    rows = stand.stored.collection("tiering_g1")
    before = await asyncio.to_thread(rows.find_one, {"_id": "c5"})
    assert before is not None, "it was registered at the start"
    await asyncio.to_thread(rows.update_one, {"_id": "c5"}, {"$set": {"fold_version": 99}})
    await stand.kill("tiering")  # which has the customer in memory and need not read the document
    for _ in range(PATIENCE):
        await stand.flow(0.2)
        if any("tiering with exit code 1" in name for name in stand.seen.ended):
            break
    else:
        raise AssertionError("tiering went on at a document of a newer version")
    stand.note("tiering stopped at a document of a newer version")
    await asyncio.to_thread(rows.update_one, {"_id": "c5"}, {"$set": {"fold_version": before["fold_version"]}})
    await stand.flow(3.0)


async def replay(stand: Stand) -> None:
    """All of the inbox again, three times over and each time in another partition's company, and what was refused put
    back by command, while events flow.
    """
    await stand.flow(4.0)
    old = [{**purchase(f"old{number}"), "time": "2020-01-01T00:00:00Z"} for number in range(40)]
    await put(stand, INBOX, [(n % 4, b"customer:c1", json.dumps(event).encode(), ()) for n, event in enumerate(old)])
    for _ in range(3):
        records = [record for part in await read_topic(stand.settings, INBOX) for record in part]
        stand.random.shuffle(records)
        partitions = range(stand.settings.partitions)
        again = [(stand.random.choice(partitions), one.key, one.value, one.headers) for one in records]
        await put(stand, INBOX, again)
        try:
            await stand.services.command("rejected", "replay", "--reason", "too_old", timeout_s=COMMAND_SECONDS)
        except StackError as error:
            stand.note(f"replaying failed: {str(error).splitlines()[0]}")
        stand.note(f"{len(again)} sent again")
        await stand.flow(1.0)


async def clients(stand: Stand) -> None:
    """Half of all requests are broken off, in the middle or before the answer, and all are tried again."""
    stand.upstream.hangs_up = 0.3
    stand.upstream.max_pause_seconds = 0.05
    await stand.flow(20.0)
    stand.upstream.hangs_up = 0.0
    stand.note(f"{stand.upstream.answers['hung up']} requests broken off")


FAULTS = (
    Fault("two-megabytes", "records and requests of 2 MB", two_megabytes),
    Fault("poison", f"a flood of {FLOOD} poisonous records, and some on the log", poison, frozen=3),
    Fault("newer-schema", "records and a document of a newer version", newer_schema),
    Fault("replay", "all of the inbox sent again, thrice, while live", replay),
    Fault("clients", "HTTP clients that retry everything and hang up half-way", clients),
)
