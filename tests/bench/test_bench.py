"""The benchmark measures what it says: its load is the stated one and its table keeps to its width."""

import asyncio
from collections import Counter
from datetime import UTC, datetime

from shared.events.registry import FACTS
from tests.bench import load
from tests.bench.query import queries
from tests.bench.query.followed import Stream
from tests.bench.table import WIDTH, Line, Part, number, render

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_the_load_has_the_stated_mix_and_is_uniform_over_the_customers() -> None:
    loads = list(load.mixed(20_000, 100, 1, NOW))
    kinds = Counter(one.event["type"] for one in loads)
    assert abs(kinds["guanxi.purchase.recorded.v1"] / 20_000 - load.PURCHASES) < 0.02
    assert abs(kinds["guanxi.purchase.refunded.v1"] / 20_000 - load.REFUNDS) < 0.02
    assert abs(kinds["guanxi.visit.logged.v1"] / 20_000 - load.VISITS) < 0.02
    customers = Counter(one.customer for one in loads)
    assert len(customers) == 100
    assert max(customers.values()) < 1.5 * 200


def test_the_same_seed_gives_the_same_load() -> None:
    assert list(load.mixed(100, 50, 1, NOW)) == list(load.mixed(100, 50, 1, NOW))
    assert list(load.mixed(100, 50, 1, NOW)) != list(load.mixed(100, 50, 2, NOW))


def test_every_event_is_one_that_the_doors_take_and_is_a_record_of_its_own() -> None:
    loads = [*load.first_purchases(50, 1, NOW), *load.mixed(500, 50, 1, NOW), *load.one_each(50, 50, 1, NOW, "x")]
    loads += [*load.written(50, 50, 1, NOW, "y", texts=True), *load.written(50, 50, 1, NOW, "z", texts=False)]
    for one in loads:
        FACTS[one.event["type"]].door.model_validate(one.event["data"])
    assert len({one.event["id"] for one in loads}) == len(loads)


def test_a_latency_run_sends_no_customer_two_events() -> None:
    loads = list(load.one_each(400, 500, 1, NOW, "door"))
    assert len({one.customer for one in loads}) == 400


def test_the_table_keeps_to_its_width() -> None:
    part = Part("End to end", "word " * 60, (Line("throughput", 4123.4, "events/s", "a long note " * 8),))
    lines = render([part]).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert any("4,123 events/s" in line for line in lines)


def test_numbers_show_the_digits_that_matter() -> None:
    assert [number(value) for value in (4123.4, 37.21, 0.8149, float("nan"))] == ["4,123", "37.2", "0.81", "-"]


def test_ten_queries_are_asked_each_of_another_customer_or_representative_in_turn() -> None:
    asked = queries.usual(1_000, 20, "cursor")
    assert len(asked) == 10
    assert len({asked[queries.CUSTOMER](n) for n in range(1_000)}) == 1_000
    assert queries.NOT_THERE.keys() <= asked.keys()


async def test_a_stream_gives_whose_change_it_was_however_its_bytes_are_cut() -> None:
    told = [b'id: %d\nevent: change\ndata: {"subject":"C-%d","epoch":0,"sequence":"1"}\n\n' % (n, n) for n in range(3)]
    body = b"".join(told)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for piece in (b"id: 0\n\n", *(body[at : at + 7] for at in range(0, len(body), 7))):
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    stream = Stream(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "token")
    await stream.begin()
    seen: list[str] = []
    async for batch in stream.batches():
        seen += [customer for _, customer in batch]
        if len(seen) == len(told):
            break
    await stream.end()
    server.close()
    assert seen == ["C-0", "C-1", "C-2"]
