"""The upstream of the fault runs believes an answer only when it has all of it."""

import asyncio
import json
from datetime import UTC, datetime

from tests.faults.load import Load
from tests.faults.upstream import HEAD_END, Upstream

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_an_answer_whose_body_was_never_sent_is_none() -> None:
    """A door killed between head and body: sent again, and counted once the whole answer came."""
    cut_off = 3
    bodies: list[bytes] = []

    async def door(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(HEAD_END)
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        bodies.append(await reader.readexactly(length))
        said = [{"status": "accepted"} for _ in json.loads(bodies[-1])]
        answer = json.dumps({"events": said}).encode()
        start = f"HTTP/1.1 202 Accepted\r\nContent-Length: {len(answer)}\r\n\r\n".encode()
        cut = [b"HTTP/1.1 202", start, start + answer[:5]]
        writer.write(cut[len(bodies) - 1] if len(bodies) <= cut_off else start + answer)
        writer.close()

    async def main() -> Upstream:
        async with await asyncio.start_server(door, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            load = Load(seed=1, now=NOW)
            upstream = Upstream([f"http://127.0.0.1:{port}"], "token", load, seed=1, hangs_up=0.0)
            await upstream._until_acknowledged(load.first())
            return upstream

    upstream = asyncio.run(main())
    assert upstream.answers == {"none": cut_off, "202": 1}
    assert len(bodies) == cut_off + 1
    assert len(set(bodies)) == 1, "the same again"
    assert len(upstream.acknowledged) == len(json.loads(bodies[0]))
