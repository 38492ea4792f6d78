"""The way out: what is sent, to which address, what counts as an answer; and the receiver of the documentation."""

import asyncio
import json
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr
from standardwebhooks import Webhook

from services.delivery.courier import Message
from services.delivery.rules.course import Outcome
from services.delivery.sender import MAX_ANSWER_BYTES, Sender, read_proxy, retry_after_seconds, tls_context
from shared.errors import Malformed
from shared.sinks import Allowed

SECRETS = ("whsec_" + "bmV3IHNlY3JldCBvZiB0aGUgdGVzdHM=", "whsec_" + "b2xkIHNlY3JldCBvZiB0aGUgdGVzdHM=")
NAMED = Allowed.read("hook.test")
MESSAGE = Message("m1", b'{"subject":"C1"}')
EXAMPLE = Path(__file__).parents[3] / "docs/examples/receiver.py"


@asynccontextmanager
async def answering(answer: bytes, heads: list[bytes]) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heads.append(head if head.startswith(b"CONNECT ") else head + await reader.read(len(MESSAGE.body)))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def to(*addresses: str) -> Callable[[str, int], "asyncio.Future[Sequence[str]]"]:
    async def resolve(host: str, port: int) -> Sequence[str]:
        del host, port
        return addresses

    return resolve  # type: ignore[return-value]


async def deliver(url: str, allowed: Allowed = NAMED, addresses: Sequence[str] = ("127.0.0.1",)) -> Outcome:
    sender = Sender(
        url,
        allowed,
        lambda: SECRETS,
        tls=ssl.create_default_context(),
        look_up=to(*addresses),
        timeout_seconds=2.0,
    )
    try:
        return await sender.deliver(MESSAGE)
    finally:
        await sender.close()


async def test_it_goes_to_the_checked_address_under_the_name_signed_by_both_secrets() -> None:
    heads: list[bytes] = []
    async with answering(b"HTTP/1.1 204 No Content\r\n\r\n", heads) as port:
        assert (await deliver(f"http://hook.test:{port}/a?b=c")).delivered
    head, _, body = heads[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    assert lines[0] == "POST /a?b=c HTTP/1.1"
    assert headers["host"] == f"hook.test:{port}"
    assert headers["user-agent"] == "guanxi-webhooks/1"
    for secret in SECRETS:
        Webhook(secret).verify(body, headers)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Outcome(delivered=True)),
        (b"HTTP/1.1 410 Gone\r\n\r\n", Outcome(delivered=False, gone=True)),
        (b"HTTP/1.1 400 Bad\r\n\r\n", Outcome(delivered=False)),
        (b"HTTP/1.1 500 Bad\r\nRetry-After: 7\r\n\r\n", Outcome(delivered=False, retry_after=7.0)),
        (b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\n\r\n", Outcome(delivered=False, retry_after=7.0, quiet=True)),
        (b"HTTP/1.1 429 Slow\r\n\r\n", Outcome(delivered=False, quiet=True)),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n", Outcome(delivered=False)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf", Outcome(delivered=False)),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_ANSWER_BYTES + 1), Outcome(delivered=False)),
        # A date beyond what datetime holds is no date, and no error on our side.
        (b"HTTP/1.1 500 Bad\r\nRetry-After: Mon, 01 Jan 99999999999 00:00:00 GMT\r\n\r\n", Outcome(delivered=False)),
        (b"HTTP/1.1 99999 Bad\r\n\r\n", Outcome(delivered=False)),
        (b"HTTP/1.1 101 Other\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", Outcome(delivered=False)),
        (b"HTTP/1.1 200 OK\r\n" + b"X-A: y\r\n" * 20_000 + b"\r\n", Outcome(delivered=False)),
        (b"nonsense", Outcome(delivered=False)),
        (b"", Outcome(delivered=False)),
    ],
)
async def test_what_counts_as_an_answer(answer: bytes, outcome: Outcome) -> None:
    heads: list[bytes] = []
    async with answering(answer, heads) as port:
        found = await deliver(f"http://hook.test:{port}/")
    assert (found.delivered, found.gone, found.retry_after, found.quiet) == (
        outcome.delivered,
        outcome.gone,
        outcome.retry_after,
        outcome.quiet,
    )
    assert len(heads) == 1, "no redirect is followed"
    assert "our side" not in found.why
    assert "hook.test" not in found.why, "in our own words"


async def test_a_name_that_leads_inside_is_not_connected_to() -> None:
    heads: list[bytes] = []
    async with answering(b"HTTP/1.1 204 No Content\r\n\r\n", heads) as port:
        for addresses in (["127.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["::ffff:127.0.0.1"]):
            found = await deliver(f"https://example.com:{port}/", Allowed(), addresses)
            assert not found.delivered
            assert "public" in found.why
    assert not heads


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nno TLS", None]
)
async def test_the_proxys_password_is_not_told(answer: bytes | None) -> None:
    heads: list[bytes] = []
    async with answering(answer or b"", heads) as port:
        proxy = read_proxy(SecretStr(f"http://user:hunter2@127.0.0.1:{port if answer else 1}"))
        sender = Sender("https://hook.test/", NAMED, lambda: SECRETS, tls=tls_context(None), proxy=proxy)
        found = await sender.deliver(MESSAGE)
        await sender.close()
    assert not found.delivered
    assert found.why
    assert "hunter2" not in found.why
    assert "127.0.0.1" not in found.why


@pytest.mark.parametrize("text", ["hunter2@proxy:3128", "socks5://hunter2", "http://", "http://[hunter2"])
def test_what_is_no_proxy_is_said_without_it(text: str) -> None:
    with pytest.raises(Malformed) as raised:
        read_proxy(SecretStr(text))
    assert "hunter2" not in str(raised.value)
    assert read_proxy(None) is read_proxy(SecretStr("")) is None


async def test_an_error_on_our_side_is_an_attempt_that_counts(caplog: pytest.LogCaptureFixture) -> None:
    def no_secrets() -> list[str]:
        raise RuntimeError("a bug")

    sender = Sender("http://hook.test/", NAMED, no_secrets, tls=tls_context(None), look_up=to("127.0.0.1"))
    found = await sender.deliver(MESSAGE)
    await sender.close()
    assert found == Outcome(delivered=False, why="an error on our side, logged")
    assert "a bug" in caplog.text


@pytest.mark.parametrize(("name", "delivered"), [("hook.test", True), ("other.test", False)])
async def test_tls_proves_the_name_of_the_url(tmp_path: Path, name: str, *, delivered: bool) -> None:
    certificate = _certificate(tmp_path, name)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        port = server.sockets[0].getsockname()[1]
        sender = Sender(
            f"https://hook.test:{port}/", NAMED, lambda: SECRETS, tls=tls_context(certificate), look_up=to("127.0.0.1")
        )
        found = await sender.deliver(MESSAGE)
        await sender.close()
    assert found.delivered is delivered, found.why
    assert delivered or "certificate" in found.why.lower()


def _certificate(folder: Path, name: str) -> Path:
    """A key and a certificate for a name, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2090, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "certificate.pem"
    file.write_bytes(key.private_bytes(*form) + made.public_bytes(serialization.Encoding.PEM))
    return file


async def test_a_sink_that_hangs_is_left_after_its_time() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with server:
        found = await deliver(f"http://hook.test:{server.sockets[0].getsockname()[1]}/")
    assert not found.delivered
    assert "2 s" in found.why


def test_retry_after_in_both_forms() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert retry_after_seconds({"retry-after": "120"}, now) == 120
    assert retry_after_seconds({"retry-after": "Sun, 01 Mar 2026 00:01:00 GMT"}, now) == 60
    assert retry_after_seconds({"retry-after": "Sat, 28 Feb 2026 00:01:00 GMT"}, now) == 0
    for nonsense in ("", "soon", "-5", "1e9", "٣"):
        assert retry_after_seconds({"retry-after": nonsense}, now) is None


async def test_the_receiver_of_the_documentation_takes_each_change_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLE), str(port), SECRETS[0]), stdout=asyncio.subprocess.PIPE
    )
    sender = Sender(
        f"http://hook.test:{port}/", NAMED, lambda: SECRETS, tls=ssl.create_default_context(), look_up=to("127.0.0.1")
    )
    forged = Sender(
        f"http://hook.test:{port}/",
        NAMED,
        lambda: ["whsec_Zm9yZ2Vk"],
        tls=ssl.create_default_context(),
        look_up=to("127.0.0.1"),
    )

    def change(number: int) -> Message:
        body = {"subject": "C1", "type": "t", "epoch": 0, "sequence": f"{number:016}", "data": number}
        return Message(f"m{number}", json.dumps(body).encode())

    try:
        async with asyncio.timeout(20):
            while not (await sender.deliver(change(1))).delivered:  # noqa: ASYNC110 - another process starts
                await asyncio.sleep(0.05)
        for number in (1, 2, 1, 2, 3):
            assert (await sender.deliver(change(number))).delivered
        replayed = change(2)._replace(replayed=True)
        for message in (replayed, change(3)):
            assert (await sender.deliver(message)).delivered
        stands = {"subject": "C1", "type": "present", "data": 0}
        assert (await sender.deliver(Message("b.C1", json.dumps(stands).encode()))).delivered
        assert (await forged.deliver(change(4))).why == "it answered 401"
    finally:
        running.terminate()
        out, _ = await running.communicate()
        await sender.close()
        await forged.close()
    assert out.decode().splitlines() == ["C1 t 1", "C1 t 2", "C1 t 3", "C1 t 2", "C1 present 0"]


async def test_a_proxy_is_asked_and_looks_names_up_itself_but_inner_addresses_are_refused_still() -> None:
    heads: list[bytes] = []

    async def no_look_up(host: str, port: int) -> Sequence[str]:
        raise AssertionError((host, port))

    async with answering(b"HTTP/1.1 204 No Content\r\n\r\n", heads) as port:
        for url, delivered in (("http://hook.test/x", True), ("https://10.0.0.1/x", False)):
            sender = Sender(
                url,
                NAMED,
                lambda: SECRETS,
                tls=ssl.create_default_context(),
                proxy=f"http://127.0.0.1:{port}",
                look_up=no_look_up,
            )
            assert (await sender.deliver(MESSAGE)).delivered is delivered
            await sender.close()
    [head] = heads
    assert head.startswith(b"POST http://hook.test/x HTTP/1.1\r\n")
