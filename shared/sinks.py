"""Where a webhook may go. Pure: addresses that a name was resolved to come in.

HTTPS only, but for hosts that the operator names. Only addresses of the public internet, but for hosts and networks
that the operator names: what is private, local, a cloud's metadata, or leads to such a thing inside another address,
is refused. What is not known to be public is refused.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

MAX_URL_CHARS = 2_000
HTTPS_PORT, HTTP_PORT = 443, 80
_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
"""Of a name: its last label begins with a letter, so that no number in another notation is one."""
Address = IPv4Address | IPv6Address
_CARRIES = (
    (ip_network("64:ff9b::/96"), 96),  # NAT64
    (ip_network("64:ff9b:1::/48"), 96),  # NAT64 of one's own network
    (ip_network("2002::/16"), 16),  # 6to4
    (ip_network("::/96"), 96),  # compatible with IPv4, outdated
    (ip_network("::ffff:0:0:0/96"), 96),  # translated
)
"""Networks of IPv6 whose addresses carry one of IPv4, and from which bit on."""
_REFUSED = tuple(
    ip_network(one)
    for one in (
        *("100.64.0.0/10", "168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15"),
        *("fec0::/10", "2001::/23", "64:ff9b:1::/48", "5f00::/16"),
    )
)
"""What `is_global` takes for public in some version of Python, or is a cloud's own: carriers' NAT, Azure's metadata,
anycast of 6to4, benchmarks, IPv6's former site-local, Teredo and its neighbours."""


class Sink(NamedTuple):
    """A URL, taken apart. host: in lower case, as TLS is to prove it."""

    url: str
    https: bool
    host: str
    port: int
    target: str


class Unfit(NamedTuple):
    """Why a URL or an address is not taken: a sentence that says what to do."""

    hint: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the operator names. hosts: names to which plain HTTP and any address is good; networks: addresses."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str) -> "Allowed":
        """From names and networks, separated by commas. Raises ValueError for what is neither."""
        hosts, networks = set(), []
        for part in filter(None, (one.strip().lower() for one in text.split(","))):
            if _HOST.fullmatch(part):
                hosts.add(part)
            else:
                networks.append(str(ip_network(part)))
        return cls(frozenset(hosts), tuple(networks))

    def covers(self, address: Address) -> bool:
        """Whether an address is named."""
        return any(address in ip_network(one) for one in self.networks)


def read_sink(url: str, allowed: Allowed) -> Sink | Unfit:
    """The URL of a subscription."""
    if len(url) > MAX_URL_CHARS or not url.isascii() or any(not 0x20 < ord(one) < 0x7F or one == "\\" for one in url):
        return Unfit(f"a sink is a URL of at most {MAX_URL_CHARS} characters of ASCII, without spaces")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return Unfit("the sink is no URL; write https://host/path")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        return Unfit("a sink has no user or password in its URL; deliveries are signed instead")
    if parts.fragment or parts.scheme not in {"https", "http"} or not host:
        return Unfit("a sink begins with https://, names a host, and has no #")
    literal = _literal(host, allowed)
    if isinstance(literal, Unfit):
        return literal
    if literal is None and not _HOST.fullmatch(host):
        return Unfit("the sink's host is neither a name nor an address in the usual notation")
    named = host in allowed.hosts or (literal is not None and allowed.covers(literal))
    https = parts.scheme == "https"
    if not https and not named:
        return Unfit("a sink begins with https://; the operator may name hosts for plain HTTP")
    if port == 0:
        return Unfit("a sink has no port 0")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Sink(url, https, host, port or (HTTPS_PORT if https else HTTP_PORT), target)


def _literal(host: str, allowed: Allowed) -> Address | Unfit | None:
    """The address that a host is; None for a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return why if (why := check_address(address, allowed)) else address


def check_addresses(host: str, found: Sequence[str], allowed: Allowed) -> list[str] | Unfit:
    """The addresses that a host was resolved to, all of which must be good: one that is not says that the name leads
    inside, now or a moment later.
    """
    if not found:
        return Unfit(f"{host} has no address")
    addresses: list[Address] = []
    for one in found:
        try:
            addresses.append(ip_address(one))
        except ValueError:
            return Unfit(f"{host} leads to an address with a zone, which is local")
    if host not in allowed.hosts:
        for address in addresses:
            if why := check_address(address, allowed):
                return why
    return [str(address) for address in addresses]


def check_address(address: Address, allowed: Allowed) -> Unfit | None:
    """None for one that may be connected to."""
    for one in (address, *_carried(address)):
        if allowed.covers(one):
            continue
        if not one.is_global or one.is_multicast or one.is_reserved or _in_any(one, _REFUSED):
            return Unfit(f"{address} is not an address of the public internet; the operator may name it")
    return None


def _carried(address: Address) -> Iterable[IPv4Address]:
    """Addresses of IPv4 that are inside one of IPv6."""
    if not isinstance(address, IPv6Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    for network, bit in _CARRIES:
        if isinstance(network, IPv6Network) and address in network:
            yield IPv4Address((int(address) >> (96 - bit)) & 0xFFFFFFFF)
    if int(address) & 0xFFFFFFFF and (int(address) >> 32) & 0xFDFFFFFF == 0x5EFE:  # ISATAP
        yield IPv4Address(int(address) & 0xFFFFFFFF)


def _in_any(address: Address, networks: Iterable[object]) -> bool:
    return any(address in network for network in networks)  # type: ignore[operator]
