"""The way out: one request to a sink, signed afresh, to an address that was checked for this request."""

import asyncio
import errno
import logging
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from pydantic import SecretStr
from standardwebhooks import Webhook
from yarl import URL

from services.delivery.courier import Message
from services.delivery.rules.course import Outcome
from shared import metrics, tracing
from shared.errors import Malformed
from shared.sinks import Allowed, Unfit, check_addresses, read_sink

TIMEOUT_SECONDS = 20.0
"""Of a whole delivery: look-up, connection, request and answer."""
MAX_ANSWER_BYTES = 256 * 1024
"""Of an answer, which nobody reads; a longer one is no answer."""
IDLE_CONNECTIONS = 32
USER_AGENT = "guanxi-webhooks/1"
REPLAYED_HEADER = "guanxi-replay"
log = logging.getLogger(__name__)
_QUIET = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies, by the public authorities and those of the file."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def read_proxy(proxy: SecretStr | None) -> str | None:
    """The proxy's URL, which may have a password. Raises Malformed, which does not say it."""
    text = proxy.get_secret_value() if proxy else ""
    if not text:
        return None
    try:
        url = URL(text)
    except ValueError:
        url = URL()
    if url.scheme != "http" or not url.host:
        raise Malformed("GUANXI_DELIVERY_PROXY is no proxy: write http://host:port")
    return text


class _Checked(AbstractResolver):
    """Gives only addresses that were checked, and connections go to nothing else: no second look-up comes between."""

    def __init__(self, allowed: Allowed, look_up: Resolve) -> None:
        self._allowed, self._look_up = allowed, look_up

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError for a name that leads where nothing may go."""
        del family
        found = check_addresses(host, await self._look_up(host, port), self._allowed)
        if isinstance(found, Unfit):
            raise OSError(errno.EHOSTUNREACH, found.hint)
        return [
            ResolveResult(
                hostname=host,
                host=one,
                port=port,
                family=socket.AF_INET6 if ":" in one else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for one in found
        ]

    async def close(self) -> None:
        """Nothing is open."""


class Sender:
    """Deliveries to one sink, with connections of its own. Made inside the loop that it works in.

    secrets: those that sign now, the newest first. proxy: which looks names up itself, so that only the URL is checked.
    """

    def __init__(
        self,
        url: str,
        allowed: Allowed,
        secrets: Callable[[], Sequence[str]],
        *,
        tls: ssl.SSLContext,
        proxy: str | None = None,
        look_up: Resolve = resolve,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._allowed, self._secrets, self._proxy, self._seconds = allowed, secrets, proxy, timeout_seconds
        self._sink = read_sink(url, allowed)
        self._url = URL(url, encoded=True)
        resolver = None if proxy else _Checked(allowed, look_up)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=tls, resolver=resolver, use_dns_cache=False, limit=IDLE_CONNECTIONS, happy_eyeballs_delay=None
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
            skip_auto_headers=("User-Agent", "Accept"),
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._session.close()

    async def deliver(self, message: Message) -> Outcome:
        """One attempt; what goes wrong is an outcome."""
        if isinstance(self._sink, Unfit):
            return Outcome(delivered=False, why=self._sink.hint)
        began = time.perf_counter()
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._session.post(
                    self._url,
                    data=message.body,
                    headers=self._headers(message),
                    allow_redirects=False,
                    proxy=self._proxy,
                ) as answer,
            ):
                outcome = await _outcome(answer)
        except TimeoutError:
            outcome = Outcome(delivered=False, why=f"no answer in {self._seconds:g} s")
        except (aiohttp.ClientError, OSError) as error:
            outcome = Outcome(delivered=False, why=why_of(error))
        except Exception:
            # An attempt that counts: what one answer does to us must not end, and begin, the subscription each second.
            log.exception("a delivery failed by an error on our side")
            outcome = Outcome(delivered=False, why="an error on our side, logged")
        said = "delivered" if outcome.delivered else "failed"
        metrics.DELIVERY_SECONDS.labels(said).observe(time.perf_counter() - began)
        return outcome

    def _headers(self, message: Message) -> dict[str, str]:
        now = datetime.now(UTC)
        body = message.body.decode()
        headers = {
            "content-type": "application/cloudevents+json",
            "user-agent": USER_AGENT,
            "accept-encoding": "identity",
            "webhook-id": message.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(Webhook(one).sign(message.id, now, body) for one in self._secrets()),
        }
        if message.replayed:
            headers[REPLAYED_HEADER] = "true"
        if (traceparent := tracing.current_traceparent()) is not None:
            headers["traceparent"] = traceparent
        return headers


def why_of(error: aiohttp.ClientError | OSError) -> str:
    """What went wrong, in words of ours: who asked for the subscription reads it, so neither the proxy's address and
    password, nor what was answered, may be in it.
    """
    match error:
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLCertVerificationError() as found):
            return f"its certificate is not good: {found.verify_message}"
        case aiohttp.ClientHttpProxyError():
            return f"the proxy answered {error.status}"
        case aiohttp.ClientProxyConnectionError():
            return "the proxy can't be reached"
        case aiohttp.ClientConnectorError():
            return f"no connection: {error.os_error.strerror or type(error.os_error).__name__}"[:300]
        case aiohttp.ServerDisconnectedError():
            return "it closed the connection before it answered"
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
            return "its answer is no HTTP, or was cut off"
        case _:
            return f"the connection broke off ({type(error).__name__})"


async def _outcome(answer: aiohttp.ClientResponse) -> Outcome:
    size = 0
    async for chunk in answer.content.iter_any():
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            return Outcome(delivered=False, why=f"the answer has more than {MAX_ANSWER_BYTES // 1024} KiB")
    status = answer.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Outcome(delivered=True)
    if status == HTTPStatus.GONE:
        return Outcome(delivered=False, why="it answered 410: it wants no more", gone=True)
    after = retry_after_seconds(answer.headers, datetime.now(UTC))
    why = f"it answered {status}"
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        why += "; redirects are not followed, give the address where it leads"
    return Outcome(delivered=False, why=why, retry_after=after, quiet=status in _QUIET)


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """What Retry-After asks for, in seconds or as a date; None where it says nothing that can be read."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None
