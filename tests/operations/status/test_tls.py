"""`guanxi status` asks services that speak HTTPS, with a certificate of the deployment's own authority."""

import asyncio
import os
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local.stack.paths import REPOSITORY
from operations.status.services import ask_services

BODY = b'{"service": "ingest", "ready": true, "problems": [], "partitions": 3}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (len(BODY), BODY)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made as Compose makes them."""
    made = tmp_path_factory.mktemp("secrets")
    where = {"SECRETS": str(made), "HANDOUT": str(made / "nobody")}
    subprocess.run([REPOSITORY / "deploy" / "secrets", "make"], env={**os.environ, **where}, check=True, timeout=60)
    return made / "tls"


@pytest.fixture
async def port(secrets: Path) -> AsyncIterator[int]:
    """Of a service that speaks HTTPS only."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(secrets / "ingest.pem", secrets / "ingest.key")
    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_service_that_speaks_https_only_is_ready(secrets: Path, port: int) -> None:
    (found,) = await ask_services({"ingest": f"http://127.0.0.1:{port}"}, secrets / "ca.pem")
    assert (found.ready, found.problems, found.partitions) == (True, (), 3)


async def test_a_certificate_of_somebody_else_is_not_believed(port: int) -> None:
    (found,) = await ask_services({"ingest": f"https://127.0.0.1:{port}"})
    assert not found.ready
