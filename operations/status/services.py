"""The addresses of the services, and their state."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from services import SERVICES
from shared.errors import Malformed

ANSWER_SECONDS = 4.0
"""Longer than a service needs to find out that a store does not answer."""
ADDRESSES = "GUANXI_SERVICES"
"""Variable: name=http://host:port, separated by commas."""

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Returns the addresses of a host name; none if it is unknown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The state of a service: ready, or why not; how many partitions it reads, how many seconds it is behind."""

    service: str
    url: str
    ready: bool
    problems: tuple[str, ...]
    partitions: int | None = None
    lag_seconds: float | None = None


def parse_addresses(texts: Sequence[str]) -> dict[str, str]:
    """`name=http://host:port` each. Raises Malformed."""
    found = {}
    for text in texts:
        name, equals, url = text.strip().partition("=")
        if not (name and equals and url.startswith(("http://", "https://"))):
            raise Malformed(f"{text}: expected NAME=http://...")
        found[name] = url.rstrip("/")
    return found


async def addresses(environment: Mapping[str, str], port: int, resolve: Resolve) -> dict[str, str]:
    """By GUANXI_SERVICES; else, where the environment names a Kafka, by the services' own names, as Compose and
    Kubernetes give them: each process of a scaled service has an address. A name that is not known while others are is
    kept, so that it shows as not answering. Raises Malformed.
    """
    named = environment.get(ADDRESSES, "")
    if named:
        return parse_addresses(named.split(","))
    if "GUANXI_KAFKA_BOOTSTRAP" not in environment:
        return {}
    found = dict(zip(SERVICES, await asyncio.gather(*(resolve(name) for name in SERVICES)), strict=True))
    if not any(found.values()):
        return {}
    urls: dict[str, str] = {}
    for name, hosts in found.items():
        if len(hosts) > 1:
            urls |= {f"{name} {number}": f"http://{host}:{port}" for number, host in enumerate(sorted(hosts), start=1)}
        else:
            urls[name] = f"http://{name}:{port}"
    return urls


async def resolve(name: str) -> Sequence[str]:
    """By the system's resolver."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(name, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return sorted({str(address[0]) for *_, address in found})


async def ask_services(urls: Mapping[str, str], ca_file: Path | None = None) -> list[Answer]:
    """Each service's /readyz, all at once. ca_file: of the authority whose certificates services with HTTPS have."""
    context = ssl.create_default_context(cafile=ca_file)
    # A process of a scaled service is asked by its address, for which it has no certificate. Nothing secret is sent.
    context.check_hostname = ca_file is None
    async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_SECONDS, verify=context) as client:
        return await asyncio.gather(*(_ask(client, name, url) for name, url in urls.items()))


async def _readyz(client: httpx.AsyncClient, url: str) -> httpx.Response:
    """By HTTPS where HTTP is not spoken: a name alone does not say which it is."""
    try:
        return await client.get(f"{url}/readyz")
    except (httpx.RemoteProtocolError, httpx.ReadError):
        if url.startswith("https:"):
            raise
        return await client.get(f"https{url.removeprefix('http')}/readyz")


async def _ask(client: httpx.AsyncClient, service: str, url: str) -> Answer:
    try:
        body: Any = (await _readyz(client, url)).json()
        if not isinstance(body, dict) or "ready" not in body:
            return Answer(service, url, ready=False, problems=("something answers, but not a service of guanxi",))
    except httpx.TimeoutException:
        return Answer(service, url, ready=False, problems=(f"does not answer within {ANSWER_SECONDS:.0f} s",))
    except (httpx.HTTPError, ValueError):
        return Answer(service, url, ready=False, problems=("does not answer: not running, or unreachable",))
    return Answer(
        service,
        url,
        bool(body["ready"]),
        tuple(map(str, body.get("problems", ()))),
        body.get("partitions"),
        body.get("lag_seconds"),
    )
